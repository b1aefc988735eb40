#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace eco2::openai {

/// Reads a text chunk without parsing it, when it differs from an earlier, parsed one in nothing but its text.
///
/// The chunks of a stream repeat id, model and all else around a few letters of text. Once one of them has been parsed as plain
/// text of the only choice, a chunk with the same bytes before and after its text means the same.
///
/// Thread-safety: none; one belongs to one stream.
class ChunkShortcut {
public:
    /// Remembers what surrounds the text of `chunk`, which a JSON parser has read as one choice with nothing but content.
    void learn(std::string_view chunk);

    /// The chunk's text; nullopt: parse it. Lifetime: until `chunk` ends or the next call.
    std::optional<std::string_view> read(std::string_view chunk);

private:
    std::optional<std::string_view> unescape(std::string_view raw);

    std::string before_;
    std::string after_;
    std::string unescaped_;
};

}  // namespace eco2::openai
