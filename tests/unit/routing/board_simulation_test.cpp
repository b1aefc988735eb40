#include "routing/target_board.hpp"
#include "support/manual_executor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <queue>
#include <random>

/// Whole minutes of traffic against upstreams that count fixed minutes, in virtual time.
namespace eco2::routing {
namespace {

using namespace std::chrono_literals;
using Outcome = TargetBoard::Pass::Outcome;

class Events {
public:
    explicit Events(test::ManualClock& clock) : clock_(clock) {}
    void after(std::chrono::nanoseconds delay, std::function<void()> event) { at(clock_.now() + delay, std::move(event)); }
    void at(Clock::Monotonic when, std::function<void()> event) {
        events_.emplace(std::max(when, clock_.now()), std::move(event));
    }
    void run_until(Clock::Monotonic end) {
        while (!events_.empty() && events_.begin()->first < end) {
            clock_.advance(events_.begin()->first - clock_.now());
            const auto event = std::move(events_.begin()->second);
            events_.erase(events_.begin());
            event();
        }
        clock_.advance(end - clock_.now());
    }

private:
    test::ManualClock& clock_;
    std::multimap<Clock::Monotonic, std::function<void()>> events_;
};

/// Counts requests and tokens of fixed minutes that begin at some `phase`.
class FixedWindow {
public:
    FixedWindow(RateQuota quota, std::chrono::nanoseconds phase) : quota_(quota), phase_(phase) {}
    bool take(Clock::Monotonic now, std::int64_t tokens) {
        const auto minute = (now.time_since_epoch() + phase_) / 1min;
        if (minute != minute_) {
            minute_ = minute;
            used_ = {};
        }
        const bool has_room = (quota_.requests_per_minute == 0 || used_.requests_per_minute < quota_.requests_per_minute) &&
                              (quota_.tokens_per_minute == 0 || used_.tokens_per_minute + tokens <= quota_.tokens_per_minute);
        if (has_room) {
            ++used_.requests_per_minute;
            used_.tokens_per_minute += tokens;
        }
        return has_room;
    }

private:
    RateQuota quota_;
    std::chrono::nanoseconds phase_;
    std::int64_t minute_ = -1;
    RateQuota used_;
};

struct Traffic {
    std::int64_t taken = 0;
    std::int64_t taken_tokens = 0;
    std::int64_t refused = 0;
    std::int64_t asks = 0;
};

/// Clients without end, each asking anew as soon as it is answered.
class Simulation {
public:
    Simulation(const RateQuota& quota, std::uint32_t seed) : random_(seed) {
        definition_.providers = {{"up", {{"k1", "one", {}}, {"k2", "one", {}}, {"k3", "two", {}}}}};
        definition_.accounts = {{"one", quota, {}}, {"two", quota, {}}};
        board_ = std::make_unique<TargetBoard>(definition_, clock_, seed);
        for (const auto* account : {"one", "two"}) {
            upstreams_.try_emplace(account, quota, std::chrono::milliseconds(random_() % 60'000));
        }
    }

    Traffic run(int clients, std::chrono::minutes length, std::int64_t reserved, std::int64_t used) {
        reserved_ = reserved;
        used_ = used;
        clients_.resize(static_cast<std::size_t>(clients));
        for (auto& client : clients_) {
            events_.after(0ns, [this, &client] { ask(client); });
        }
        const auto end = clock_.now() + length;
        end_ = end;
        events_.run_until(end);
        const auto traffic = traffic_;
        events_.run_until(end + 10s);
        EXPECT_EQ(board_->health("up", "m").in_flight, 0);
        return traffic;
    }

private:
    struct Client {
        std::unique_ptr<TargetBoard::Place> place;
        std::unique_ptr<TargetBoard::Pass> pass;
    };

    std::chrono::milliseconds jitter(unsigned from, unsigned to) {
        return std::chrono::milliseconds(from + random_() % (to - from + 1));
    }

    void ask(Client& client) {
        if (clock_.now() >= end_) {
            return;
        }
        ++traffic_.asks;
        TargetBoard::Want want;
        want.provider = "up";
        want.model = "m";
        want.tokens = reserved_;
        want.place = client.place.get();
        auto answer = board_->ask(want);
        if (auto* pass = std::get_if<0>(&answer)) {
            client.pass = std::move(*pass);
            client.place.reset();
            events_.after(jitter(1, 200), [this, &client] { arrive(client); });
            return;
        }
        if (client.place == nullptr) {
            client.place = board_->queue("up", "m", "caller", 10'000);
            events_.after(0ns, [this, &client] { ask(client); });
            return;
        }
        EXPECT_GT(std::get<1>(answer).ready_at, clock_.now());
        events_.at(std::get<1>(answer).ready_at, [this, &client] { ask(client); });
    }

    void arrive(Client& client) {
        const auto tokens = used_ == 0 ? 0 : static_cast<std::int64_t>(random_() % static_cast<unsigned>(used_)) + used_ / 2;
        if (upstreams_.at(client.pass->account()).take(clock_.now(), tokens)) {
            ++traffic_.taken;
            traffic_.taken_tokens += tokens;
            events_.after(jitter(50, 400), [this, &client, tokens] {
                client.pass->settle({Outcome::Kind::answered, nullptr, false, tokens, 50ms});
                client.pass.reset();
                ask(client);
            });
            return;
        }
        ++traffic_.refused;
        CallError error;
        error.fault = FaultClass::limited;
        client.pass->settle({Outcome::Kind::failed, &error, false, 0, -1ns});
        client.pass.reset();
        ask(client);
    }

    test::ManualClock clock_;
    Events events_{clock_};
    std::mt19937 random_;
    RoutingDefinition definition_;
    std::map<std::string, FixedWindow> upstreams_;
    std::unique_ptr<TargetBoard> board_;
    std::vector<Client> clients_;
    std::int64_t reserved_ = 0;
    std::int64_t used_ = 0;
    Clock::Monotonic end_{};
    Traffic traffic_;
};

class BoardSimulationTest : public testing::TestWithParam<std::uint32_t> {};

TEST_P(BoardSimulationTest, requests_use_up_what_the_limits_allow_without_passing_them) {
    SCOPED_TRACE("seed " + std::to_string(GetParam()));
    Simulation simulation({500, 0}, GetParam());
    const auto traffic = simulation.run(1'200, 10min, 0, 0);
    EXPECT_GE(traffic.taken, 2 * 500 * 10 * 97 / 100);
    EXPECT_LE(traffic.refused, traffic.taken / 1'000);
    EXPECT_LE(traffic.asks, traffic.taken * 12) << "asking again is cheap, but not for nothing";
    RecordProperty("taken", static_cast<int>(traffic.taken));
}

TEST_P(BoardSimulationTest, tokens_reserved_too_high_are_used_up_all_the_same) {
    SCOPED_TRACE("seed " + std::to_string(GetParam()));
    constexpr std::int64_t kTokens = 200'000;
    Simulation simulation({0, kTokens}, GetParam());
    const auto traffic = simulation.run(300, 10min, 1'500, 500);
    EXPECT_GE(traffic.taken_tokens, 2 * kTokens * 10 * 97 / 100);
    EXPECT_LE(traffic.asks, traffic.taken * 30);
    EXPECT_LE(traffic.refused, traffic.taken / 1'000);
}

INSTANTIATE_TEST_SUITE_P(Seeds, BoardSimulationTest, testing::Values(1U, 7U, std::random_device()()));

}  // namespace
}  // namespace eco2::routing
