#include "routing/target_board.hpp"

#include "base/limits.hpp"
#include "support/manual_executor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace eco2::routing {
namespace {

using namespace std::chrono_literals;
using Why = TargetBoard::Denial::Why;
using Outcome = TargetBoard::Pass::Outcome;

CallError fault(FaultClass fault_class, long retry_after_ms = -1) {
    CallError error;
    error.fault = fault_class;
    error.error.retry_after_ms = retry_after_ms;
    return error;
}

class TargetBoardTest : public testing::Test {
protected:
    TargetBoardTest() {
        definition_.providers = {
            {"alone", {}}, {"pair", {{"k1", "shared", {}}, {"k2", "shared", {}}}}, {"two", {{"k1", "", {}}, {"k2", "", {}}}}};
    }

    TargetBoard& board() {
        if (!board_) {
            board_.emplace(definition_, clock_, 1);
        }
        return *board_;
    }
    TargetBoard::Want want(std::string_view provider) const {
        TargetBoard::Want made;
        made.provider = provider;
        made.model = "m";
        return made;
    }
    /// Null: denied; see denial_.
    std::unique_ptr<TargetBoard::Pass> ask(const TargetBoard::Want& wanted) {
        auto answer = board().ask(wanted);
        if (auto* pass = std::get_if<0>(&answer)) {
            return std::move(*pass);
        }
        denial_ = std::get<1>(answer);
        return nullptr;
    }
    std::unique_ptr<TargetBoard::Pass> ask(std::string_view provider) { return ask(want(provider)); }
    /// One attempt; false: it was denied.
    bool attempt(std::string_view provider, FaultClass fault_class, long retry_after_ms = -1) {
        const auto pass = ask(provider);
        if (pass == nullptr) {
            return false;
        }
        const auto error = fault(fault_class, retry_after_ms);
        pass->settle(fault_class == FaultClass::none ? Outcome{Outcome::Kind::answered, nullptr, false, 5, 100ms}
                                                     : Outcome{Outcome::Kind::failed, &error, false, -1, -1ns});
        return true;
    }
    bool answered(std::string_view provider) { return attempt(provider, FaultClass::none); }
    std::chrono::milliseconds wait() const {
        return std::chrono::ceil<std::chrono::milliseconds>(denial_.ready_at - clock_.now());
    }
    std::string state_of(std::string_view provider, std::string_view key, std::string_view model) {
        for (const auto& row : board().status()) {
            if (row.provider == provider && row.key == key && row.model == model) {
                return row.state;
            }
        }
        return "no row";
    }

    test::ManualClock clock_;
    RoutingDefinition definition_;
    std::optional<TargetBoard> board_;
    TargetBoard::Denial denial_;
};

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
    last_resort.ignores_breaker = true;
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

TEST_F(TargetBoardTest, a_newcomer_does_not_take_the_room_that_others_wait_for) {
    definition_.accounts = {{"alone", {2, 0}, {}}};
    ask("alone").reset();
    clock_.advance(1s);
    ask("alone").reset();
    auto first = board().queue("alone", "m", "a", 10);
    auto second = board().queue("alone", "m", "a", 10);
    auto third = board().queue("alone", "m", "a", 10);
    const auto wait_of = [&](const TargetBoard::Place* place) {
        auto wanted = want("alone");
        wanted.place = place;
        EXPECT_EQ(ask(wanted), nullptr);
        return wait();
    };
    EXPECT_EQ(wait_of(first.get()), 59'750ms);
    EXPECT_EQ(wait_of(second.get()), 60'750ms);
    EXPECT_EQ(wait_of(third.get()), 59'750ms + 60'750ms) << "a window later";
    clock_.advance(59'750ms);
    EXPECT_EQ(ask("alone"), nullptr) << "the room is the first one's";
    auto wanted = want("alone");
    wanted.place = second.get();
    EXPECT_EQ(ask(wanted), nullptr);
    wanted.place = first.get();
    EXPECT_NE(ask(wanted), nullptr);
    clock_.advance(1s);
    EXPECT_EQ(ask("alone"), nullptr);
    second.reset();
    third.reset();
    EXPECT_NE(ask("alone"), nullptr) << "nobody waits any more";
}

TEST_F(TargetBoardTest, a_queue_has_a_most_and_forgets_who_leaves) {
    auto first = board().queue("alone", "m", "a", 2);
    auto second = board().queue("alone", "m", "b", 2);
    EXPECT_EQ(board().queue("alone", "m", "c", 2), nullptr);
    EXPECT_EQ(board().queue("alone", "m", "c", 0), nullptr);
    first.reset();
    EXPECT_NE(board().queue("alone", "m", "c", 2), nullptr);
    auto wanted = want("alone");
    wanted.place = second.get();
    EXPECT_NE(ask(wanted), nullptr);
    EXPECT_EQ(board().status().back().waiting, 0U) << "whose turn came waits no more";
}

TEST_F(TargetBoardTest, callers_with_ten_to_one_demand_get_equal_shares) {
    definition_.accounts = {{"alone", {16, 0}, {}}};
    struct Waiter {
        std::string caller;
        std::unique_ptr<TargetBoard::Place> place;
        Clock::Monotonic ask_at;
    };
    std::vector<Waiter> waiters(110);
    for (std::size_t i = 0; i < waiters.size(); ++i) {
        waiters[i] = {i < 100 ? "many" : "few", nullptr, clock_.now()};
    }
    for (int i = 0; i < 16; ++i) {
        ask("alone");  // what the first to come take, before anybody waits
    }
    int of_many = 0;
    int of_few = 0;
    const auto end = clock_.now() + 5min;
    while (clock_.now() < end) {
        for (auto& waiter : waiters) {
            if (waiter.ask_at > clock_.now()) {
                continue;
            }
            auto wanted = want("alone");
            wanted.place = waiter.place.get();
            if (const auto pass = ask(wanted)) {
                pass->settle({Outcome::Kind::answered, nullptr, false, 1, 1ms});
                (waiter.caller == "many" ? of_many : of_few) += 1;
                waiter.place.reset();
                waiter.ask_at = clock_.now();
                continue;
            }
            if (waiter.place == nullptr) {
                waiter.place = board().queue("alone", "m", waiter.caller, 1'000);
            } else {
                waiter.ask_at = std::min(denial_.ready_at, clock_.now() + 1s);
            }
        }
        clock_.advance(125ms);
    }
    EXPECT_GE(of_many + of_few, 4 * 16);
    EXPECT_NEAR(static_cast<double>(of_few) / of_many, 1, 0.2);
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
