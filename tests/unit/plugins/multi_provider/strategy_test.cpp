#include "multi_provider/strategy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace {

using eco2::plugin::Candidate;
using eco2::plugin::OrderQuery;
using multi_provider::by_latency;
using multi_provider::by_prefix;
using multi_provider::by_priority;
using multi_provider::by_weight;
using multi_provider::Order;

constexpr int kRounds = 20'000;

Candidate named(std::string_view provider, double weight = 1) {
    Candidate made;
    made.provider = provider;
    made.model = "m";
    made.weight = weight;
    return made;
}

OrderQuery query_of(std::vector<Candidate> candidates) {
    OrderQuery query;
    query.candidates = std::move(candidates);
    return query;
}

/// Draws for a test's queries; a failure names the seed.
class Seeded : public ::testing::Test {
protected:
    std::mt19937_64 random{seed_};
    ::testing::ScopedTrace trace_{__FILE__, __LINE__, "seed " + std::to_string(seed_)};

private:
    static inline const std::uint64_t seed_ = std::random_device{}();
};
using MultiProviderChance = Seeded;

/// Five standard deviations of a share: a sound order fails once in a million runs.
double tolerance(double share, int rounds = kRounds) {
    return 5 * std::sqrt(share * (1 - share) / rounds);
}

void expect_permutation(const Order& order, std::size_t count) {
    Order sorted = order;
    std::sort(sorted.begin(), sorted.end());
    Order all(count);
    std::iota(all.begin(), all.end(), std::size_t{0});
    ASSERT_EQ(sorted, all);
}

TEST(MultiProviderOrder, by_priority_keeps_the_routes_order_among_equals) {
    auto candidates = std::vector<Candidate>(5);
    const std::int64_t priorities[] = {3, 1, 3, -1, 1};
    for (std::size_t index = 0; index < candidates.size(); ++index) {
        candidates[index].priority = priorities[index];
    }
    EXPECT_EQ(by_priority(query_of(candidates)), (Order{3, 1, 4, 0, 2}));
}

TEST_F(MultiProviderChance, every_strategy_names_every_candidate_once) {
    for (std::size_t count = 0; count < 9; ++count) {
        for (int round = 0; round < 50; ++round) {
            std::vector<Candidate> candidates;
            for (std::size_t index = 0; index < count; ++index) {
                Candidate one = named(std::string_view("abcdefghi").substr(index, 1));
                one.weight = static_cast<double>(random() % 4) - 1;
                one.latency_us = static_cast<std::int64_t>(random() % 5) - 1;
                one.in_flight = static_cast<std::int64_t>(random() % 5) - 1;
                one.failure_share = static_cast<double>(random() % 5) / 2 - 0.5;
                one.priority = static_cast<std::int64_t>(random() % 3);
                candidates.push_back(one);
            }
            OrderQuery query = query_of(candidates);
            query.random = random();
            query.prefix_hash = random() % 2 == 0 ? 0 : random();
            for (const char* const name : {"priority", "weighted", "least_latency", "sticky"}) {
                expect_permutation((*multi_provider::strategy_named(name))(query), count);
            }
        }
    }
    EXPECT_FALSE(multi_provider::strategy_named("fastest"));
}

TEST_F(MultiProviderChance, weights_are_shares_of_the_first_place_and_of_the_second) {
    OrderQuery query = query_of({named("a", 6), named("b", 3), named("c", 1)});
    std::map<Order, int> counts;
    for (int round = 0; round < kRounds; ++round) {
        query.random = random();
        ++counts[by_weight(query)];
    }
    const std::pair<Order, double> expected[] = {{{0, 1, 2}, 0.6 * 0.75},
                                                 {{0, 2, 1}, 0.6 * 0.25},
                                                 {{1, 0, 2}, 0.3 * 6 / 7},
                                                 {{1, 2, 0}, 0.3 * 1 / 7},
                                                 {{2, 0, 1}, 0.1 * 6 / 9},
                                                 {{2, 1, 0}, 0.1 * 3 / 9}};
    for (const auto& [order, share] : expected) {
        EXPECT_NEAR(counts[order] / static_cast<double>(kRounds), share, tolerance(share));
    }
}

TEST_F(MultiProviderChance, numbers_that_follow_each_other_are_as_good_as_any) {
    OrderQuery query = query_of({named("a"), named("b")});
    int first = 0;
    for (int round = 0; round < kRounds; ++round) {
        query.random = static_cast<std::uint64_t>(round);
        first += by_weight(query).front() == 0 ? 1 : 0;
    }
    EXPECT_NEAR(first / static_cast<double>(kRounds), 0.5, tolerance(0.5));
}

TEST_F(MultiProviderChance, a_weight_that_is_none_comes_last) {
    const double none[] = {0, -1, std::nan(""), std::numeric_limits<double>::infinity()};
    for (const double weight : none) {
        OrderQuery query = query_of({named("a", weight), named("b", 1e-9), named("c", 1e9)});
        for (int round = 0; round < 100; ++round) {
            query.random = random();
            query.prefix_hash = random();
            EXPECT_EQ(by_weight(query).back(), 0u);
            EXPECT_EQ(by_prefix(query).back(), 0u);
        }
    }
}

Candidate loaded(std::string_view provider, std::int64_t latency_us, std::int64_t in_flight = 0, double failure_share = 0) {
    Candidate made = named(provider);
    made.latency_us = latency_us;
    made.in_flight = in_flight;
    made.failure_share = failure_share;
    return made;
}

TEST_F(MultiProviderChance, of_two_the_less_loaded_comes_first_always) {
    const std::pair<Candidate, Candidate> table[] = {{loaded("a", 100), loaded("b", 200)},
                                                     {loaded("a", 300, 0), loaded("b", 100, 3)},
                                                     {loaded("a", 150), loaded("b", 100, 0, 0.5)},
                                                     {loaded("a", 100, 1), loaded("b", -1, 2)},
                                                     {loaded("a", -1), loaded("b", -1, 1)},
                                                     {loaded("a", 1000), loaded("b", 100, 0, 1)}};
    for (const auto& [better, worse] : table) {
        for (int round = 0; round < 50; ++round) {
            OrderQuery query = query_of({worse, better});
            query.random = random();
            EXPECT_EQ(by_latency(query).front(), 1u) << worse.latency_us << ' ' << worse.in_flight;
        }
    }
}

TEST_F(MultiProviderChance, of_many_the_best_is_not_chosen_by_all_and_the_worst_by_none) {
    OrderQuery query = query_of({loaded("a", 100), loaded("b", 200), loaded("c", 300), loaded("d", 400)});
    std::vector<int> first(4);
    for (int round = 0; round < kRounds; ++round) {
        query.random = random();
        ++first[by_latency(query).front()];
    }
    for (std::size_t index = 0; index < first.size(); ++index) {
        const double share = static_cast<double>(3 - index) / 6;  // of the pairs, those that it is the best of
        EXPECT_NEAR(first[index] / static_cast<double>(kRounds), share, tolerance(share)) << index;
    }
}

TEST_F(MultiProviderChance, a_new_target_shares_the_load_and_does_not_take_it_all) {
    std::vector<Candidate> candidates{loaded("known", 1000), loaded("new", -1)};
    for (int request = 0; request < 100; ++request) {
        OrderQuery query = query_of(candidates);
        query.random = random();
        ++candidates[by_latency(query).front()].in_flight;
    }
    EXPECT_EQ(candidates[0].in_flight, 50);
    EXPECT_EQ(candidates[1].in_flight, 50);
}

std::vector<Candidate> five() {
    return {named("a"), named("b"), named("c"), named("d"), named("e", 2)};
}

TEST_F(MultiProviderChance, a_prefix_keeps_its_order_whatever_the_number_and_the_places) {
    for (int round = 0; round < 200; ++round) {
        OrderQuery query = query_of(five());
        query.prefix_hash = random() | 1;
        query.random = random();
        const Order order = by_prefix(query);
        query.random = random();
        EXPECT_EQ(by_prefix(query), order);
        std::reverse(query.candidates.begin(), query.candidates.end());
        const Order reversed = by_prefix(query);
        for (std::size_t index = 0; index < order.size(); ++index) {
            EXPECT_EQ(reversed[index], order.size() - 1 - order[index]);
        }
    }
}

TEST_F(MultiProviderChance, when_a_candidate_goes_only_its_own_prefixes_move) {
    for (int round = 0; round < 1000; ++round) {
        OrderQuery query = query_of(five());
        query.prefix_hash = random() | 1;
        std::vector<std::string_view> before;
        for (const std::size_t index : by_prefix(query)) {
            before.push_back(query.candidates[index].provider);
        }
        const std::string_view gone = query.candidates[random() % 5].provider;
        std::erase_if(query.candidates, [&](const Candidate& one) { return one.provider == gone; });
        std::erase(before, gone);
        std::vector<std::string_view> after;
        for (const std::size_t index : by_prefix(query)) {
            after.push_back(query.candidates[index].provider);
        }
        EXPECT_EQ(after, before);
    }
}

TEST_F(MultiProviderChance, prefixes_are_shared_by_weight) {
    OrderQuery query = query_of(five());
    std::vector<int> first(5);
    for (int round = 0; round < kRounds; ++round) {
        query.prefix_hash = random() | 1;
        ++first[by_prefix(query).front()];
    }
    for (std::size_t index = 0; index < first.size(); ++index) {
        const double share = (index == 4 ? 2.0 : 1.0) / 6;
        EXPECT_NEAR(first[index] / static_cast<double>(kRounds), share, tolerance(share)) << index;
    }
}

TEST_F(MultiProviderChance, models_of_one_provider_are_candidates_of_their_own) {
    Candidate other = named("a");
    other.model = "n";
    OrderQuery query = query_of({named("a"), other});
    int first = 0;
    for (int round = 0; round < kRounds; ++round) {
        query.prefix_hash = random() | 1;
        first += by_prefix(query).front() == 0 ? 1 : 0;
    }
    EXPECT_NEAR(first / static_cast<double>(kRounds), 0.5, tolerance(0.5));
}

TEST_F(MultiProviderChance, without_a_prefix_chance_decides) {
    OrderQuery query = query_of({named("a"), named("b", 3)});
    int first = 0;
    for (int round = 0; round < kRounds; ++round) {
        query.random = random();
        first += by_prefix(query).front() == 0 ? 1 : 0;
    }
    EXPECT_NEAR(first / static_cast<double>(kRounds), 0.25, tolerance(0.25));
}

}  // namespace
