#include "eco2/testing/fake_host.hpp"
#include "eco2/testing/test_instance.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

extern "C" const eco2_descriptor* eco2_plugin_entry_v1(void);

namespace {

using eco2::testing::FakeHost;
using eco2::testing::TestInstance;

eco2_candidate candidate(std::string_view provider, std::int64_t priority) {
    eco2_candidate made{};
    made.struct_size = sizeof made;
    made.provider = {provider.data(), provider.size()};
    made.weight = 1;
    made.priority = priority;
    made.latency_us = -1;
    return made;
}

std::vector<std::size_t> order(const TestInstance& instance, const std::vector<eco2_candidate>& candidates) {
    std::vector<const eco2_candidate*> list;
    for (const eco2_candidate& one : candidates) {
        list.push_back(&one);
    }
    eco2_order_query query{};
    query.struct_size = sizeof query;
    query.candidates = list.data();
    query.candidate_count = list.size();
    std::vector<std::size_t> told;
    const auto place = [](void* to, std::size_t index) { static_cast<std::vector<std::size_t>*>(to)->push_back(index); };
    const eco2_router* const router = instance.router();
    EXPECT_EQ(router->order(router->self, &query, &told, place), ECO2_OK);
    return told;
}

TEST(MultiProvider, orders_through_its_table) {
    FakeHost host;
    TestInstance usual(host, eco2_plugin_entry_v1(), "{}");
    ASSERT_NE(usual.router(), nullptr);
    EXPECT_EQ(order(usual, {candidate("a", 2), candidate("b", 0), candidate("c", 1)}), (std::vector<std::size_t>{1, 2, 0}));
    EXPECT_EQ(order(usual, {}), std::vector<std::size_t>{});
}

TEST(MultiProvider, takes_each_strategy_by_its_name) {
    for (const std::string name : {"priority", "weighted", "least_latency", "sticky"}) {
        FakeHost host;
        TestInstance instance(host, eco2_plugin_entry_v1(), R"({"strategy":")" + name + "\"}");
        ASSERT_EQ(instance.status(), ECO2_OK) << name;
        EXPECT_EQ(order(instance, {candidate("a", 0), candidate("b", 1)}).size(), 2u);
    }
    FakeHost host;
    TestInstance wrong(host, eco2_plugin_entry_v1(), R"({"strategy":"fastest"})");
    EXPECT_NE(wrong.status(), ECO2_OK);
    EXPECT_NE(wrong.error().find("fastest"), std::string::npos);
}

TEST(MultiProvider, a_query_that_is_none_is_refused) {
    FakeHost host;
    TestInstance instance(host, eco2_plugin_entry_v1(), "{}");
    const eco2_router* const router = instance.router();
    eco2_order_query query{};
    EXPECT_EQ(router->order(router->self, &query, nullptr, [](void*, std::size_t) {}), ECO2_INVALID_ARGUMENT) << "no size";
    query.struct_size = sizeof query;
    EXPECT_EQ(router->order(router->self, &query, nullptr, nullptr), ECO2_INVALID_ARGUMENT);
}

}  // namespace
