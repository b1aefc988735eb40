#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// How reports write things, for people and for scripts. Pure.
namespace eco2::batch {

/// Exactly, with as many decimals as it takes and at least two: "0.00", "12.50", "-0.000000000001". Also a number in JSON.
std::string usd_text(std::int64_t picousd);

/// Its two largest units, rounded down: "0 s", "45 s", "12 min 5 s", "3 h 20 min", "2 d 4 h".
std::string duration_text(std::chrono::nanoseconds duration);

/// "1 item", "2 items".
std::string count_text(std::int64_t count, std::string_view noun);

/// At most `columns` columns of a terminal, cut with "..." where there was more. Control characters, which could move the
/// cursor, become blanks, as do bytes that are no UTF-8.
std::string fit(std::string_view text, std::size_t columns);

/// What `fit` counts. East Asian characters and everything in their planes count as two.
std::size_t columns_of(std::string_view text) noexcept;

/// `text` with blanks behind it up to `columns`; longer text is cut.
std::string padded(std::string_view text, std::size_t columns);

/// As a JSON string with its quotes; bytes that are no UTF-8 make every byte beyond ASCII a '?'.
std::string json_text(std::string_view text);

/// A JSON object, members in the order of the calls.
class JsonObject {
public:
    JsonObject& text(std::string_view name, std::string_view value);
    JsonObject& text_or_null(std::string_view name, std::string_view value);  // null: empty
    JsonObject& number(std::string_view name, std::int64_t value);
    JsonObject& usd(std::string_view name, std::int64_t picousd);
    JsonObject& milliseconds(std::string_view name, std::chrono::nanoseconds value);
    JsonObject& null(std::string_view name);
    /// `json` as it is.
    JsonObject& raw(std::string_view name, std::string_view json);

    std::string done() const { return text_ + "}"; }

private:
    void key(std::string_view name);

    std::string text_ = "{";
};

/// A JSON array of `json_of` of each.
template <class Range, class JsonOf>
std::string json_array(const Range& range, JsonOf json_of) {
    std::string out = "[";
    for (const auto& value : range) {
        out += (out.size() > 1 ? "," : "") + json_of(value);
    }
    return out + "]";
}

}  // namespace eco2::batch
