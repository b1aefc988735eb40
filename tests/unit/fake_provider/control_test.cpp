#include "fake_provider/control.hpp"

#include "base/limits.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace eco2::fake {
namespace {

class StillClock final : public Clock {
public:
    Monotonic now() const noexcept override { return now_; }
    std::int64_t wall_ns() const noexcept override { return 1'700'000'000'000'000'000; }
    Monotonic now_{std::chrono::hours(1)};
};

const std::string kBody = R"({"model":"m","messages":[{"role":"user","content":"hello"}]})";

class FakeControl : public testing::Test {
protected:
    Control make(FakeOptions options = {}) { return Control(std::move(options), clock_); }
    StillClock clock_;
};

TEST_F(FakeControl, keys_are_checked_only_where_asked_for) {
    EXPECT_EQ(make().answer({kBody, ""}).status, 200);
    FakeOptions any;
    any.require_key = true;
    EXPECT_EQ(make(any).answer({kBody, ""}).status, 401);
    EXPECT_EQ(make(any).answer({kBody, "Basic abc"}).status, 401);
    EXPECT_EQ(make(any).answer({kBody, "Bearer abc"}).status, 200);
    FakeOptions one;
    one.key = "sk-one";
    EXPECT_EQ(make(one).answer({kBody, "Bearer sk-two"}).status, 401);
    EXPECT_EQ(make(one).answer({kBody, "bearer sk-one"}).status, 200);
}

TEST_F(FakeControl, bad_requests_are_refused_and_counted) {
    Control control = make();
    EXPECT_EQ(control.answer({"{", ""}).status, 400);
    EXPECT_EQ(control.ledger()->stats().by_kind.at("refused"), 1U);
    EXPECT_EQ(control.ledger()->stats().bodies.at(0), "{");
}

TEST_F(FakeControl, behaviour_changes_at_run_time_and_reset_takes_it_back) {
    Control control = make();
    ASSERT_TRUE(
        control.set_behaviour(R"({"fault":"status","status":503,"latency":{"answer_ms":5},"script":[{"fault":"refusal"}]})"));
    EXPECT_EQ(control.answer({kBody, ""}).status, 200);
    EXPECT_EQ(control.answer({kBody, ""}).status, 503);
    EXPECT_EQ(control.ledger()->stats().by_fault.at("refusal"), 1U);
    EXPECT_EQ(control.ledger()->stats().by_fault.at("status"), 1U);
    ASSERT_TRUE(control.set_behaviour("{}"));
    EXPECT_EQ(control.answer({kBody, ""}).parts.at(0).at, std::chrono::milliseconds(5))
        << "latency stays until it is set or reset";
    control.reset();
    EXPECT_EQ(control.answer({kBody, ""}).parts.at(0).at, std::chrono::milliseconds(600));
    EXPECT_EQ(control.ledger()->stats().requests, 1U);
}

TEST_F(FakeControl, a_bad_behaviour_changes_nothing) {
    Control control = make();
    for (const std::string text : {"",
                                   "[]",
                                   R"({"latency":3})",
                                   R"({"latency":{"vision_ms":-2}})",
                                   R"({"latency":{"speed":1}})",
                                   R"({"answers":{"classes":[]}})",
                                   R"({"answers":{"classes":[1]}})",
                                   R"({"answers":{"pick":"random"}})",
                                   R"({"latency":{"answer_ms":1},"fault":"nonsense"})"}) {
        EXPECT_FALSE(control.set_behaviour(text)) << text;
    }
    EXPECT_EQ(control.answer({kBody, ""}).parts.at(0).at, std::chrono::milliseconds(600));
}

TEST_F(FakeControl, answers_can_be_chosen_at_run_time) {
    Control control = make();
    ASSERT_TRUE(
        control.set_behaviour(R"({"answers":{"classes":["음식물류폐기물"],"pick":"round_robin","insufficiencies":["세척"]}})"));
    const std::string body =
        R"({"model":"m","messages":[{"role":"user","content":"q"}],"response_format":{"json_schema":{"name":"vision"}}})";
    EXPECT_NE(control.answer({body, ""}).parts.at(0).bytes.find("음식물류폐기물"), std::string::npos);
}

TEST_F(FakeControl, the_rate_window_tells_the_truth) {
    FakeOptions options;
    options.requests_per_minute = 2;
    Control control = make(options);
    const auto header = [](const Script& script, std::string_view name) {
        for (const auto& [key, value] : script.headers) {
            if (key == name) {
                return value;
            }
        }
        return std::string();
    };
    EXPECT_EQ(header(control.answer({kBody, ""}), "x-ratelimit-remaining-requests"), "1");
    clock_.now_ += std::chrono::seconds(20);
    EXPECT_EQ(header(control.answer({kBody, ""}), "x-ratelimit-remaining-requests"), "0");
    const Script over = control.answer({kBody, ""});
    EXPECT_EQ(over.status, 429);
    EXPECT_EQ(header(over, "retry-after"), "40");
    EXPECT_EQ(header(over, "x-ratelimit-reset-requests"), "40s");
    clock_.now_ += std::chrono::seconds(40);
    EXPECT_EQ(control.answer({kBody, ""}).status, 200);
}

TEST_F(FakeControl, the_ledger_is_bounded) {
    Control control = make();
    const std::string large(limits::kFakeBodyKeptBytesMax * 2, 'x');
    for (std::size_t i = 0; i < limits::kFakeBodiesKept + 5; ++i) {
        control.answer({large, ""});
    }
    const FakeStats stats = control.ledger()->stats();
    EXPECT_EQ(stats.bodies.size(), limits::kFakeBodiesKept);
    EXPECT_EQ(stats.bodies.back().size(), limits::kFakeBodyKeptBytesMax);
}

TEST_F(FakeControl, an_open_request_ends_once_and_a_dropped_one_was_cancelled) {
    auto ledger = std::make_shared<Ledger>();
    {
        OpenRequest first(ledger, clock_);
        OpenRequest second(ledger, clock_);
        EXPECT_EQ(ledger->stats().open, 2U);
        clock_.now_ += std::chrono::milliseconds(30);
        first.end(Ledger::Outcome::completed);
        first.end(Ledger::Outcome::broken);
    }
    const FakeStats stats = ledger->stats();
    EXPECT_EQ(stats.open, 0U);
    EXPECT_EQ(stats.open_max, 2U);
    EXPECT_EQ(stats.completed, 1U);
    EXPECT_EQ(stats.broken, 0U);
    EXPECT_EQ(stats.cancelled, 1U);
    EXPECT_EQ(stats.cancelled_after_ms.at(0), 30.0);
    EXPECT_TRUE(boost::json::parse(to_json(stats, 3, 0)).is_object());
}

TEST(FakeOptionsCheck, impossible_options_are_named) {
    const auto refused = [](auto change) {
        FakeOptions options;
        change(options);
        const Result<FakeOptions> result = checked(std::move(options));
        return result ? std::string() : result.error().detail.substr(0, result.error().detail.find(' '));
    };
    EXPECT_EQ(refused([](FakeOptions&) {}), "");
    EXPECT_EQ(refused([](FakeOptions& o) { o.latency.vision_ms = -1; }), "vision_ms");
    EXPECT_EQ(refused([](FakeOptions& o) { o.latency.jitter_percent = 101; }), "jitter_percent");
    EXPECT_EQ(refused([](FakeOptions& o) { o.latency.tokens_per_second = -1; }), "tokens_per_second");
    EXPECT_EQ(refused([](FakeOptions& o) { o.latency.pieces_max = 0; }), "pieces_max");
    EXPECT_EQ(refused([](FakeOptions& o) { o.answers.classes.clear(); }), "classes");
    EXPECT_EQ(refused([](FakeOptions& o) { o.answers.classes = {"/x"}; }), "classes");
    EXPECT_EQ(refused([](FakeOptions& o) { o.requests_per_minute = -1; }), "requests_per_minute");
    EXPECT_NE(banner(FakeOptions{}, 1234).find("NOT a real model"), std::string::npos);
}

}  // namespace
}  // namespace eco2::fake
