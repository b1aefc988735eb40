#include "observe/redactor.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"

#include <algorithm>

namespace eco2::observe {
namespace {

constexpr std::string_view kMask = "[redacted]";
constexpr std::size_t kTokenMin = 8;  // "bearer of" is English
constexpr std::size_t kKeyMin = 16;   // after "sk-" or "AIza"

bool is_alphanumeric(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_key_character(char c) noexcept {
    return is_alphanumeric(c) || c == '-' || c == '_';
}
bool is_token_character(char c) noexcept {
    return is_key_character(c) || std::string_view("._~+/=").find(c) != std::string_view::npos;
}

template <class Predicate>
std::size_t run_length(std::string_view text, std::size_t from, Predicate is_member) noexcept {
    std::size_t end = from;
    while (end < text.size() && is_member(text[end])) {
        ++end;
    }
    return end - from;
}

bool starts_with_ignoring_case(std::string_view text, std::string_view lower) noexcept {
    return text.size() >= lower.size() && std::equal(lower.begin(), lower.end(), text.begin(), [](char a, char b) {
               return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
           });
}

void replace_all(std::string& text, std::string_view what) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + kMask.size())) {
        text.replace(at, what.size(), kMask);
    }
}

struct Span {
    std::size_t kept = 0;    // characters to keep, such as "Bearer "
    std::size_t hidden = 0;  // characters after them to hide; 0: no secret starts here
};

Span bearer_at(std::string_view rest) noexcept {
    constexpr std::string_view kBearer = "bearer ";
    if (!starts_with_ignoring_case(rest, kBearer)) {
        return {};
    }
    const std::size_t kept = kBearer.size() + run_length(rest, kBearer.size(), [](char c) { return c == ' '; });
    const std::size_t length = run_length(rest, kept, is_token_character);
    return length >= kTokenMin ? Span{kept, length} : Span{};
}

Span key_at(std::string_view rest) noexcept {
    for (const std::string_view prefix : {"sk-", "AIza"}) {
        if (rest.starts_with(prefix)) {
            const std::size_t length = run_length(rest, prefix.size(), is_key_character);
            return length >= kKeyMin ? Span{0, prefix.size() + length} : Span{};
        }
    }
    return {};
}

Span user_info_at(std::string_view rest) noexcept {
    constexpr std::string_view kMark = "://";
    if (!rest.starts_with(kMark)) {
        return {};
    }
    const auto is_inside = [](char c) {
        return static_cast<unsigned char>(c) > ' ' && std::string_view("@/?#\"'").find(c) == std::string_view::npos;
    };
    const std::size_t length = run_length(rest, kMark.size(), is_inside);
    const std::size_t end = kMark.size() + length;
    const bool is_user_info =
        end < rest.size() && rest[end] == '@' && rest.substr(0, end).find(':', kMark.size()) != std::string_view::npos;
    return is_user_info ? Span{kMark.size(), length} : Span{};
}

Span secret_at(std::string_view text, std::size_t at) noexcept {
    const auto rest = text.substr(at);
    const char c = rest.front();
    if (c == ':') {
        return user_info_at(rest);
    }
    if (at > 0 && is_alphanumeric(text[at - 1])) {
        return {};  // the middle of a word such as "task-"
    }
    if (c == 'b' || c == 'B') {
        return bearer_at(rest);
    }
    return c == 's' || c == 'A' ? key_at(rest) : Span{};
}

std::string percent_encoded(std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        if (is_alphanumeric(c) || std::string_view("-._~").find(c) != std::string_view::npos) {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += kHex[byte >> 4U];
            out += kHex[byte & 0xFU];
        }
    }
    return out;
}

}  // namespace

void Redactor::add(std::string_view secret) {
    if (secret.size() < limits::kSecretBytesMin) {
        return;
    }
    add_spelling(std::string(secret));
    std::string escaped;
    append_json_escaped(escaped, secret);
    add_spelling(std::move(escaped));
    add_spelling(percent_encoded(secret));
}

void Redactor::add_spelling(std::string spelling) {
    if (std::find(secrets_.begin(), secrets_.end(), spelling) != secrets_.end()) {
        return;
    }
    secrets_.push_back(std::move(spelling));
    std::sort(secrets_.begin(), secrets_.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

std::string Redactor::redact(std::string_view text) const {
    std::string told(text);
    for (const auto& secret : secrets_) {
        replace_all(told, secret);
    }
    std::string out;
    std::size_t clean = 0;
    std::size_t at = 0;
    while ((at = told.find_first_of(":bBsA", at)) != std::string::npos) {
        const Span span = secret_at(told, at);
        if (span.hidden == 0) {
            ++at;
            continue;
        }
        out.append(told, clean, at + span.kept - clean).append(kMask);
        clean = at = at + span.kept + span.hidden;
    }
    return clean == 0 ? told : out.append(told, clean);
}

}  // namespace eco2::observe
