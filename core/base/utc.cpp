#include "base/utc.hpp"

#include <cstdio>
#include <ctime>

namespace eco2 {

std::string utc_text(std::int64_t wall_ns) {
    const std::time_t seconds = wall_ns / 1'000'000'000;
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    char text[64];
    const auto length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    std::snprintf(text + length, sizeof text - length, ".%03dZ", static_cast<int>(wall_ns / 1'000'000 % 1'000));
    return text;
}

}  // namespace eco2
