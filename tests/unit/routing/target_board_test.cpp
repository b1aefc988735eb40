#include "routing/target_board.hpp"

#include "base/limits.hpp"
#include "unit/routing/board_fixture.hpp"

#include <algorithm>

namespace eco2::routing {
namespace {

using TargetBoardTest = BoardTest;

TEST_F(TargetBoardTest, a_provider_without_keys_is_an_account_of_its_own) {
    const auto pass = ask("alone");
    ASSERT_NE(pass, nullptr);
    EXPECT_EQ(pass->key(), 0U);
    EXPECT_EQ(pass->key_id(), "");
    EXPECT_EQ(pass->account(), "alone");
    EXPECT_FALSE(pass->is_probe());
    EXPECT_EQ(ask("two")->account().substr(0, 5), "two/k");
    EXPECT_EQ(ask("pair")->account(), "shared");
    EXPECT_EQ(ask("a stage's own")->account(), "a stage's own");
}

TEST_F(TargetBoardTest, in_flight_counts_until_a_pass_is_settled_or_dropped) {
    auto first = ask("alone");
    auto second = ask("alone");
    EXPECT_EQ(board().health("alone", "m").in_flight, 2);
    first->settle({Outcome::Kind::answered, nullptr, false, 1, 250ms});
    first->settle({Outcome::Kind::answered, nullptr, false, 1, 250ms});
    EXPECT_EQ(board().health("alone", "m").in_flight, 1);
    first.reset();
    second.reset();
    EXPECT_EQ(board().health("alone", "m").in_flight, 0);
    EXPECT_EQ(board().health("alone", "m").latency_us, 250'000);
    EXPECT_EQ(board().health("alone", "other").latency_us, -1);
}

TEST_F(TargetBoardTest, a_quota_of_an_account_holds_for_all_its_keys_and_models) {
    definition_.accounts = {{"shared", {4, 0}, {}}};
    std::vector<std::unique_ptr<TargetBoard::Pass>> passes;
    for (const auto* model : {"m", "n", "m", "n"}) {
        auto wanted = want("pair");
        wanted.model = model;
        passes.push_back(ask(wanted));
        ASSERT_NE(passes.back(), nullptr);
    }
    EXPECT_EQ(std::count_if(passes.begin(), passes.end(), [](const auto& pass) { return pass->key_id() == "k1"; }), 2);
    EXPECT_EQ(ask("pair"), nullptr);
    EXPECT_EQ(denial_.why, Why::limited);
    EXPECT_EQ(wait(), 60'750ms) << "the request stands, whatever becomes of it";
    passes.clear();
    EXPECT_EQ(ask("pair"), nullptr);
    clock_.advance(60'749ms);
    EXPECT_EQ(ask("pair"), nullptr);
    clock_.advance(1ms);
    EXPECT_NE(ask("pair"), nullptr);
}

TEST_F(TargetBoardTest, models_that_fit_a_glob_have_a_quota_each) {
    definition_.accounts = {{"shared", {}, {{"mini-*", {2, 0}}, {"*", {1, 0}}}}};
    const auto count = [&](const char* model) {
        auto wanted = want("pair");
        wanted.model = model;
        int passes = 0;
        while (passes < 10 && ask(wanted) != nullptr) {
            ++passes;
        }
        return passes;
    };
    EXPECT_EQ(count("mini-1"), 2);
    EXPECT_EQ(count("mini-2"), 2);
    EXPECT_EQ(count("large"), 1);
}

TEST_F(TargetBoardTest, a_key_has_a_quota_of_its_own) {
    definition_.providers[2].keys[0].quota = {3, 0};
    definition_.providers[2].keys[1].quota = {1, 0};
    std::string used;
    for (int i = 0; i < 4; ++i) {
        used += ask("two")->key_id() + " ";
    }
    EXPECT_EQ(ask("two"), nullptr);
    EXPECT_EQ(std::count(used.begin(), used.end(), '2'), 1) << used;
}

TEST_F(TargetBoardTest, dropped_tokens_come_back_and_settled_ones_are_corrected) {
    definition_.accounts = {{"alone", {0, 1'000}, {}}};
    auto wanted = want("alone");
    wanted.tokens = 600;
    auto pass = ask(wanted);
    EXPECT_EQ(ask(wanted), nullptr);
    EXPECT_EQ(wait(), 250ms) << "tokens under way may come back at any time";
    pass.reset();
    pass = ask(wanted);
    ASSERT_NE(pass, nullptr);
    pass->settle({Outcome::Kind::answered, nullptr, false, 400, 1ms});
    pass = ask(wanted);
    ASSERT_NE(pass, nullptr);
    pass->settle({Outcome::Kind::cancelled, nullptr, false, -1, -1ns});
    EXPECT_EQ(ask(wanted), nullptr);
    EXPECT_EQ(wait(), 60'750ms) << "what is settled does not come back";
}

TEST_F(TargetBoardTest, the_key_with_the_most_room_is_taken_then_the_idlest) {
    definition_.accounts = {{"two/k1", {10, 0}, {}}, {"two/k2", {20, 0}, {}}};
    int of_first = 0;
    for (int i = 0; i < 30; ++i) {
        of_first += ask("two")->key_id() == "k1" ? 1 : 0;
        EXPECT_LE(std::abs(of_first * 3 - (i + 1)), 3);
    }
    const auto busy = ask("pair");
    for (int i = 0; i < 10; ++i) {
        EXPECT_NE(ask("pair")->key_id(), busy->key_id());
    }
}

TEST_F(TargetBoardTest, equally_good_keys_are_chosen_at_random_by_the_seed) {
    const auto order = [&](std::uint64_t seed) {
        board_.emplace(definition_, clock_, seed);
        std::string keys;
        for (int i = 0; i < 64; ++i) {
            keys += ask("two")->key_id();
        }
        return keys;
    };
    EXPECT_EQ(order(1), order(1));
    EXPECT_NE(order(1), order(2));
    const auto keys = order(3);
    EXPECT_NEAR(static_cast<double>(std::count(keys.begin(), keys.end(), '1')), 32, 16);
}

TEST_F(TargetBoardTest, a_limited_account_is_left_alone_with_all_its_keys_for_that_model) {
    EXPECT_TRUE(attempt("pair", FaultClass::limited, 5'000));
    EXPECT_EQ(ask("pair"), nullptr);
    EXPECT_EQ(denial_.why, Why::limited);
    EXPECT_EQ(wait(), 5'000ms);
    auto other = want("pair");
    other.model = "n";
    EXPECT_NE(ask(other), nullptr);
    EXPECT_EQ(state_of("pair", "k2", "m"), "limited");
    clock_.advance(5s);
    EXPECT_TRUE(answered("pair"));
    EXPECT_TRUE(attempt("two", FaultClass::limited, 5'000));
    EXPECT_TRUE(answered("two")) << "the other key is of another account";
}

TEST_F(TargetBoardTest, headers_correct_the_quota_of_their_account_and_model) {
    RateLimits told;
    told.requests_limit = 100;
    told.requests_remaining = 1;
    told.requests_reset_ms = 7'000;
    auto pass = ask("pair");
    pass->note_limits(told);
    pass->settle({Outcome::Kind::answered, nullptr, false, 1, 1ms});
    pass->note_limits(told);
    EXPECT_TRUE(answered("pair"));
    EXPECT_EQ(ask("pair"), nullptr);
    EXPECT_EQ(wait(), 7'000ms);
}

TEST_F(TargetBoardTest, a_key_at_fault_is_out_for_all_models_and_probed_by_one) {
    EXPECT_TRUE(attempt("alone", FaultClass::key_fault));
    auto other = want("alone");
    other.model = "n";
    EXPECT_EQ(ask(other), nullptr);
    EXPECT_EQ(denial_.why, Why::keys_at_fault);
    EXPECT_EQ(wait(), 60'000ms);
    EXPECT_EQ(state_of("alone", "", ""), "at_fault");
    clock_.advance(60s);
    auto probe = ask("alone");
    ASSERT_NE(probe, nullptr);
    EXPECT_TRUE(probe->is_probe());
    EXPECT_EQ(ask(other), nullptr);
    probe.reset();
    probe = ask(other);
    ASSERT_NE(probe, nullptr) << "a probe that came to nothing lets another one";
    probe->settle({Outcome::Kind::answered, nullptr, false, 1, 1ms});
    EXPECT_EQ(state_of("alone", "", ""), "ok");
    EXPECT_FALSE(ask("alone")->is_probe());
}

TEST_F(TargetBoardTest, keys_and_accounts_that_a_request_leaves_out_are_not_chosen) {
    const std::vector<std::uint32_t> first_key{0};
    auto wanted = want("two");
    wanted.keys = &first_key;
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(ask(wanted)->key_id(), "k2");
    }
    const std::vector<std::string> second_account{"two/k2"};
    wanted.accounts = &second_account;
    EXPECT_EQ(ask(wanted), nullptr);
    EXPECT_EQ(denial_.why, Why::limited);
    EXPECT_GT(denial_.ready_at, clock_.now());
    wanted = want("alone");
    wanted.keys = &first_key;
    EXPECT_EQ(ask(wanted), nullptr);
    EXPECT_EQ(denial_.why, Why::keys_at_fault);
}

struct FaultCase {
    FaultClass fault;
    bool opens;
};

TEST_F(TargetBoardTest, overload_and_faults_and_time_outs_open_the_breaker_and_nothing_else_does) {
    for (const auto& row : {FaultCase{FaultClass::overloaded, true},
                            FaultCase{FaultClass::provider_fault, true},
                            FaultCase{FaultClass::caller_fault, false},
                            FaultCase{FaultClass::context_length, false},
                            FaultCase{FaultClass::content_policy, false}}) {
        board_.reset();
        for (int i = 0; i < definition_.breaker.failures; ++i) {
            EXPECT_TRUE(attempt("alone", row.fault));
        }
        EXPECT_EQ(state_of("alone", "", "m"), row.opens ? "open" : "ok") << static_cast<int>(row.fault);
    }
    board_.reset();
    for (int i = 0; i < definition_.breaker.failures; ++i) {
        ask("alone")->settle({Outcome::Kind::failed, nullptr, true, -1, -1ns});
        ask("alone").reset();  // cancelled: neither
    }
    EXPECT_EQ(ask("alone"), nullptr);
    EXPECT_EQ(denial_.why, Why::circuit_open);
    EXPECT_EQ(wait(), 2'000ms);
    auto last_resort = want("alone");
    last_resort.is_last_resort = true;
    EXPECT_NE(ask(last_resort), nullptr);
    auto other = want("alone");
    other.model = "n";
    EXPECT_NE(ask(other), nullptr) << "a breaker is of one model";
    EXPECT_EQ(board().health("alone", "m").failure_share, 1);
}

TEST_F(TargetBoardTest, a_refused_request_counts_neither_way_for_the_breaker) {
    definition_.limited_default = 0ms;
    EXPECT_TRUE(attempt("alone", FaultClass::overloaded));
    EXPECT_TRUE(attempt("alone", FaultClass::overloaded));
    EXPECT_TRUE(attempt("alone", FaultClass::limited));
    EXPECT_EQ(state_of("alone", "", "m"), "ok");
    EXPECT_TRUE(attempt("alone", FaultClass::overloaded));
    EXPECT_EQ(state_of("alone", "", "m"), "open");
    clock_.advance(2s);
    EXPECT_EQ(state_of("alone", "", "m"), "half_open");
    EXPECT_TRUE(attempt("alone", FaultClass::limited)) << "a probe without a verdict ...";
    const auto probe = ask("alone");
    ASSERT_NE(probe, nullptr) << "... lets another one";
    EXPECT_TRUE(probe->is_probe());
}

TEST_F(TargetBoardTest, an_outage_costs_few_attempts_and_its_end_is_seen_soon) {
    int attempts = 0;
    int requests = 0;
    for (; requests < 15; ++requests) {  // one request each 4 s, each tries twice if it may
        for (int tries = 0; tries < 2 && attempt("alone", FaultClass::provider_fault); ++tries) {
            ++attempts;
        }
        clock_.advance(4s);
    }
    EXPECT_LE(attempts, requests * 1.2);
    EXPECT_GE(attempts, 3);
    auto waited = 0s;
    while (!answered("alone")) {
        clock_.advance(4s);
        waited += 4s;
        ASSERT_LE(waited, 30s);
    }
    EXPECT_TRUE(answered("alone"));
    EXPECT_TRUE(answered("alone"));
}

TEST_F(TargetBoardTest, retries_are_a_share_of_first_attempts_above_a_floor) {
    definition_.retry_share = 0.5;
    definition_.retry_floor_per_second = 2;
    EXPECT_TRUE(board().take_retry());
    EXPECT_TRUE(board().take_retry());
    EXPECT_FALSE(board().take_retry());
    answered("alone");
    EXPECT_FALSE(board().take_retry());
    auto retry = want("alone");
    retry.is_retry = true;
    ask(retry);
    EXPECT_FALSE(board().take_retry()) << "only first attempts earn";
    answered("alone");
    EXPECT_TRUE(board().take_retry());
}

TEST_F(TargetBoardTest, a_reload_forgets_nothing_of_what_is_still_there) {
    definition_.accounts = {{"shared", {5, 0}, {}}};
    for (int i = 0; i < 5; ++i) {
        answered("pair");
    }
    attempt("alone", FaultClass::key_fault);
    for (int i = 0; i < 3; ++i) {
        const std::vector<std::uint32_t> second{1};
        auto wanted = want("two");
        wanted.keys = &second;
        ask(wanted)->settle({Outcome::Kind::failed, nullptr, true, -1, -1ns});
    }
    auto under_way = ask("two");

    auto changed = definition_;
    changed.providers = {{"alone", {}}, {"two", {{"new", "", {}}, {"k1", "", {}}}}, {"pair", {{"k2", "shared", {}}}}};
    TargetBoard next(changed, clock_, 1);
    next.inherit(board());
    under_way.reset();
    EXPECT_EQ(std::get<1>(next.ask(want("pair"))).why, Why::limited);
    EXPECT_EQ(std::get<1>(next.ask(want("alone"))).why, Why::keys_at_fault);
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(std::get<0>(next.ask(want("two")))->key_id(), "new") << "the breaker of k1 is open";
    }
    EXPECT_EQ(next.health("pair", "m").latency_us, 100'000);
    EXPECT_EQ(next.health("two", "m").in_flight, 0);
    EXPECT_EQ(board().health("two", "m").in_flight, 0);
    next.inherit(next);
}

TEST_F(TargetBoardTest, idle_targets_are_forgotten_and_busy_ones_kept) {
    const auto ask_model = [&](const std::string& model) {
        auto wanted = want("alone");
        wanted.model = model;
        return ask(wanted);
    };
    const auto kept = ask_model("kept");
    ask_model("idle")->settle({Outcome::Kind::answered, nullptr, false, 1, 1ms});
    const auto waiting = board().queue("alone", "awaited", "a", 10);
    for (std::size_t i = 0; i < limits::kTargetsKept; ++i) {
        ask_model("made up " + std::to_string(i));
    }
    EXPECT_LE(board().status().size(), limits::kTargetsKept + 16);
    EXPECT_EQ(board().health("alone", "kept").in_flight, 1);
    EXPECT_EQ(board().health("alone", "idle").latency_us, -1);
    EXPECT_EQ(state_of("alone", "", "awaited"), "ok");
}

TEST_F(TargetBoardTest, accounts_are_shared_by_providers_also_by_model) {
    definition_.providers.push_back({"third", {{"k9", "shared", {}}}});
    attempt("third", FaultClass::limited, 4'000);
    EXPECT_EQ(ask("pair"), nullptr);
    EXPECT_EQ(wait(), 4'000ms);
}

}  // namespace
}  // namespace eco2::routing
