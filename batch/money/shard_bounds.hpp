#pragma once

#include "base/result.hpp"
#include "model/batch_provider.hpp"

#include <cstdint>

namespace eco2::batch {

/// What a shard holds, or a line adds to it.
struct ShardFill {
    std::int64_t requests = 0;
    std::int64_t bytes = 0;  // of a file: line ends among them
    std::int64_t tokens =
        0;  // of prompts, as an upper estimate: a batch over the provider's limit fails whole, after it was taken

    static ShardFill of_line(std::int64_t line_bytes, std::int64_t prompt_tokens_high) noexcept {
        return {1, line_bytes + 1, prompt_tokens_high};
    }
    ShardFill& operator+=(const ShardFill& other) noexcept {
        requests += other.requests;
        bytes += other.bytes;
        tokens += other.tokens;
        return *this;
    }
    bool operator==(const ShardFill&) const = default;
};

/// Where one shard ends and the next begins: by requests, bytes and prompt tokens, whichever is reached first.
///
/// Thread-safety: any thread (immutable).
class ShardBounds {
public:
    explicit ShardBounds(const BatchCapabilities& capabilities) noexcept;

    /// Whether the line still goes into the shard; false: it begins the next one.
    ///
    /// Errors: limit_exceeded: it fits into no shard at all; says by how much and what to do.
    Result<bool> fits(const ShardFill& current, const ShardFill& line) const;
    /// Of the line alone. Errors: as of `fits`.
    Result<void> check(const ShardFill& line) const;

    /// How many shards so many lines of this sum take at least; at least 1 where there is a line.
    std::int64_t least_shards(const ShardFill& sum) const noexcept;

private:
    std::int64_t requests_max_;
    std::int64_t bytes_max_;
    std::int64_t line_bytes_max_;
    std::int64_t tokens_max_;
};

}  // namespace eco2::batch
