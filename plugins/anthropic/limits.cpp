#include "anthropic/limits.hpp"

#include "eco2/wire/rfc3339.hpp"

#include <algorithm>
#include <string>

namespace eco2::anthropic {
namespace {

struct Bucket {
    std::int64_t limit = -1;
    std::int64_t remaining = -1;
    std::int64_t reset_ms = -1;

    bool is_known() const { return remaining >= 0; }
    /// Share that is left; 1 where it is not known.
    double share() const {
        return limit > 0 && remaining >= 0 ? static_cast<double>(remaining) / static_cast<double>(limit) : 1;
    }
};

Bucket read_bucket(const plugin::Headers& headers, std::string_view name, std::int64_t wall_now_ns) {
    const std::string prefix = "anthropic-ratelimit-" + std::string(name);
    Bucket bucket;
    bucket.limit = wire::detail::count_or_unknown(headers.find(prefix + "-limit"));
    bucket.remaining = wire::detail::count_or_unknown(headers.find(prefix + "-remaining"));
    if (const auto reset = wire::parse_rfc3339(headers.find(prefix + "-reset"))) {
        bucket.reset_ms = std::max<std::int64_t>(0, *reset * 1000 - wall_now_ns / 1'000'000);
    }
    return bucket;
}

}  // namespace

wire::RateLimits read_rate_limits(const plugin::Headers& headers, std::int64_t wall_now_ns) {
    const Bucket requests = read_bucket(headers, "requests", wall_now_ns);
    Bucket tokens = read_bucket(headers, "tokens", wall_now_ns);
    if (!tokens.is_known()) {
        const Bucket input = read_bucket(headers, "input-tokens", wall_now_ns);
        const Bucket output = read_bucket(headers, "output-tokens", wall_now_ns);
        tokens = !input.is_known() || (output.is_known() && output.share() < input.share()) ? output : input;
    }
    return {requests.limit, requests.remaining, requests.reset_ms, tokens.limit, tokens.remaining, tokens.reset_ms};
}

std::int64_t reset_hint_ms(const wire::RateLimits& limits) {
    const std::int64_t requests = limits.requests_remaining == 0 ? limits.requests_reset_ms : -1;
    const std::int64_t tokens = limits.tokens_remaining == 0 ? limits.tokens_reset_ms : -1;
    return std::max(requests, tokens);
}

}  // namespace eco2::anthropic
