#pragma once

#include <cstddef>
#include <string_view>

namespace eco2 {

/// One member of a JSON object's text, as it stands there.
struct JsonMember {
    std::string_view key;    // without its quotes, escapes left as they are
    std::string_view value;  // with quotes, braces or brackets
    std::size_t begin = 0;   // of the key's quote
    std::size_t end = 0;     // after the value
};

/// Walks over the members of one JSON object's text without building values: for text that is passed on byte for byte.
///
/// The text is believed to be JSON; in anything else the walk ends early, never outside.
///
/// Thread-safety: none. Lifetime: views into the text. Cost: linear, nothing is allocated.
class JsonMembers {
public:
    explicit JsonMembers(std::string_view object) noexcept;

    /// False: there is no further member.
    bool next(JsonMember& out) noexcept;

private:
    std::string_view text_;
    std::size_t place_;
};

/// The text of an object's member; empty: there is none.
std::string_view json_member(std::string_view object, std::string_view key) noexcept;

/// How many members the object's text has, repeated keys counted each time.
std::size_t count_json_members(std::string_view object) noexcept;

}  // namespace eco2
