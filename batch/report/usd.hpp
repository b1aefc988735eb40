#pragma once

#include <cstdint>
#include <string>

namespace eco2::batch {

/// Money in picousd (10^-12 USD) as a JSON number of USD, exactly: 123'456'789 is "0.000123456789", 2'500'000'000'000 is "2.5".
std::string usd_text(std::int64_t picousd);

}  // namespace eco2::batch
