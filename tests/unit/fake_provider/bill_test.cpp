#include "fake_provider/bill.hpp"

#include "asked.hpp"
#include "base/limits.hpp"

#include <gtest/gtest.h>

namespace eco2::fake {
namespace {

namespace json = boost::json;
using Outcome = Ledger::Outcome;

class FakeBill : public testing::Test {
protected:
    /// Hands the first `parts` parts of the answer to the client, then ends as `outcome`; SIZE_MAX: all.
    Script ask(const std::string& body, Outcome outcome = Outcome::completed, std::size_t parts = SIZE_MAX) {
        OpenRequest open(control_.ledger(), clock_);
        Script script = control_.answer({body, "Bearer k1", Dialect::chat, {}, false, {}, "req-7"});
        const Script copy = script;
        open.begin(std::move(script.entry));
        open.bill(script.prompt_tokens, 0);
        for (std::size_t i = 0; i < std::min(parts, script.parts.size()); ++i) {
            open.bill(0, script.parts[i].tokens);
            if (script.parts[i].tells_usage) {
                open.told_usage();
            }
        }
        open.end(outcome);
        return copy;
    }
    BilledRequest last() const { return control_.ledger()->bill().requests().back(); }
    HandClock clock_;
    Control control_{FakeOptions{}, clock_};
};

const std::string kStream = R"(,"stream":true)";
const std::string kUsage = R"(,"stream":true,"stream_options":{"include_usage":true})";

TEST_F(FakeBill, a_whole_answer_costs_what_its_usage_tells) {
    const Script script = ask(chat("m"));
    const json::value usage = json::parse(bytes_of(script)).at("usage");
    EXPECT_EQ(last().tokens_in, usage.at("prompt_tokens").to_number<std::int64_t>());
    EXPECT_EQ(last().tokens_out, 60);
    EXPECT_EQ(last().end, BilledEnd::whole);
    EXPECT_EQ(last().request_id, "req-7");
    EXPECT_EQ(last().key, "k1");
    EXPECT_EQ(last().status, 200);
    EXPECT_TRUE(last().usage_told);
}

TEST_F(FakeBill, a_stream_costs_what_was_handed_over_and_tells_its_usage_only_at_its_asked_end) {
    for (std::size_t parts = 0; parts <= 60; ++parts) {
        ask(chat("m", kUsage), Outcome::cancelled, parts);
        EXPECT_EQ(last().tokens_out, static_cast<std::int64_t>(parts));
        EXPECT_EQ(last().usage_told, parts == 60);
        EXPECT_EQ(last().end, BilledEnd::cancelled);
    }
    ask(chat("m", kStream));
    EXPECT_FALSE(last().usage_told);
    EXPECT_EQ(last().end, BilledEnd::whole);
}

TEST_F(FakeBill, cut_answers_cost_their_part_and_failures_nothing) {
    ask(chat("fault-cut", kUsage), Outcome::broken);
    EXPECT_EQ(last().end, BilledEnd::cut);
    EXPECT_EQ(last().tokens_out, 40);
    EXPECT_FALSE(last().usage_told);
    ask(chat("fault-cut"), Outcome::broken);
    EXPECT_EQ(last().tokens_out, 30) << "half of a whole answer was sent";
    EXPECT_FALSE(last().usage_told);
    ask(chat("fault-no-done", kUsage));
    EXPECT_EQ(last().end, BilledEnd::whole);
    EXPECT_TRUE(last().usage_told);
    for (const std::string model : {"fault-503", "fault-429", "fault-context-length", "fault-nonsense"}) {
        ask(chat(model, kUsage));
        EXPECT_EQ(last().end, BilledEnd::failed) << model;
        EXPECT_EQ(last().tokens_in + last().tokens_out, 0) << model;
        EXPECT_GE(last().status, 400) << model;
    }
    ask(chat("fault-reset-once", kUsage), Outcome::broken);
    EXPECT_EQ(last().end, BilledEnd::failed);
    EXPECT_EQ(last().tokens_in + last().tokens_out, 0);
    EXPECT_EQ(last().status, 0);
    ask("{", Outcome::completed);
    EXPECT_EQ(last().status, 400);
}

TEST_F(FakeBill, every_stream_fault_is_a_cut_or_whole_as_its_reader_sees_it) {
    for (const auto& [fault, end] : {std::pair{"no_finish", BilledEnd::cut},
                                     std::pair{"error_in_stream", BilledEnd::cut},
                                     std::pair{"malformed_chunk", BilledEnd::whole},
                                     std::pair{"missing_done", BilledEnd::whole},
                                     std::pair{"slow_first_token", BilledEnd::whole},
                                     std::pair{"slow_headers", BilledEnd::whole},
                                     std::pair{"garbage_body", BilledEnd::failed}}) {
        ASSERT_TRUE(control_.set_behaviour(std::string(R"({"fault":")") + fault + "\"}"));
        ask(chat("m", kUsage));
        EXPECT_EQ(last().end, end) << fault;
        EXPECT_EQ(last().usage_told, end == BilledEnd::whole) << fault;
    }
    ASSERT_TRUE(control_.set_behaviour(R"({"fault":"no_finish"})"));
    ask(chat("m"));
    EXPECT_EQ(last().end, BilledEnd::cut);
    EXPECT_TRUE(last().usage_told) << "a whole answer's body holds it, finished or not";
}

TEST_F(FakeBill, rows_and_total_are_the_sum_of_the_requests_at_their_prices) {
    Result<Prices> prices = read_prices(json::parse(R"({"dear":{"in":10,"out":100}})").as_object());
    ASSERT_TRUE(prices);
    std::int64_t in = 0;
    for (int i = 0; i < 3; ++i) {
        in += ask(chat("cheap")).prompt_tokens;
        ask(chat("dear"));
    }
    const json::value shown = json::parse(to_json(control_.ledger()->bill(), *prices, 2));
    EXPECT_EQ(shown.at("requests").as_array().size(), 2U);
    EXPECT_EQ(shown.at("requests").at(1).at("number"), json::value(6));
    const double cheap = (static_cast<double>(in) * 1.0 + 180 * 4.0) / 1e6;
    const double dear = (static_cast<double>(in) * 10 + 180 * 100.0) / 1e6;
    EXPECT_EQ(shown.at("rows").at(0).at("model"), json::value("cheap"));
    EXPECT_EQ(shown.at("rows").at(0).at("whole"), json::value(3));
    EXPECT_NEAR(shown.at("rows").at(0).at("cost_usd").to_number<double>(), cheap, 1e-12);
    EXPECT_NEAR(shown.at("rows").at(1).at("cost_usd").to_number<double>(), dear, 1e-12);
    EXPECT_NEAR(shown.at("total").at("cost_usd").to_number<double>(), cheap + dear, 1e-12);
    EXPECT_EQ(shown.at("total").at("tokens_out"), json::value(360));
    EXPECT_EQ(shown.at("total").at("told_out"), json::value(360)) << "all of it was told";
    EXPECT_FALSE(read_prices(json::parse(R"({"m":{"input":1}})").as_object()));
    EXPECT_FALSE(read_prices(json::parse(R"({"m":{"in":-1}})").as_object()));
    control_.reset();
    EXPECT_TRUE(control_.ledger()->bill().requests().empty());
}

TEST(FakeBillLimits, rows_and_list_are_bounded_and_the_sums_stay_whole) {
    Bill bill;
    const std::size_t count = limits::kFakeBillRequestsMax + 10;
    for (std::size_t i = 0; i < count; ++i) {
        BilledRequest request;
        request.number = i + 1;
        request.model = "m" + std::to_string(i % (limits::kFakeBillRowsMax + 5));
        request.tokens_in = 1;
        bill.add(std::move(request));
    }
    EXPECT_EQ(bill.requests().size(), limits::kFakeBillRequestsMax);
    EXPECT_LE(bill.rows().size(), limits::kFakeBillRowsMax + 1);
    std::int64_t sum = 0;
    for (const auto& [name, row] : bill.rows()) {
        sum += row.tokens_in;
    }
    EXPECT_EQ(sum, static_cast<std::int64_t>(count));
}

}  // namespace
}  // namespace eco2::fake
