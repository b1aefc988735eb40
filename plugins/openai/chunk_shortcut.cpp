#include "openai/chunk_shortcut.hpp"

#include "eco2/plugin/json_members.hpp"
#include "eco2/wire/utf8.hpp"

#include <array>
#include <cstddef>

namespace eco2::openai {
namespace {

// Neither can occur inside a JSON string: its quotes would be escaped there.
constexpr std::array<std::string_view, 2> kOpenings{R"("delta":{"content":")", R"("delta":{"role":"assistant","content":")"};

/// Index of the text behind an opening; npos: there is none.
std::size_t text_start(std::string_view chunk) {
    for (const std::string_view opening : kOpenings) {
        if (const std::size_t at = chunk.find(opening); at != std::string_view::npos) {
            return at + opening.size();
        }
    }
    return std::string_view::npos;
}

}  // namespace

void ChunkShortcut::learn(std::string_view chunk) {
    before_.clear();
    const std::size_t start = text_start(chunk);
    if (start == std::string_view::npos) {
        return;
    }
    const std::size_t end = plugin::detail::json_string_end(chunk, start);
    if (end == std::string_view::npos) {
        return;
    }
    before_ = chunk.substr(0, start);
    after_ = chunk.substr(end);
}

std::optional<std::string_view> ChunkShortcut::read(std::string_view chunk) {
    if (before_.empty() || chunk.size() < before_.size() + after_.size() || !chunk.starts_with(before_) ||
        !chunk.ends_with(after_)) {
        return std::nullopt;
    }
    const std::string_view raw = chunk.substr(before_.size(), chunk.size() - before_.size() - after_.size());
    if (!wire::is_utf8(raw)) {
        return std::nullopt;
    }
    return plugin::detail::find_json_escape(raw, 0) == raw.size() ? std::optional(raw) : unescape(raw);
}

std::optional<std::string_view> ChunkShortcut::unescape(std::string_view raw) {
    unescaped_.clear();
    std::size_t at = 0;
    while (at < raw.size()) {
        const std::size_t stop = plugin::detail::find_json_escape(raw, at);
        unescaped_.append(raw.substr(at, stop - at));
        if (stop == raw.size()) {
            break;
        }
        if (raw[stop] != '\\' || stop + 1 == raw.size()) {
            return std::nullopt;  // a bare quote: the text ends earlier than it seems
        }
        switch (raw[stop + 1]) {
            case '"': unescaped_ += '"'; break;
            case '\\': unescaped_ += '\\'; break;
            case '/': unescaped_ += '/'; break;
            case 'n': unescaped_ += '\n'; break;
            case 't': unescaped_ += '\t'; break;
            case 'r': unescaped_ += '\r'; break;
            case 'b': unescaped_ += '\b'; break;
            case 'f': unescaped_ += '\f'; break;
            default: return std::nullopt;  // \u is the parser's work
        }
        at = stop + 2;
    }
    return unescaped_;
}

}  // namespace eco2::openai
