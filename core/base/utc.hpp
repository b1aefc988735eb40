#pragma once

#include <cstdint>
#include <string>

namespace eco2 {

/// "2026-01-31T23:59:59.123Z". `wall_ns`: since 1970-01-01 UTC.
std::string utc_text(std::int64_t wall_ns);

}  // namespace eco2
