#include "multi_provider/strategy.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>

namespace multi_provider {

using eco2::plugin::Candidate;
using eco2::plugin::OrderQuery;

namespace {

constexpr double kSuccessShareMin =
    0.02;  // a target that fails always is fifty times as slow, not infinitely: it must be tried

/// Source: SplitMix64, Steele, Lea and Flood 2014.
std::uint64_t mixed(std::uint64_t value) {
    value += 0x9E3779B97F4A7C15ull;
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9ull;
    value = (value ^ value >> 27) * 0x94D049BB133111EBull;
    return value ^ value >> 31;
}

/// In (0, 1), never at either end.
double unit(std::uint64_t bits) {
    constexpr double kStep = 1.0 / 9007199254740992.0;  // 2^-53
    return (static_cast<double>(bits >> 11) + 0.5) * kStep;
}

/// A few numbers out of the query's one.
class Draws {
public:
    explicit Draws(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {
        state_ = mixed(state_);
        return state_;
    }
    std::size_t below(std::size_t bound) { return static_cast<std::size_t>(next() % bound); }  // the bias is below 2^-50

private:
    std::uint64_t state_;
};

Order in_order(std::size_t count) {
    Order order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    return order;
}

/// By key, smaller first; equal ones in the route's order.
template <class Key>
Order sorted_by(const std::vector<Key>& keys) {
    Order order = in_order(keys.size());
    std::stable_sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) { return keys[left] < keys[right]; });
    return order;
}

/// A waiting time with the rate `weight`: the first of several to arrive is each in proportion to its weight, and so is the
/// second among the rest. Source: Efraimidis and Spirakis 2006.
double waiting_time(std::uint64_t bits, double weight) {
    const bool is_weight = weight > 0 && std::isfinite(weight);
    return is_weight ? -std::log(unit(bits)) / weight : std::numeric_limits<double>::infinity();
}

/// Source: FNV-1a.
std::uint64_t hash_of(const Candidate& candidate) {
    std::uint64_t hash = 14695981039346656037ull;
    const auto take = [&](std::string_view text) {
        for (const char byte : text) {
            hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ull;
        }
        hash *= 1099511628211ull;  // the end of the text, so that "a","bc" differs from "ab","c"
    };
    take(candidate.provider);
    take(candidate.model);
    return hash;
}

std::int64_t best_latency(const std::vector<Candidate>& candidates) {
    std::int64_t best = std::numeric_limits<std::int64_t>::max();
    for (const Candidate& candidate : candidates) {
        best = candidate.latency_us >= 0 ? std::min(best, candidate.latency_us) : best;
    }
    return best == std::numeric_limits<std::int64_t>::max() ? 1 : best;
}

double load_of(const Candidate& candidate, std::int64_t unknown_latency_us) {
    const std::int64_t latency_us = candidate.latency_us < 0 ? unknown_latency_us : candidate.latency_us;
    const double waiting = static_cast<double>(std::max<std::int64_t>(candidate.in_flight, 0)) + 1;
    const double success = 1 - std::clamp(candidate.failure_share, 0.0, 1.0);
    return static_cast<double>(std::max<std::int64_t>(latency_us, 1)) * waiting / std::max(success, kSuccessShareMin);
}

}  // namespace

Order by_priority(const OrderQuery& query) {
    std::vector<std::int64_t> keys;
    for (const Candidate& candidate : query.candidates) {
        keys.push_back(candidate.priority);
    }
    return sorted_by(keys);
}

Order by_weight(const OrderQuery& query) {
    Draws draws(query.random);
    std::vector<double> keys;
    for (const Candidate& candidate : query.candidates) {
        keys.push_back(waiting_time(draws.next(), candidate.weight));
    }
    return sorted_by(keys);
}

Order by_latency(const OrderQuery& query) {
    const std::int64_t unknown_us = best_latency(query.candidates);
    std::vector<double> loads;
    for (const Candidate& candidate : query.candidates) {
        loads.push_back(load_of(candidate, unknown_us));
    }
    Draws draws(query.random);
    Order order = in_order(loads.size());
    for (std::size_t at = 0; at + 1 < order.size(); ++at) {
        std::swap(order[at], order[at + draws.below(order.size() - at)]);
        std::size_t& other = order[at + 1 + draws.below(order.size() - at - 1)];
        if (loads[other] < loads[order[at]]) {
            std::swap(order[at], other);
        }
    }
    return order;
}

Order by_prefix(const OrderQuery& query) {
    if (query.prefix_hash == 0) {
        return by_weight(query);
    }
    std::vector<double> keys;
    for (const Candidate& candidate : query.candidates) {
        keys.push_back(waiting_time(mixed(mixed(query.prefix_hash) ^ hash_of(candidate)), candidate.weight));
    }
    return sorted_by(keys);
}

std::optional<Strategy> strategy_named(std::string_view name) {
    static constexpr std::array<std::pair<std::string_view, Strategy>, 4> kStrategies{
        {{"priority", by_priority}, {"weighted", by_weight}, {"least_latency", by_latency}, {"sticky", by_prefix}}};
    for (const auto& [known, strategy] : kStrategies) {
        if (known == name) {
            return strategy;
        }
    }
    return std::nullopt;
}

}  // namespace multi_provider
