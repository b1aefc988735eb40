#include "net/response_parser.hpp"

#include "base/discard.hpp"
#include "base/limits.hpp"
#include "base/text.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <utility>

namespace eco2::net {
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace {

// A chunk's size line and trailers need far less; the parser wants them whole.
constexpr std::size_t kChunkHeadBytesMax = 16 * 1024;

std::string_view view_of(beast::string_view text) noexcept {
    return {text.data(), text.size()};
}

}  // namespace

class ResponseParser::Impl final : public http::basic_parser<false> {
public:
    Impl(ResponseSink& sink, std::size_t body_bytes_max, bool answers_head) : sink_(sink) {
        eager(true);
        skip(answers_head);
        header_limit(static_cast<std::uint32_t>(limits::kUpstreamHeadBytesMax));
        body_limit(body_bytes_max);
    }

    int status() const noexcept { return status_; }
    bool is_interim() const noexcept { return is_header_done() && status_ < 200; }
    bool was_stopped() const noexcept { return was_stopped_; }

private:
    void on_response_impl(int code, beast::string_view, int, beast::error_code& ec) override {
        status_ = code;
        if (code < 100 || code == 101) {
            ec = http::error::bad_status;
        }
    }

    // The views stay valid up to on_header_impl: a head is parsed only when all of it is there.
    void on_field_impl(http::field field, beast::string_view name, beast::string_view value, beast::error_code& ec) override {
        if (is_head_over_) {
            return;
        }
        if (field == http::field::transfer_encoding && to_lower_ascii(view_of(value)) != "chunked") {
            ec = http::error::bad_transfer_encoding;
            return;
        }
        names_ += to_lower_ascii(view_of(name));
        fields_.push_back({view_of(name), view_of(value)});
    }

    void on_header_impl(beast::error_code& ec) override {
        is_head_over_ = true;
        std::size_t at = 0;
        for (HttpHeader& each : fields_) {
            each.name = std::string_view(names_).substr(at, each.name.size());
            at += each.name.size();
        }
        if (status_ >= 200) {
            stop_unless(sink_.on_response_head(status_, fields_), ec);
        }
        discard(fields_);
        discard(names_);
    }

    std::size_t on_body_impl(beast::string_view body, beast::error_code& ec) override {
        stop_unless(sink_.on_response_body(view_of(body)), ec);
        return body.size();
    }

    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, beast::error_code& ec) override {
        stop_unless(sink_.on_response_body(view_of(body)), ec);
        return body.size();
    }

    void stop_unless(bool goes_on, beast::error_code& ec) {
        if (!goes_on) {
            was_stopped_ = true;
            ec = http::error::end_of_stream;
        }
    }

    void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
    void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
    void on_request_impl(http::verb, beast::string_view, beast::string_view, int, beast::error_code&) override {}
    void on_finish_impl(beast::error_code&) override {}

    ResponseSink& sink_;
    std::vector<HttpHeader> fields_;
    std::string names_;
    int status_ = 0;
    bool is_head_over_ = false;
    bool was_stopped_ = false;
};

ResponseParser::ResponseParser(ResponseSink& sink, std::size_t body_bytes_max, bool answers_head)
    : sink_(sink),
      body_bytes_max_(body_bytes_max),
      answers_head_(answers_head),
      impl_(std::make_unique<Impl>(sink, body_bytes_max, answers_head)) {}
ResponseParser::~ResponseParser() = default;

Result<void> ResponseParser::feed(std::string_view bytes) {
    std::string joined;
    if (!input_.empty()) {
        joined = std::exchange(input_, {});
        joined.append(bytes);
        bytes = joined;
    }
    // Told at once, not when the peer at last closes.
    const std::string_view start = "HTTP/1.";
    if (impl_->status() == 0 && bytes.substr(0, start.size()) != start.substr(0, bytes.size())) {
        return fail(Errc::provider_bad_answer, "the answer is not HTTP/1.1");
    }
    Result<void> result;
    while (!bytes.empty() && !is_done()) {
        const std::size_t used = feed_some(bytes, result);
        if (!result || impl_->was_stopped()) {
            return result;
        }
        if (used == 0) {
            break;
        }
        bytes.remove_prefix(used);
    }
    const std::size_t kept_max = impl_->is_header_done() ? kChunkHeadBytesMax : limits::kUpstreamHeadBytesMax;
    if (!is_done() && bytes.size() > kept_max) {
        return fail(Errc::provider_bad_answer, "the answer's head is too long");
    }
    input_.assign(bytes);
    return result;
}

std::size_t ResponseParser::feed_some(std::string_view bytes, Result<void>& result) {
    beast::error_code ec;
    const std::size_t used = impl_->put(boost::asio::const_buffer(bytes.data(), bytes.size()), ec);
    if (impl_->was_stopped()) {
        return used;
    }
    if (ec == http::error::body_limit) {
        result = fail(Errc::provider_bad_answer, "the answer is larger than " + std::to_string(body_bytes_max_) + " bytes");
    } else if (ec && ec != http::error::need_more) {
        result = fail(Errc::provider_bad_answer, "the answer is not HTTP: " + ec.message());
    } else if (impl_->is_interim()) {
        impl_ = std::make_unique<Impl>(sink_, body_bytes_max_, answers_head_);
    }
    return used;
}

Result<void> ResponseParser::feed_end() {
    if (impl_->is_header_done() && impl_->need_eof()) {
        beast::error_code ec;
        impl_->put_eof(ec);
        if (!ec) {
            return {};
        }
    }
    return fail(Errc::provider_reset,
                impl_->is_header_done() ? "the provider closed the connection in the middle of its answer"
                                        : "the provider closed the connection without an answer");
}

bool ResponseParser::is_done() const noexcept {
    return impl_->is_header_done() && impl_->is_done();
}
bool ResponseParser::allows_reuse() const noexcept {
    return is_done() && input_.empty() && !impl_->need_eof() && impl_->keep_alive();
}

}  // namespace eco2::net
