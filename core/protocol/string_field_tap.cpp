#include "protocol/string_field_tap.hpp"

#include "base/limits.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace eco2 {
namespace {

namespace json = boost::json;

/// The parser's callbacks: follows only where we are, keeps no value.
struct Handler {
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

    explicit Handler(std::string wanted) : field(std::move(wanted)) {}

    bool on_document_begin(json::error_code&) { return true; }
    bool on_document_end(json::error_code&) { return true; }
    bool on_object_begin(json::error_code&) { return enter(); }
    bool on_object_end(std::size_t, json::error_code&) { return leave(); }
    bool on_array_begin(json::error_code&) { return enter(); }
    bool on_array_end(std::size_t, json::error_code&) { return leave(); }
    bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
        key.append(part.data(), part.size());
        return true;
    }
    bool on_key(json::string_view part, std::size_t, json::error_code&) {
        key.append(part.data(), part.size());
        is_wanted = depth == 1 && key == field;
        key.clear();
        return true;
    }
    bool on_string_part(json::string_view part, std::size_t, json::error_code&) { return take(part); }
    bool on_string(json::string_view part, std::size_t, json::error_code&) {
        take(part);
        return value_ends();
    }
    bool on_number_part(json::string_view, json::error_code&) { return true; }
    bool on_int64(std::int64_t, json::string_view, json::error_code&) { return value_ends(); }
    bool on_uint64(std::uint64_t, json::string_view, json::error_code&) { return value_ends(); }
    bool on_double(double, json::string_view, json::error_code&) { return value_ends(); }
    bool on_bool(bool, json::error_code&) { return value_ends(); }
    bool on_null(json::error_code&) { return value_ends(); }
    bool on_comment_part(json::string_view, json::error_code&) { return true; }
    bool on_comment(json::string_view, json::error_code&) { return true; }

    bool enter() {
        ++depth;
        is_wanted = false;
        return true;
    }
    bool leave() {
        --depth;
        return value_ends();
    }
    bool value_ends() {
        is_wanted = false;
        return true;
    }
    bool take(json::string_view part) {
        if (is_wanted && depth == 1) {
            out->append(part.data(), part.size());
        }
        return true;
    }

    std::string field;
    std::string key;
    std::string* out = nullptr;
    int depth = 0;
    bool is_wanted = false;
};

json::parse_options options() {
    json::parse_options result;
    result.max_depth = limits::kJsonDepthMax;
    return result;
}

/// How many bytes at the end of `text` begin a character that is not complete.
std::size_t unfinished_tail(std::string_view text) {
    for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
        const auto byte = static_cast<unsigned char>(text[text.size() - back]);
        if ((byte & 0xC0U) == 0x80) {
            continue;
        }
        const std::size_t size = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
        return size > back ? back : 0;
    }
    return 0;
}

}  // namespace

class StringFieldTap::Impl {
public:
    explicit Impl(std::string field) : parser_(options(), std::move(field)) {}

    void feed(std::string_view chunk, std::string& out) {
        if (is_silent_) {
            return;
        }
        text_.append(pending_);
        pending_.clear();
        parser_.handler().out = &text_;
        json::error_code ec;
        parser_.write_some(true, chunk.data(), chunk.size(), ec);
        is_silent_ = static_cast<bool>(ec) || parser_.done();
        const std::size_t tail = unfinished_tail(text_);
        out.append(text_, 0, text_.size() - tail);
        pending_.assign(text_, text_.size() - tail);
        text_.clear();
    }

private:
    json::basic_parser<Handler> parser_;
    std::string text_;
    std::string pending_;
    bool is_silent_ = false;
};

StringFieldTap::StringFieldTap(std::string field) : impl_(std::make_unique<Impl>(std::move(field))) {}
StringFieldTap::~StringFieldTap() = default;
StringFieldTap::StringFieldTap(StringFieldTap&&) noexcept = default;
StringFieldTap& StringFieldTap::operator=(StringFieldTap&&) noexcept = default;

void StringFieldTap::feed(std::string_view chunk, std::string& out) {
    impl_->feed(chunk, out);
}

}  // namespace eco2
