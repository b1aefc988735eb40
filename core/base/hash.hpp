#pragma once

#include "base/result.hpp"

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace eco2 {

/// SHA-256 of what comes in pieces.
///
/// Thread-safety: distinct objects.
class Sha256 {
public:
    Sha256();

    void update(std::string_view bytes);
    /// Of everything since the start or the last `reset`; more may follow.
    std::array<unsigned char, 32> digest() const;
    /// Likewise, as 64 lower-case hex digits.
    std::string hex() const;
    void reset();

private:
    struct Free {
        void operator()(void* context) const noexcept;
    };
    std::unique_ptr<void, Free> context_;
};

/// SHA-256 as 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);

/// In a time that does not depend on where they differ. Texts of different lengths differ at once.
bool equal_in_constant_time(std::string_view left, std::string_view right) noexcept;

/// SHA-256 of everything behind an open descriptor, from its start; the file position is left alone.
/// Blocks: reads the whole file. Errors: io_failed.
Result<std::string> sha256_hex_of_fd(int fd);

}  // namespace eco2
