#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace eco2::batch {

/// Which bytes of the whole a response holds.
struct ContentRange {
    std::int64_t first = -1;  // -1: none, "bytes */N"
    std::int64_t last = -1;
    std::int64_t total = -1;  // -1: not told, "bytes 0-9/*"
};

/// Of the field Content-Range. nullopt: it cannot be read, or contradicts itself. Source: RFC 9110, 14.4.
std::optional<ContentRange> parse_content_range(std::string_view value);

}  // namespace eco2::batch
