#include "routing/target_board.hpp"
#include "support/manual_executor.hpp"

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <optional>
#include <random>

namespace eco2::routing {
namespace {

using namespace std::chrono_literals;
using Outcome = TargetBoard::Pass::Outcome;

constexpr std::array kProviders{"one", "two", "free"};
constexpr std::array kModels{"m", "n"};
constexpr std::int64_t kAccountRequests = 40;
constexpr std::int64_t kAccountTokens = 20'000;
constexpr std::int64_t kKeyRequests = 25;

/// Does anything that routes may do, in any order, and keeps books of its own.
class RandomRoutes {
public:
    explicit RandomRoutes(unsigned seed) : random_(seed) {
        definition_.providers = {{"one", {{"k1", "shared", {kKeyRequests, 0}}, {"k2", "shared", {}}}},
                                 {"two", {{"k3", "shared", {}}, {"k4", "", {}}}},
                                 {"free", {}}};
        definition_.accounts = {{"shared", {kAccountRequests, kAccountTokens}, {{"m", {30, 0}}}}};
        board_.emplace(definition_, clock_, seed);
    }

    void step() {
        switch (random_() % 8) {
            case 0:
            case 1:
            case 2: ask(); break;
            case 3:
            case 4: settle(); break;
            case 5: join(); break;
            case 6: drop(); break;
            default: clock_.advance(std::chrono::milliseconds(random_() % 1'500)); break;
        }
    }

    void check_books() {
        for (const auto* provider : kProviders) {
            for (const auto* model : kModels) {
                std::int64_t open = 0;
                for (const auto& held : passes_) {
                    open += held.provider == provider && held.model == model ? 1 : 0;
                }
                ASSERT_EQ(board_->health(provider, model).in_flight, open);
            }
        }
        Clock::Monotonic minute_ago = clock_.now() - 60s;
        std::int64_t requests = 0;
        std::int64_t key_requests = 0;
        std::int64_t tokens = 0;
        for (const auto& sent : sent_) {
            if (sent.when > minute_ago) {
                ++requests;
                key_requests += sent.is_first_key ? 1 : 0;
                tokens += sent.tokens;
            }
        }
        ASSERT_LE(requests, kAccountRequests);
        ASSERT_LE(key_requests, kKeyRequests);
        ASSERT_LE(tokens, kAccountTokens);
    }

    /// All is given back; an hour later everything is as new.
    void end() {
        passes_.clear();
        places_.clear();
        for (const auto* provider : kProviders) {
            for (const auto* model : kModels) {
                EXPECT_EQ(board_->health(provider, model).in_flight, 0);
            }
        }
        clock_.advance(2h);
        for (const auto& row : board_->status()) {
            EXPECT_EQ(row.waiting, 0U);
            if (row.account == "shared" && row.model == "n") {
                EXPECT_EQ(row.requests_left, row.key == "k1" ? kKeyRequests : kAccountRequests);
                EXPECT_EQ(row.tokens_left, kAccountTokens);
            }
        }
        // Also no probe is still out: each of them may be asked, one after the other.
        for (const auto* provider : kProviders) {
            for (const auto* model : kModels) {
                TargetBoard::Want want;
                want.provider = provider;
                want.model = model;
                auto answer = board_->ask(want);
                ASSERT_EQ(answer.index(), 0U) << provider << " " << model;
                std::get<0>(answer)->settle({Outcome::Kind::answered, nullptr, false, 0, 1ms});
            }
        }
    }

private:
    struct Held {
        std::string provider;
        std::string model;
        std::unique_ptr<TargetBoard::Pass> pass;
        std::size_t sent = 0;
        std::int64_t tokens = 0;
    };
    struct Sent {
        Clock::Monotonic when;
        std::int64_t tokens;
        bool is_first_key;
    };
    struct Waiting {
        std::string provider;
        std::string model;
        std::unique_ptr<TargetBoard::Place> place;
    };

    void ask() {
        TargetBoard::Want want;
        want.provider = kProviders.at(random_() % kProviders.size());
        want.model = kModels.at(random_() % kModels.size());
        const bool waits = !places_.empty() && random_() % 2 == 0;
        const auto chosen = waits ? random_() % places_.size() : 0;
        if (waits) {
            want.provider = places_[chosen].provider;
            want.model = places_[chosen].model;
            want.place = places_[chosen].place.get();
        }
        want.tokens = static_cast<std::int64_t>(random_() % 3'000);
        want.is_last_resort = random_() % 16 == 0;
        const std::vector<std::uint32_t> keys{static_cast<std::uint32_t>(random_() % 2)};
        want.keys = random_() % 4 == 0 ? &keys : nullptr;
        auto answer = board_->ask(want);
        if (auto* pass = std::get_if<0>(&answer)) {
            const auto is_shared = (*pass)->account() == "shared";
            sent_.push_back({is_shared ? clock_.now() : clock_.now() - 1h, want.tokens, (*pass)->key_id() == "k1"});
            passes_.push_back(
                {std::string(want.provider), std::string(want.model), std::move(*pass), sent_.size() - 1, want.tokens});
            if (waits) {
                places_.erase(places_.begin() + static_cast<std::ptrdiff_t>(chosen));
            }
        } else {
            ASSERT_GT(std::get<1>(answer).ready_at, clock_.now());
        }
    }

    void settle() {
        if (passes_.empty()) {
            return;
        }
        const auto chosen = random_() % passes_.size();
        auto& held = passes_[chosen];
        CallError error;
        error.fault = static_cast<FaultClass>(random_() % 8);
        Outcome outcome;
        outcome.kind = static_cast<Outcome::Kind>(random_() % 3);
        outcome.error = outcome.kind == Outcome::Kind::failed ? &error : nullptr;
        outcome.is_time_out = random_() % 8 == 0;
        outcome.tokens = static_cast<std::int64_t>(random_() % static_cast<unsigned>(held.tokens + 2)) - 1;
        held.pass->settle(outcome);
        sent_[held.sent].tokens = outcome.tokens >= 0 ? outcome.tokens : held.tokens;
        passes_.erase(passes_.begin() + static_cast<std::ptrdiff_t>(chosen));
    }

    void drop() {
        if (!passes_.empty() && random_() % 2 == 0) {
            sent_[passes_.front().sent].tokens = 0;
            passes_.pop_front();
        } else if (!places_.empty()) {
            places_.pop_front();
        }
    }

    void join() {
        const std::string provider = kProviders.at(random_() % kProviders.size());
        const std::string model = kModels.at(random_() % kModels.size());
        if (auto place = board_->queue(provider, model, std::to_string(random_() % 3), 10)) {
            places_.push_back({provider, model, std::move(place)});
        }
    }

    std::mt19937 random_;
    test::ManualClock clock_;
    RoutingDefinition definition_;
    std::optional<TargetBoard> board_;
    std::deque<Held> passes_;
    std::deque<Waiting> places_;
    std::vector<Sent> sent_;
};

TEST(BoardPropertyTest, no_order_of_events_passes_a_quota_or_leaves_anything_behind) {
    for (int round = 0; round < 20; ++round) {
        const unsigned seed = std::random_device()();
        SCOPED_TRACE("seed " + std::to_string(seed));
        RandomRoutes routes(seed);
        for (int step = 0; step < 1'000; ++step) {
            routes.step();
            routes.check_books();
            if (testing::Test::HasFatalFailure()) {
                return;
            }
        }
        routes.end();
    }
}

}  // namespace
}  // namespace eco2::routing
