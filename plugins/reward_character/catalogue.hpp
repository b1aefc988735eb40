#pragma once

#include "eco2/plugin/result.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace reward_character {

struct Character {
    std::string code;  // stable; what a user owns
    std::string name;
    std::string type;
    std::string dialog;
    std::string match;  // middle class that earns it
};

/// The characters, found by the middle class that earns them.
/// Thread-safety: immutable, any thread.
class Catalogue {
public:
    static constexpr std::size_t kBytesMax = 1024 * 1024;  // the shipped one has 3 KB

    /// Reads a file with a JSON array of {"code", "name", "type", "dialog", "match"}: texts; `type` and `dialog` may be empty.
    /// Blocks: for the disk.
    /// Errors: `bad_catalogue`, with file, entry and reason: no such file, too large, not such an array, empty, an unknown or
    /// missing key, a code or match that stands twice.
    static eco2::plugin::Result<Catalogue> load(const std::string& path);

    /// The same from its text; `name` is for messages.
    static eco2::plugin::Result<Catalogue> parse(std::string_view text, std::string_view name);

    /// Null: no character with exactly this match. Lifetime: the catalogue's. Blocks: never.
    const Character* find(std::string_view match) const;

    std::size_t size() const { return by_match_.size(); }

private:
    std::map<std::string, Character, std::less<>> by_match_;
};

}  // namespace reward_character
