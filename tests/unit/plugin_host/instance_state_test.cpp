#include "plugin_host/instance_state.hpp"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace eco2::plugin_host {
namespace {

using S = InstanceState;

/// Every pair is tried: those named here are legal, all others are not.
TEST(InstanceStates, only_the_named_transitions_are_legal) {
    const std::set<std::pair<S, S>> legal = {{S::loaded, S::created},
                                             {S::created, S::started},
                                             {S::started, S::draining},
                                             {S::draining, S::stopped},
                                             {S::stopped, S::destroyed},
                                             {S::loaded, S::failed},
                                             {S::created, S::failed},
                                             {S::started, S::failed},
                                             {S::draining, S::failed},
                                             {S::stopped, S::failed}};
    constexpr int kStates = static_cast<int>(S::failed) + 1;
    for (int from = 0; from < kStates; ++from) {
        for (int to = 0; to < kStates; ++to) {
            const auto pair = std::pair(static_cast<S>(from), static_cast<S>(to));
            EXPECT_EQ(is_legal(pair.first, pair.second), legal.contains(pair))
                << name_of(pair.first) << " -> " << name_of(pair.second);
        }
    }
}

}  // namespace
}  // namespace eco2::plugin_host
