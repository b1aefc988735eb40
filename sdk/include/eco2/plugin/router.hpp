#pragma once

#include "eco2/abi/router.h"
#include "eco2/plugin/host.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace eco2::plugin {
inline namespace draft_2 {

/// A target of a route, with what the host knows of it. Lifetime: of the call.
struct Candidate {
    std::string_view provider;
    std::string_view model;
    double weight = 1;
    std::int64_t priority = 0;     // smaller is better
    std::int64_t latency_us = -1;  // moving average of the time to the first content; -1: not known
    std::int64_t in_flight = 0;
    double failure_share = 0;  // of the recent attempts
};

struct OrderQuery {
    std::string_view request_id;
    std::string_view route;
    std::uint64_t random = 0;       // fresh for each request
    std::uint64_t prefix_hash = 0;  // of the prompt's beginning; 0: not known
    std::vector<Candidate> candidates;
};

/// Orders a route's targets (interface eco2.draft.router/0). The host makes the attempts and leaves out what cannot be asked
/// now.
///
/// Thread-safety: order runs on many threads at once and must not block.
class Router {
public:
    static constexpr std::string_view kInterfaceId = ECO2_ROUTER_ID;

    /// Indices of the candidates, best first; what is left out comes last, in the route's order.
    virtual std::vector<std::size_t> order(const OrderQuery& query) = 0;

    const void* table() const noexcept { return &table_; }

protected:
    explicit Router(const Host&) noexcept {
        table_.self = this;
        table_.order = [](void* self, const eco2_order_query* query, void* ctx, void (*place)(void*, std::size_t)) noexcept {
            return static_cast<Router*>(self)->tell(query, ctx, place);
        };
    }
    Router(const Router&) = delete;
    Router& operator=(const Router&) = delete;
    ~Router() = default;

private:
    eco2_status tell(const eco2_order_query* raw, void* ctx, void (*place)(void*, std::size_t)) noexcept {
        if (!detail::covers(raw) || place == nullptr) {
            return ECO2_INVALID_ARGUMENT;
        }
        const Result<std::vector<std::size_t>> told = detail::caught([&]() -> Result<std::vector<std::size_t>> {
            OrderQuery query{from_abi(raw->request_id), from_abi(raw->route), raw->random, raw->prefix_hash, {}};
            query.candidates.reserve(raw->candidate_count);
            for (std::size_t i = 0; i < raw->candidate_count; ++i) {
                const eco2_candidate& from = *raw->candidates[i];
                query.candidates.push_back({from_abi(from.provider),
                                            from_abi(from.model),
                                            from.weight,
                                            from.priority,
                                            from.latency_us,
                                            from.in_flight,
                                            from.failure_share});
            }
            return order(query);
        });
        if (!told) {
            return ECO2_INTERNAL;
        }
        for (const std::size_t index : *told) {
            place(ctx, index);
        }
        return ECO2_OK;
    }

    eco2_router table_ = detail::sized<eco2_router>();
};

}  // namespace draft_2
}  // namespace eco2::plugin
