#include "asked.hpp"
#include "fake_provider/accounts.hpp"

#include <gtest/gtest.h>

namespace eco2::fake {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

AccountPlan plan_of(const std::string& text) {
    Result<AccountPlan> read = read_accounts(boost::json::parse(text).as_object());
    EXPECT_TRUE(read) << (read ? "" : read.error().text());
    return read ? *read : AccountPlan{};
}

TEST(FakeRateWindow, a_fixed_window_frees_all_at_once) {
    const Clock::Monotonic begin{std::chrono::hours(1)};
    RateWindow window({2, 0, WindowKind::fixed, seconds(60)});
    for (const int second : {0, 50}) {
        ASSERT_EQ(window.shortage(begin + seconds(second), 0), RateWindow::Shortage::none);
        window.take(begin + seconds(second), 1, 0);
    }
    EXPECT_EQ(window.shortage(begin + seconds(59), 0), RateWindow::Shortage::requests);
    EXPECT_EQ(window.wait(begin + seconds(59), 0), seconds(1));
    EXPECT_EQ(window.shortage(begin + seconds(60), 0), RateWindow::Shortage::none);
    EXPECT_EQ(window.requests_left(), 2);
}

TEST(FakeRateWindow, a_sliding_window_frees_one_by_one) {
    const Clock::Monotonic begin{std::chrono::hours(1)};
    RateWindow window({2, 0, WindowKind::sliding, seconds(60)});
    window.take(begin, 1, 0);
    window.take(begin + seconds(50), 1, 0);
    EXPECT_EQ(window.wait(begin + seconds(55), 0), seconds(5));
    EXPECT_EQ(window.shortage(begin + seconds(60), 0), RateWindow::Shortage::none);
    EXPECT_EQ(window.requests_left(), 1);
    EXPECT_EQ(window.until_empty(begin + seconds(60)), seconds(50));
}

TEST(FakeRateWindow, tokens_run_out_too_and_the_wait_is_until_enough_are_free) {
    const Clock::Monotonic begin{std::chrono::hours(1)};
    RateWindow window({0, 100, WindowKind::sliding, seconds(60)});
    window.take(begin, 1, 40);
    window.take(begin + seconds(1), 0, 30);
    window.take(begin + seconds(2), 1, 30);
    EXPECT_EQ(window.shortage(begin + seconds(3), 1), RateWindow::Shortage::tokens);
    EXPECT_EQ(window.wait(begin + seconds(3), 40), seconds(57));
    EXPECT_EQ(window.wait(begin + seconds(3), 41), seconds(58));
    EXPECT_EQ(window.wait(begin + seconds(3), 500), seconds(59)) << "it never fits: an empty window is told";
}

TEST(FakeAccounts, durations_are_written_as_go_does) {
    EXPECT_EQ(go_duration(milliseconds(0)), "0s");
    EXPECT_EQ(go_duration(milliseconds(120)), "120ms");
    EXPECT_EQ(go_duration(milliseconds(1500)), "1.5s");
    EXPECT_EQ(go_duration(milliseconds(40'000)), "40s");
    EXPECT_EQ(go_duration(milliseconds(360'000)), "6m0s");
    EXPECT_EQ(go_duration(milliseconds(3'600'005)), "1h0m0.005s");
}

TEST(FakeAccounts, bad_plans_are_refused) {
    for (const std::string bad : {R"({"account":{}})",
                                  R"({"accounts":[]})",
                                  R"({"accounts":{"a":1}})",
                                  R"({"accounts":{"a":{"rpm":0}}})",
                                  R"({"accounts":{"a":{"rqm":1}}})",
                                  R"({"accounts":{"a":{"keys":"k"}}})",
                                  R"({"accounts":{"a":{"keys":[1]}}})",
                                  R"({"accounts":{"a":{"keys":["k"]},"b":{"keys":["k"]}}})",
                                  R"({"accounts":{"a":{},"b":{}}})",
                                  R"({"window":"round"})",
                                  R"({"window_ms":0})"}) {
        EXPECT_FALSE(read_accounts(boost::json::parse(bad).as_object())) << bad;
    }
}

class FakeLimits : public testing::Test {
protected:
    Control make(const std::string& plan) {
        FakeOptions options;
        options.accounts = plan_of(plan);
        return Control(std::move(options), clock_);
    }
    static Script ask(Control& control, const std::string& key) { return control.answer({chat("m"), "Bearer " + key}); }
    HandClock clock_;
};

TEST_F(FakeLimits, keys_of_one_account_share_its_requests_and_others_do_not) {
    Control control = make(R"({"accounts":{"a":{"rpm":2,"keys":["k1","k2"]},"b":{"rpm":1,"keys":["k3"]}}})");
    EXPECT_EQ(header_of(ask(control, "k1"), "x-ratelimit-remaining-requests"), "1");
    EXPECT_EQ(header_of(ask(control, "k2"), "x-ratelimit-remaining-requests"), "0");
    clock_.now_ += milliseconds(20'500);
    const Script over = ask(control, "k1");
    EXPECT_EQ(over.status, 429);
    EXPECT_EQ(header_of(over, "retry-after"), "40");
    EXPECT_EQ(header_of(over, "retry-after-ms"), "39500");
    EXPECT_EQ(header_of(over, "x-ratelimit-reset-requests"), "39.5s");
    EXPECT_EQ(ask(control, "k3").status, 200);
    EXPECT_EQ(ask(control, "nobody").status, 401);
    const FakeStats stats = control.ledger()->stats();
    EXPECT_EQ(stats.by_account.at("a").taken, 2U);
    EXPECT_EQ(stats.by_account.at("a").refused_429, 1U);
    EXPECT_EQ(stats.by_account.at("b").refused_429, 0U);
    clock_.now_ += milliseconds(39'500);
    EXPECT_EQ(ask(control, "k1").status, 200);
}

TEST_F(FakeLimits, a_key_may_have_limits_of_its_own_and_the_narrowest_is_told) {
    Control control = make(R"({"accounts":{"a":{"rpm":9,"keys":[{"key":"k1","rpm":1},"k2"]}}})");
    const Script first = ask(control, "k1");
    EXPECT_EQ(header_of(first, "x-ratelimit-limit-requests"), "1");
    EXPECT_EQ(ask(control, "k1").status, 429);
    EXPECT_EQ(header_of(ask(control, "k2"), "x-ratelimit-remaining-requests"), "7") << "a refused request took nothing";
}

TEST_F(FakeLimits, tokens_of_prompt_and_answer_are_counted_and_shorter_windows_end_sooner) {
    Control control = make(R"({"accounts":{"a":{"tpm":100,"keys":["k"]}},"window_ms":500})");
    const Script first = ask(control, "k");
    EXPECT_EQ(std::stoll(header_of(first, "x-ratelimit-remaining-tokens")), 100 - 60 - first.prompt_tokens);
    EXPECT_EQ(ask(control, "k").status, 200) << "its prompt fits, and its answer is not known before";
    const Script over = ask(control, "k");
    EXPECT_EQ(over.status, 429);
    EXPECT_NE(bytes_of(over).find("\"tokens\""), std::string::npos);
    EXPECT_EQ(header_of(over, "retry-after-ms"), "500");
    clock_.now_ += milliseconds(500);
    EXPECT_EQ(ask(control, "k").status, 200);
}

TEST_F(FakeLimits, anthropic_tells_its_own_headers_and_gemini_its_retry_info) {
    Control control = make(R"({"accounts":{"a":{"rpm":1,"tpm":1000,"keys":["k"]},"g":{"rpm":1,"keys":["gk"]}}})");
    const std::string body = R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"}]})";
    const auto anthropic = [&] { return control.answer({body, "", Dialect::messages, "", false, "k"}); };
    const Script first = anthropic();
    EXPECT_EQ(header_of(first, "anthropic-ratelimit-requests-remaining"), "0");
    EXPECT_EQ(header_of(first, "anthropic-ratelimit-requests-reset"), "2023-11-14T22:14:20Z");
    EXPECT_EQ(header_of(first, "anthropic-ratelimit-tokens-limit"), "1000");
    EXPECT_EQ(header_of(first, "x-ratelimit-limit-requests"), "");
    EXPECT_EQ(header_of(anthropic(), "retry-after"), "60");
    const std::string contents = R"({"contents":[{"parts":[{"text":"q"}]}]})";
    const auto gemini = [&] { return control.answer({contents, "", Dialect::gemini, "g", false, "gk"}); };
    EXPECT_EQ(gemini().status, 200);
    clock_.now_ += milliseconds(500);
    const Script over = gemini();
    EXPECT_EQ(over.status, 429);
    EXPECT_NE(bytes_of(over).find("\"retryDelay\":\"59.500s\""), std::string::npos);
    EXPECT_EQ(header_of(over, "retry-after"), "");
}

TEST_F(FakeLimits, what_is_over_the_limit_uses_up_no_script_and_no_first_attempt) {
    Control control = make(R"({"accounts":{"a":{"rpm":1,"keys":["k"]}}})");
    ASSERT_TRUE(control.set_behaviour(R"({"script":[{"fault":"none"},{"fault":"status","status":503}]})"));
    EXPECT_EQ(ask(control, "k").status, 200);
    EXPECT_EQ(ask(control, "k").status, 429);
    EXPECT_EQ(control.script_left(), 1U);
}

}  // namespace
}  // namespace eco2::fake
