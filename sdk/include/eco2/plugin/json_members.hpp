#pragma once

#include "eco2/plugin/json_text.hpp"

#include <system_error>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// Reading and changing the outermost level of JSON text without parsing it: everything below stays the bytes that it was.
///
/// The scanner finds where values end and believes the rest: a text that is no JSON is found out only where its outermost level
/// is broken. Nothing is read beyond the text.
///
/// Cost: linear, eight bytes at a time inside strings.
namespace eco2::plugin {
inline namespace draft_2 {

namespace detail {

inline constexpr std::string_view kJsonBlank = " \t\r\n";

inline std::size_t skip_json_blank(std::string_view text, std::size_t at) noexcept {
    while (at < text.size() && kJsonBlank.find(text[at]) != std::string_view::npos) {
        ++at;
    }
    return at;
}

/// Index of the quote that ends the string which `text` is inside of at `at`; npos: none, or a control character before it.
inline std::size_t json_string_end(std::string_view text, std::size_t at) noexcept {
    for (;;) {
        at = find_json_escape(text, at);
        if (at >= text.size() || static_cast<unsigned char>(text[at]) < 0x20) {
            return std::string_view::npos;
        }
        if (text[at] == '"') {
            return at;
        }
        at += 2;  // a backslash and what it escapes
        if (at >= text.size()) {
            return std::string_view::npos;
        }
    }
}

/// Index after the value that begins at `at`; npos: there is none.
inline std::size_t json_value_end(std::string_view text, std::size_t at) noexcept {
    std::size_t depth = 0;
    const std::size_t start = at;
    while (at < text.size()) {
        const char byte = text[at];
        if (byte == '"') {
            at = json_string_end(text, at + 1);
            if (at == std::string_view::npos) {
                return at;
            }
        } else if (byte == '{' || byte == '[') {
            ++depth;
        } else if (depth > 0 && (byte == '}' || byte == ']')) {
            --depth;
        } else if (depth == 0) {
            at = text.find_first_of(",]} \t\r\n", at);
            at = at == std::string_view::npos ? text.size() : at;
            return at == start ? std::string_view::npos : at;
        }
        ++at;
        if (depth == 0) {
            return at;
        }
    }
    return std::string_view::npos;
}

inline std::optional<std::uint32_t> json_hex4(std::string_view text, std::size_t at) noexcept {
    std::uint32_t code = 0;
    if (at > text.size() || text.size() - at < 4) {
        return std::nullopt;
    }
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + 4, code, 16);
    return error == std::errc() && end == text.data() + at + 4 ? std::optional(code) : std::nullopt;
}

inline void append_utf8(std::string& out, std::uint32_t code) {
    const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0 | code >> 6);
        put(0x80 | (code & 63));
    } else if (code < 0x10000) {
        put(0xE0 | code >> 12);
        put(0x80 | (code >> 6 & 63));
        put(0x80 | (code & 63));
    } else {
        put(0xF0 | code >> 18);
        put(0x80 | (code >> 12 & 63));
        put(0x80 | (code >> 6 & 63));
        put(0x80 | (code & 63));
    }
}

/// Takes the \u escape whose digits begin at `at` and moves `at` behind it, its second half included.
inline bool take_json_code(std::string& out, std::string_view inside, std::size_t& at) {
    const auto code = json_hex4(inside, at);
    if (!code || (*code >= 0xDC00 && *code < 0xE000)) {
        return false;
    }
    at += 4;
    if (*code < 0xD800 || *code >= 0xE000) {
        append_utf8(out, *code);
        return true;
    }
    const bool has_second = inside.substr(at).starts_with("\\u");
    const auto second = has_second ? json_hex4(inside, at + 2) : std::nullopt;
    if (!second || *second < 0xDC00 || *second >= 0xE000) {
        return false;
    }
    at += 6;
    append_utf8(out, 0x10000 + ((*code - 0xD800) << 10) + (*second - 0xDC00));
    return true;
}

/// The text that `inside`, what stands between a JSON string's quotes, says; nullopt: an escape that is none.
inline std::optional<std::string> json_unescaped(std::string_view inside) {
    static constexpr std::string_view kNames = "\"\\/bfnrt";
    static constexpr std::string_view kBytes = "\"\\/\b\f\n\r\t";
    std::string out;
    std::size_t at = 0;
    while (at < inside.size()) {
        const std::size_t stop = inside.find('\\', at);
        if (stop == std::string_view::npos) {
            out.append(inside.substr(at));
            break;
        }
        out.append(inside.substr(at, stop - at));
        if (stop + 1 >= inside.size()) {
            return std::nullopt;
        }
        at = stop + 2;
        const std::size_t named = kNames.find(inside[stop + 1]);
        if (named != std::string_view::npos) {
            out += kBytes[named];
        } else if (inside[stop + 1] != 'u' || !take_json_code(out, inside, at)) {
            return std::nullopt;
        }
    }
    return out;
}

}  // namespace detail

/// True when `json` is a string, its quotes included, that says `text`.
inline bool json_says(std::string_view json, std::string_view text) {
    if (json.size() < 2 || json.front() != '"' || json.back() != '"') {
        return false;
    }
    const std::string_view inside = json.substr(1, json.size() - 2);
    return inside.find('\\') == std::string_view::npos ? inside == text : detail::json_unescaped(inside) == text;
}

/// What the JSON string `json` says; nullopt: it is no string.
inline std::optional<std::string> read_json_string(std::string_view json) {
    const bool is_string = json.size() >= 2 && json.front() == '"' && detail::json_string_end(json, 1) == json.size() - 1;
    return is_string ? detail::json_unescaped(json.substr(1, json.size() - 2)) : std::nullopt;
}

/// A member of an object or an element of an array, as it is written. Lifetime: of the text.
struct JsonItem {
    std::string_view name;   // with its quotes; empty in an array
    std::string_view value;  // without the blanks around it
    std::string_view whole;  // all between the commas, blanks included
};

/// The items of one JSON object or array, one after the other.
///
///     JsonItems members(text, '{');
///     while (const auto member = members.next()) { ... }
///     if (!members.is_whole()) { ... }
///
/// Lifetime: of the text.
class JsonItems {
public:
    /// `opening`: '{' or '['.
    JsonItems(std::string_view text, char opening) : text_(text), closing_(opening == '{' ? '}' : ']') {
        at_ = detail::skip_json_blank(text_, 0);
        if (at_ == text_.size() || text_[at_] != opening) {
            at_ = std::string_view::npos;
            return;
        }
        ++at_;
        const std::size_t first = detail::skip_json_blank(text_, at_);
        if (first < text_.size() && text_[first] == closing_) {
            close(first);
        }
    }

    /// nullopt: no more of them, or the text is broken here.
    std::optional<JsonItem> next() {
        if (is_whole_ || at_ == std::string_view::npos) {
            return std::nullopt;
        }
        const std::size_t start = at_;
        at_ = std::string_view::npos;
        JsonItem item;
        std::size_t value = detail::skip_json_blank(text_, start);
        if (closing_ == '}' && !take_name(value, item)) {
            return std::nullopt;
        }
        const std::size_t end = detail::json_value_end(text_, value);
        if (end == std::string_view::npos) {
            return std::nullopt;
        }
        item.value = text_.substr(value, end - value);
        const std::size_t after = detail::skip_json_blank(text_, end);
        if (after == text_.size() || (text_[after] != ',' && text_[after] != closing_)) {
            return std::nullopt;
        }
        item.whole = text_.substr(start, after - start);
        if (text_[after] == ',') {
            at_ = after + 1;
        } else {
            close(after);
        }
        return item;
    }

    /// The object or array has come to its end, and nothing but blanks stands behind it.
    bool is_whole() const noexcept { return is_whole_; }

private:
    bool take_name(std::size_t& at, JsonItem& item) const {
        if (at >= text_.size() || text_[at] != '"') {
            return false;
        }
        const std::size_t end = detail::json_string_end(text_, at + 1);
        if (end == std::string_view::npos) {
            return false;
        }
        item.name = text_.substr(at, end + 1 - at);
        at = detail::skip_json_blank(text_, end + 1);
        if (at == text_.size() || text_[at] != ':') {
            return false;
        }
        at = detail::skip_json_blank(text_, at + 1);
        return true;
    }
    void close(std::size_t at) {
        at_ = std::string_view::npos;
        is_whole_ = detail::skip_json_blank(text_, at + 1) == text_.size();
    }

    std::string_view text_;
    char closing_;
    std::size_t at_ = 0;  // npos: over
    bool is_whole_ = false;
};

/// The value of a member as it is written, the last of several; empty: there is none, or `object` is no object.
inline std::string_view find_json_member(std::string_view object, std::string_view name) {
    JsonItems members(object, '{');
    std::string_view found;
    while (const auto member = members.next()) {
        if (json_says(member->name, name)) {
            found = member->value;
        }
    }
    return members.is_whole() ? found : std::string_view();
}

/// A member that shall have another value.
struct JsonChange {
    std::string_view name;
    std::string_view value;  // JSON; empty: the member is left out
};

/// `object` with other values for some of its outermost members, every other byte as it was: numbers, order, blanks, fields
/// that nobody here knows. A member that stands there twice stands there once afterwards, in the first place; one that does not
/// stand there comes last. A name that is written with escapes is the same name.
///
/// Errors: nullopt where `object` is not exactly one whole object.
inline std::optional<std::string> change_json_members(std::string_view object, std::span<const JsonChange> changes) {
    std::string out;
    std::size_t room = object.size();
    for (const JsonChange& change : changes) {
        room += change.name.size() + change.value.size() + 4;
    }
    out.reserve(room);
    out += '{';
    std::uint64_t written = 0;  // one bit a change
    const auto separate = [&] { out += out.size() == 1 ? "" : ","; };
    JsonItems members(object, '{');
    while (const auto member = members.next()) {
        std::size_t index = 0;
        while (index < changes.size() && !json_says(member->name, changes[index].name)) {
            ++index;
        }
        if (index == changes.size()) {
            separate();
            out += member->whole;
            continue;
        }
        const std::uint64_t bit = std::uint64_t{1} << (index & 63);
        if (changes[index].value.empty() || (written & bit) != 0) {
            continue;
        }
        written |= bit;
        separate();
        const auto before = static_cast<std::size_t>(member->value.data() - member->whole.data());
        out += member->whole.substr(0, before);
        out += changes[index].value;
        out += member->whole.substr(before + member->value.size());
    }
    if (!members.is_whole()) {
        return std::nullopt;
    }
    for (std::size_t index = 0; index < changes.size(); ++index) {
        if (!changes[index].value.empty() && (written >> (index & 63) & 1) == 0) {
            separate();
            append_json_quoted(out, changes[index].name);
            out += ':';
            out += changes[index].value;
        }
    }
    out += '}';
    return out;
}

}  // namespace draft_2
}  // namespace eco2::plugin
