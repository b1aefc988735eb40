#include "contract/support.hpp"

namespace eco2::contract {
namespace {

using Order = std::vector<std::size_t>;

/// What the host makes of a router's words about four candidates.
struct Router {
    explicit Router(const std::string& behaviour) { loaded = bool(host.load("odd_router", odd_config(behaviour))); }

    Order order(std::size_t count = 4) {
        const std::vector<Candidate> candidates(count);
        OrderQuery query;
        query.candidates = &candidates;
        RouterDoor* const door = host.host.router("odd_router");
        return door == nullptr ? Order{99} : door->order(query);
    }
    Capabilities capabilities() { return host.host.provider("odd_router")->capabilities(); }

    ManualHost host;
    bool loaded = false;
};

TEST(PluginRouter, what_is_not_told_comes_last_in_the_routes_order) {
    Router router("none");
    EXPECT_EQ(router.order(), (Order{3, 0, 1, 2}));
    EXPECT_EQ(Router("says_nothing").order(), (Order{0, 1, 2, 3}));
    EXPECT_EQ(router.host.status().contract_violations, 0U);
}

TEST(PluginRouter, an_index_that_is_told_twice_or_out_of_range_is_skipped) {
    EXPECT_EQ(Router("odd_indices").order(), (Order{3, 1, 0, 2}));
}

TEST(PluginRouter, one_that_fails_leaves_the_routes_order_whatever_it_has_told_before) {
    EXPECT_EQ(Router("fails").order(), (Order{0, 1, 2, 3}));
}

TEST(PluginRouter, one_that_throws_leaves_the_routes_order_and_is_noted) {
    Router router("throws");
    EXPECT_EQ(router.order(), (Order{0, 1, 2, 3}));
    EXPECT_EQ(router.host.status().contract_violations, 1U);
    EXPECT_EQ(router.order(2), (Order{0, 1})) << "and is asked again";
}

TEST(PluginCapabilities, are_what_is_declared_and_nothing_else) {
    Router router("none");
    EXPECT_TRUE(router.capabilities().has_tools);
    EXPECT_TRUE(router.capabilities().has_chat);
    EXPECT_FALSE(router.capabilities().has_vision);
    EXPECT_FALSE(router.capabilities().has_streaming);
    Router words("describes_words");
    ASSERT_TRUE(words.loaded);
    EXPECT_FALSE(words.capabilities().has_vision) << "a word is no boolean";
    EXPECT_FALSE(words.capabilities().has_tools);
    EXPECT_FALSE(words.capabilities().has_chat);
}

TEST(PluginCapabilities, a_description_that_is_none_keeps_the_instance_out) {
    for (const std::string behaviour : {"describes_no_json",
                                        "describes_no_object",
                                        "describes_nothing",
                                        "has_no_capabilities",
                                        "describes_null",
                                        "throws_in_describe"}) {
        EXPECT_FALSE(Router(behaviour).loaded) << behaviour;
    }
}

}  // namespace
}  // namespace eco2::contract
