#include "net/request_parser.hpp"

#include "base/text.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <optional>

namespace eco2::net {
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace {

// A chunk's size line and trailers need far less; the parser wants them whole.
constexpr std::size_t kChunkHeadBytesMax = 16 * 1024;
// Taken at once for a declared body; a larger one grows as it really comes.
constexpr std::size_t kBodyReserveMax = 256 * 1024;

struct Scan {
    enum class Found { nothing, end, broken } found = Found::nothing;
    std::size_t end = 0;  // just behind the empty line
};

/// Looks for the empty line from `from` on, and for what must not be in a head.
Scan scan_head(std::string_view bytes, std::size_t from) noexcept {
    for (std::size_t i = from; i < bytes.size(); ++i) {
        const char c = bytes[i];
        if (c == '\0' || (c == '\n' && (i == 0 || bytes[i - 1] != '\r'))) {
            return {Scan::Found::broken};
        }
        if (i > 0 && bytes[i - 1] == '\r' && c != '\n') {
            return {Scan::Found::broken};
        }
        const bool starts_line = i >= 2 && bytes[i - 1] == '\n';
        if (starts_line && (c == ' ' || c == '\t')) {
            return {Scan::Found::broken};
        }
        if (c == '\n' && i >= 3 && bytes[i - 2] == '\n') {
            return {Scan::Found::end, i + 1};
        }
    }
    return {};
}

}  // namespace

class RequestParser::Impl final : public http::basic_parser<true> {
public:
    Impl(std::size_t head_bytes_max, std::size_t body_bytes_max) : head_bytes_max_(head_bytes_max) {
        eager(true);
        header_limit(static_cast<std::uint32_t>(head_bytes_max));
        body_limit(body_bytes_max);
    }

    Result<std::size_t> feed(std::string_view bytes) {
        if (!is_header_done()) {
            return feed_head(bytes);
        }
        return feed_parser(bytes);
    }

    int http_version() const noexcept { return version_; }

    ServerRequest request;
    bool expects_continue = false;

private:
    Result<std::size_t> feed_head(std::string_view bytes) {
        std::size_t blank = 0;
        // Some clients send an empty line behind a body (RFC 9112, 2.2).
        while (scanned_ == 0 && bytes.substr(blank, 2) == "\r\n") {
            blank += 2;
        }
        if (blank > 0) {
            return blank;
        }
        const Scan scan = scan_head(bytes.substr(0, head_bytes_max_ + 1), scanned_);
        if (scan.found == Scan::Found::broken) {
            return fail(Errc::bad_request, "the request's head has a line that is not ended or folded as HTTP asks");
        }
        if (scan.found == Scan::Found::end && scan.end <= head_bytes_max_) {
            return feed_parser(bytes.substr(0, scan.end));
        }
        if (bytes.size() > head_bytes_max_) {
            return fail(Errc::header_too_large,
                        "the request's head is longer than " + std::to_string(head_bytes_max_) + " bytes");
        }
        scanned_ = bytes.size();
        return std::size_t{0};
    }

    Result<std::size_t> feed_parser(std::string_view bytes) {
        beast::error_code ec;
        const std::size_t used = put(boost::asio::const_buffer(bytes.data(), bytes.size()), ec);
        if (error_) {
            return *error_;
        }
        if (ec && ec != http::error::need_more) {
            return to_error(ec);
        }
        if (bytes.size() - used > kChunkHeadBytesMax && !is_done()) {
            return fail(Errc::bad_request, "a chunk's head is too long");
        }
        return used;
    }

    static Error to_error(const beast::error_code& ec) {
        if (ec == http::error::body_limit) {
            return fail(Errc::body_too_large, "the request's body is larger than allowed");
        }
        if (ec == http::error::header_limit) {
            return fail(Errc::header_too_large, "the request's head is larger than allowed");
        }
        return fail(Errc::bad_request, "not an HTTP request: " + ec.message());
    }

    void refuse(beast::error_code& ec, const char* why) {
        error_ = fail(Errc::bad_request, why);
        ec = http::error::bad_value;
    }

    void on_request_impl(
        http::verb, beast::string_view method, beast::string_view target, int version, beast::error_code& ec) override {
        request.method.assign(method.data(), method.size());
        version_ = version;
        if (!split_target(std::string_view(target.data(), target.size()))) {
            refuse(ec, "the request's target is neither a path nor an absolute URL");
        }
    }

    bool split_target(std::string_view target) {
        if (!target.starts_with('/') && target != "*") {
            const std::size_t scheme = target.find("://");
            if (scheme == std::string_view::npos || scheme == 0) {
                return false;
            }
            const std::size_t path = target.find_first_of("/?", scheme + 3);
            target = path == std::string_view::npos ? "/" : target.substr(path);
        }
        const std::size_t fragment = target.find('#');
        target = target.substr(0, fragment);
        const std::size_t query = target.find('?');
        request.path = query == 0 ? "/" : target.substr(0, query);
        if (query != std::string_view::npos) {
            request.query = target.substr(query + 1);
        }
        return true;
    }

    void on_field_impl(http::field field, beast::string_view name, beast::string_view value, beast::error_code& ec) override {
        if (is_head_over_) {
            return;  // a trailer
        }
        const std::string_view text(value.data(), value.size());
        check_framing(field, text, ec);
        request.headers.emplace_back(to_lower_ascii(std::string_view(name.data(), name.size())), text);
    }

    void check_framing(http::field field, std::string_view value, beast::error_code& ec) {
        if (field == http::field::host && host_count_++ > 0) {
            return refuse(ec, "more than one Host");
        }
        if (field == http::field::content_length) {
            const bool is_number = value.find_first_not_of("0123456789") == value.npos;
            if (length_count_++ > 0 || !is_number) {
                return refuse(ec, "Content-Length must be one number, once");
            }
        }
        if (field == http::field::transfer_encoding) {
            if (chunked_count_++ > 0 || to_lower_ascii(value) != "chunked" || version_ < 11) {
                return refuse(ec, "the only Transfer-Encoding is chunked, once, in HTTP/1.1");
            }
        }
        if (length_count_ > 0 && chunked_count_ > 0) {
            return refuse(ec, "Content-Length and Transfer-Encoding together");
        }
        if (field == http::field::expect && to_lower_ascii(value) == "100-continue") {
            expects_continue = version_ >= 11;
        }
    }

    void on_header_impl(beast::error_code& ec) override {
        is_head_over_ = true;
        if (version_ >= 11 && host_count_ == 0) {
            refuse(ec, "no Host");
        }
    }

    void on_body_init_impl(const boost::optional<std::uint64_t>& length, beast::error_code&) override {
        if (length) {
            request.body.reserve(std::min<std::size_t>(*length, kBodyReserveMax));
        }
    }

    std::size_t on_body_impl(beast::string_view body, beast::error_code&) override {
        request.body.append(body.data(), body.size());
        return body.size();
    }

    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, beast::error_code&) override {
        request.body.append(body.data(), body.size());
        return body.size();
    }

    void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
    void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
    void on_finish_impl(beast::error_code&) override {}

    const std::size_t head_bytes_max_;
    std::size_t scanned_ = 0;
    int version_ = 0;
    int host_count_ = 0;
    int length_count_ = 0;
    int chunked_count_ = 0;
    bool is_head_over_ = false;
    std::optional<Error> error_;
};

RequestParser::RequestParser(std::size_t head_bytes_max, std::size_t body_bytes_max)
    : impl_(std::make_unique<Impl>(head_bytes_max, body_bytes_max)) {}
RequestParser::~RequestParser() = default;

Result<std::size_t> RequestParser::feed(std::string_view bytes) {
    return impl_->feed(bytes);
}
bool RequestParser::is_head_done() const noexcept {
    return impl_->is_header_done();
}
bool RequestParser::is_done() const noexcept {
    return impl_->is_done();
}
bool RequestParser::is_http_1_0() const noexcept {
    return impl_->http_version() < 11;
}
bool RequestParser::wants_keep_alive() const noexcept {
    return impl_->keep_alive();
}
bool RequestParser::expects_continue() const noexcept {
    return impl_->expects_continue;
}
ServerRequest& RequestParser::request() noexcept {
    return impl_->request;
}

}  // namespace eco2::net
