#pragma once

#include "eco2/plugin/router.hpp"

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

/// Orders of a route's candidates: pure functions of the query, whose `random` is the only chance in them.
///
/// Each gives every index once, best first.
/// Thread-safety: any thread.
namespace multi_provider {

using Order = std::vector<std::size_t>;

/// By priority, smaller first; equal ones in the route's order.
Order by_priority(const eco2::plugin::OrderQuery& query);

/// By chance, in proportion to the weights, without putting one back. A weight that is not above 0 comes last.
Order by_weight(const eco2::plugin::OrderQuery& query);

/// Two by chance, the one with the smaller load first, and so on with those that are left: looking at all of them would send
/// every request of a moment to the same one. Load is latency * (in flight + 1), over the share that succeeds. A latency that
/// is not known counts as the best known, so that a new target is tried, but not by everybody at once.
Order by_latency(const eco2::plugin::OrderQuery& query);

/// Rendezvous hashing: the same prefix goes to the same candidate as long as it stands there, and where one goes, only its own
/// prefixes move. Shares follow the weights. Without a prefix: by weight.
Order by_prefix(const eco2::plugin::OrderQuery& query);

using Strategy = Order (*)(const eco2::plugin::OrderQuery&);

/// nullopt: there is none of this name.
std::optional<Strategy> strategy_named(std::string_view name);

}  // namespace multi_provider
