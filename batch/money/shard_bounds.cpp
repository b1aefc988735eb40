#include "batch/money/shard_bounds.hpp"

#include <algorithm>
#include <limits>
#include <string>

namespace eco2::batch {
namespace {

std::int64_t bound(std::int64_t limit) noexcept {
    return limit > 0 ? limit : std::numeric_limits<std::int64_t>::max();
}

/// Without overflow: nothing here is negative.
bool has_room(std::int64_t held, std::int64_t more, std::int64_t most) noexcept {
    return held <= most && more <= most - held;
}

std::int64_t parts(std::int64_t sum, std::int64_t most) noexcept {
    return sum <= 0 ? 0 : (sum - 1) / most + 1;
}

Error too_large(const std::string& what, std::int64_t is, std::int64_t most, const std::string& advice) {
    return fail(Errc::limit_exceeded,
                "a request's " + what + " " + std::to_string(is) + ", the provider takes at most " + std::to_string(most) +
                    "; " + advice);
}

}  // namespace

ShardBounds::ShardBounds(const BatchCapabilities& capabilities) noexcept
    : requests_max_(bound(capabilities.requests_max)),
      bytes_max_(bound(capabilities.file_bytes_max)),
      line_bytes_max_(bound(capabilities.line_bytes_max)),
      tokens_max_(bound(capabilities.enqueued_tokens_max)) {}

Result<void> ShardBounds::check(const ShardFill& line) const {
    const std::string smaller = "send a smaller image, or its URL";
    if (line.bytes - 1 > line_bytes_max_) {
        return too_large("line has bytes:", line.bytes - 1, line_bytes_max_, smaller);
    }
    if (line.bytes > bytes_max_) {
        return too_large("line has, with its line end, bytes:", line.bytes, bytes_max_, smaller);
    }
    if (line.tokens > tokens_max_) {
        return too_large("prompt may have tokens:", line.tokens, tokens_max_, "shorten it, or raise batch.enqueued_tokens_max");
    }
    return {};
}

Result<bool> ShardBounds::fits(const ShardFill& current, const ShardFill& line) const {
    if (auto alone = check(line); !alone) {
        return alone.error();
    }
    return has_room(current.requests, line.requests, requests_max_) && has_room(current.bytes, line.bytes, bytes_max_) &&
           has_room(current.tokens, line.tokens, tokens_max_);
}

std::int64_t ShardBounds::least_shards(const ShardFill& sum) const noexcept {
    return std::max({parts(sum.requests, requests_max_), parts(sum.bytes, bytes_max_), parts(sum.tokens, tokens_max_)});
}

}  // namespace eco2::batch
