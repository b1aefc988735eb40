#pragma once

#include "eco2/plugin/json_text.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/stream_parser.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

/// Optional: reading JSON with Boost.JSON, for plugins that link Boost::json.
namespace eco2::plugin {
inline namespace draft_2 {

/// One JSON document in memory that grows from a buffer inside the object.
///
/// Thread-safety: none.
/// Lifetime:      the value's, and that of every view into it. Not movable: the value points into the object.
/// Limits:        `kDepthMax` levels.
template <std::size_t kBufferBytes = 4096>
class JsonDocument {
public:
    static constexpr std::size_t kDepthMax = 32;  // no provider nests deeper; the parser's stack stays small

    JsonDocument() : memory_(buffer_, sizeof buffer_), value_(nullptr, &memory_) {}
    JsonDocument(const JsonDocument&) = delete;
    JsonDocument& operator=(const JsonDocument&) = delete;

    /// False: `text` is not exactly one JSON document. Once per object.
    bool parse(std::string_view text) {
        unsigned char scratch[512];
        boost::json::parse_options options;
        options.max_depth = kDepthMax;
        boost::json::stream_parser parser(boost::json::storage_ptr(), options, scratch, sizeof scratch);
        parser.reset(&memory_);
        boost::json::error_code ec;
        parser.write(text.data(), text.size(), ec);
        if (!ec) {
            parser.finish(ec);
        }
        if (ec) {
            return false;
        }
        value_ = parser.release();
        return true;
    }
    const boost::json::value& value() const noexcept { return value_; }

private:
    unsigned char buffer_[kBufferBytes];
    boost::json::monotonic_resource memory_;
    boost::json::value value_;
};

/// The member of an object, or null where `value` is no object (or null) or has no such member.
inline const boost::json::value* json_member(const boost::json::value* value, std::string_view name) noexcept {
    const boost::json::object* const object = value == nullptr ? nullptr : value->if_object();
    return object == nullptr ? nullptr : object->if_contains(name);
}

/// The text of a string; nullopt for anything else.
inline std::optional<std::string_view> json_text(const boost::json::value* value) noexcept {
    const boost::json::string* const text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::nullopt : std::optional<std::string_view>(std::string_view(text->data(), text->size()));
}

/// A whole number; nullopt for anything else.
inline std::optional<std::int64_t> json_integer(const boost::json::value* value) noexcept {
    const std::int64_t* const number = value == nullptr ? nullptr : value->if_int64();
    return number == nullptr ? std::nullopt : std::optional<std::int64_t>(*number);
}

/// The elements of an array; null for anything else.
inline const boost::json::array* json_array(const boost::json::value* value) noexcept {
    return value == nullptr ? nullptr : value->if_array();
}

}  // namespace draft_2
}  // namespace eco2::plugin
