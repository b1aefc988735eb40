#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace eco2::openai {

/// Texts in a row, at compile time.
template <const std::string_view&... Texts>
class Joined {
    static constexpr auto join() {
        std::array<char, (Texts.size() + ... + 0)> out{};
        std::size_t at = 0;
        const auto put = [&](std::string_view text) {
            for (const char byte : text) {
                out[at++] = byte;
            }
        };
        (put(Texts), ...);
        return out;
    }
    static constexpr auto kBytes = join();

public:
    static constexpr std::string_view kText{kBytes.data(), kBytes.size()};
};

}  // namespace eco2::openai
