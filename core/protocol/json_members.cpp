#include "protocol/json_members.hpp"

#include <cstring>

namespace eco2 {
namespace {

constexpr bool is_space(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::size_t skip_space(std::string_view text, std::size_t place) noexcept {
    while (place < text.size() && is_space(text[place])) {
        ++place;
    }
    return place;
}

/// `place` at the opening quote; the place after the closing one. Strings may hold megabytes of base64: memchr leaps over them.
std::size_t skip_string(std::string_view text, std::size_t place) noexcept {
    std::size_t from = place + 1;
    while (from < text.size()) {
        const auto* quote = static_cast<const char*>(std::memchr(text.data() + from, '"', text.size() - from));
        if (quote == nullptr) {
            return text.size();
        }
        const auto at = static_cast<std::size_t>(quote - text.data());
        std::size_t backslashes = 0;
        while (at - backslashes > place + 1 && text[at - backslashes - 1] == '\\') {
            ++backslashes;
        }
        if (backslashes % 2 == 0) {
            return at + 1;
        }
        from = at + 1;
    }
    return text.size();
}

std::size_t skip_nested(std::string_view text, std::size_t place) noexcept {
    std::size_t depth = 0;
    while (place < text.size()) {
        switch (text[place]) {
            case '"': place = skip_string(text, place); continue;
            case '{':
            case '[': ++depth; break;
            case '}':
            case ']':
                if (--depth == 0) {
                    return place + 1;
                }
                break;
            default: break;
        }
        ++place;
    }
    return place;
}

std::size_t skip_value(std::string_view text, std::size_t place) noexcept {
    if (place >= text.size()) {
        return place;
    }
    if (text[place] == '"') {
        return skip_string(text, place);
    }
    if (text[place] == '{' || text[place] == '[') {
        return skip_nested(text, place);
    }
    while (place < text.size() && text[place] != ',' && text[place] != '}' && text[place] != ']' && !is_space(text[place])) {
        ++place;
    }
    return place;
}

}  // namespace

JsonMembers::JsonMembers(std::string_view object) noexcept : text_(object), place_(skip_space(object, 0)) {
    place_ = place_ < text_.size() && text_[place_] == '{' ? place_ + 1 : text_.size();
}

bool JsonMembers::next(JsonMember& out) noexcept {
    place_ = skip_space(text_, place_);
    if (place_ < text_.size() && text_[place_] == ',') {
        place_ = skip_space(text_, place_ + 1);
    }
    if (place_ >= text_.size() || text_[place_] != '"') {
        return false;
    }
    const auto key_end = skip_string(text_, place_);
    const auto colon = skip_space(text_, key_end);
    if (colon >= text_.size() || text_[colon] != ':') {
        return false;
    }
    const auto value = skip_space(text_, colon + 1);
    const auto end = skip_value(text_, value);
    if (end == value) {
        return false;
    }
    out.key = text_.substr(place_ + 1, key_end - place_ - 2);
    out.value = text_.substr(value, end - value);
    out.begin = place_;
    out.end = end;
    place_ = end;
    return true;
}

std::string_view json_member(std::string_view object, std::string_view key) noexcept {
    JsonMembers members(object);
    JsonMember member;
    while (members.next(member)) {
        if (member.key == key) {
            return member.value;
        }
    }
    return {};
}

std::size_t count_json_members(std::string_view object) noexcept {
    JsonMembers members(object);
    JsonMember member;
    std::size_t count = 0;
    while (members.next(member)) {
        ++count;
    }
    return count;
}

}  // namespace eco2
