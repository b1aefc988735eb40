#include "runtime/attempt_watch.hpp"

#include "base/limits.hpp"
#include "support/temporary_folder.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <thread>
#include <vector>

namespace eco2::runtime {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

class RecordingLog final : public Log {
public:
    struct Line {
        LogLevel level;
        std::string message;
        std::map<std::string, std::string> fields;
    };
    bool enabled(LogLevel level) const noexcept override { return level >= least; }
    void write(LogLevel level, std::string_view message, std::span<const LogField> fields) noexcept override {
        Line line{level, std::string(message), {}};
        for (const auto& field : fields) {
            line.fields[std::string(field.name)] = field.value;
        }
        lines.push_back(std::move(line));
    }
    LogLevel least = LogLevel::debug;
    std::vector<Line> lines;
};

class AttemptWatchTest : public testing::Test {
protected:
    AttemptWatchTest() {
        auto opened = store::LedgerStore::open(folder_.file("ledger.db"), null_log(), system_clock());
        EXPECT_TRUE(opened);
        ledger_ = std::move(*opened);
        watch_ = std::make_unique<AttemptWatch>(AttemptWatch::Doors{log_, metrics_, system_clock(), ledger_.get()});
    }

    static routing::AttemptRecord attempt(std::string outcome = "ok") {
        routing::AttemptRecord record;
        record.request_id = "r1";
        record.route = "*";
        record.provider = "primary";
        record.model = "gpt";
        record.answered = "gpt-2026";
        record.key = "main";
        record.caller = "alice";
        record.attempt = 1;
        record.outcome = std::move(outcome);
        record.input_tokens = 100;
        record.output_tokens = 20;
        record.cached_input_tokens = 30;
        record.cost_picousd = 2'500'000'000'000;
        record.is_priced = true;
        record.price_version = "v1";
        record.first_content = 20ms;
        record.duration = 1s;
        return record;
    }

    static routing::RoutedRecord routed(std::string id, std::string outcome = "ok", int attempts = 1) {
        routing::RoutedRecord record;
        record.request_id = std::move(id);
        record.route = "*";
        record.outcome = std::move(outcome);
        record.attempts = attempts;
        record.trail = "primary/gpt: ok";
        return record;
    }

    store::LedgerRows rows() {
        EXPECT_TRUE(ledger_->stop());
        return store::LedgerFile(store::LedgerFile::Options(folder_.file("ledger.db"))).rows().value();
    }

    test::TemporaryFolder folder_;
    RecordingLog log_;
    observe::Metrics metrics_{"1"};
    std::unique_ptr<store::LedgerStore> ledger_;
    std::unique_ptr<AttemptWatch> watch_;
};

TEST_F(AttemptWatchTest, an_attempt_is_entered_counted_and_logged_at_debug) {
    watch_->on_attempt(attempt());
    const auto text = metrics_.expose();
    for (const auto* line :
         {"eco2_attempts_total{outcome=\"ok\",provider=\"primary\",route=\"*\"} 1\n",
          "eco2_attempt_seconds_sum{provider=\"primary\"} 1\n",
          "eco2_first_content_seconds_count{provider=\"primary\"} 1\n",
          "eco2_tokens_total{direction=\"in\",model=\"gpt-2026\",provider=\"primary\",source=\"reported\"} 100\n",
          "eco2_tokens_total{direction=\"cached\",model=\"gpt-2026\",provider=\"primary\",source=\"reported\"} 30\n",
          "eco2_tokens_total{direction=\"out\",model=\"gpt-2026\",provider=\"primary\",source=\"reported\"} 20\n",
          "eco2_cost_usd_total{provider=\"primary\",source=\"reported\"} 2.5\n"}) {
        EXPECT_THAT(text, HasSubstr(line));
    }
    ASSERT_EQ(log_.lines.size(), 1U);
    EXPECT_EQ(log_.lines[0].level, LogLevel::debug);
    EXPECT_EQ(log_.lines[0].fields["request"], "r1");
    EXPECT_EQ(log_.lines[0].fields["first_content_ms"], "20.000");
    EXPECT_EQ(ledger_->spent("alice"), 2'500'000'000'000);
    const auto entered = rows();
    ASSERT_EQ(entered.size(), 1U);
    const auto& [key, sums] = *entered.begin();
    EXPECT_EQ(key.provider, "primary");
    EXPECT_EQ(key.model, "gpt-2026");
    EXPECT_EQ(key.key, "main");
    EXPECT_EQ(key.price_version, "v1");
    EXPECT_FALSE(key.is_estimated);
    EXPECT_EQ(sums, (store::LedgerSums{1, 0, 100, 20, 30, 2'500'000'000'000}));
}

TEST_F(AttemptWatchTest, failed_and_cancelled_attempts_are_entered_as_such_and_estimates_marked) {
    auto failed = attempt("provider_timeout");
    failed.is_estimated = true;
    failed.is_priced = false;
    failed.cost_picousd = 0;
    failed.answered = "";
    failed.first_content = -1ns;
    watch_->on_attempt(failed);
    watch_->on_attempt(attempt("cancelled"));
    const auto text = metrics_.expose();
    EXPECT_THAT(text, HasSubstr("outcome=\"provider_timeout\""));
    EXPECT_THAT(text, HasSubstr("model=\"gpt\",provider=\"primary\",source=\"estimated\"} 100\n"));
    EXPECT_THAT(text, HasSubstr("eco2_first_content_seconds_count{provider=\"primary\"} 1\n"));
    EXPECT_THAT(text, Not(HasSubstr("eco2_cost_usd_total{provider=\"primary\",source=\"estimated\"}")));
    const auto entered = rows();
    ASSERT_EQ(entered.size(), 2U);
    for (const auto& [key, sums] : entered) {
        EXPECT_EQ(key.is_estimated, key.outcome == store::LedgerOutcome::failed);
        EXPECT_EQ(sums.unpriced, key.is_estimated ? 1 : 0);
        EXPECT_EQ(key.model, key.is_estimated ? "gpt" : "gpt-2026");
    }
}

TEST_F(AttemptWatchTest, only_requests_that_were_not_plain_are_told_at_info) {
    watch_->on_routed(routed("plain"));
    watch_->on_routed(routed("gone", "cancelled"));
    watch_->on_routed(routed("second", "ok", 2));
    watch_->on_routed(routed("failed", "provider_failed"));
    ASSERT_EQ(log_.lines.size(), 4U);
    EXPECT_EQ(log_.lines[0].level, LogLevel::debug);
    EXPECT_EQ(log_.lines[1].level, LogLevel::debug);
    EXPECT_EQ(log_.lines[2].level, LogLevel::info);
    EXPECT_EQ(log_.lines[2].fields["trail"], "primary/gpt: ok");
    EXPECT_EQ(log_.lines[2].fields["attempts"], "2");
    EXPECT_EQ(log_.lines[3].level, LogLevel::info);
    EXPECT_THAT(metrics_.expose(), HasSubstr("eco2_failovers_total{route=\"*\"} 1\n"));
    log_.lines.clear();
    log_.least = LogLevel::info;
    watch_->on_routed(routed("plain"));
    watch_->on_attempt(attempt());
    EXPECT_TRUE(log_.lines.empty());
}

TEST_F(AttemptWatchTest, the_last_requests_are_remembered_and_older_ones_forgotten) {
    for (std::size_t i = 0; i < limits::kRoutedRecordsKept + 10; ++i) {
        watch_->on_routed(routed("r" + std::to_string(i)));
    }
    EXPECT_TRUE(watch_->find("r9").empty());
    EXPECT_EQ(watch_->find("r10").size(), 1U);
    EXPECT_EQ(watch_->find("r" + std::to_string(limits::kRoutedRecordsKept + 9)).size(), 1U);
    EXPECT_EQ(explain_json(*watch_, "r9"), std::nullopt);
}

TEST_F(AttemptWatchTest, a_request_with_several_routings_is_explained_in_their_order) {
    for (std::size_t i = 0; i < limits::kRoutedRecordsKept - 1; ++i) {
        watch_->on_routed(routed("other"));
    }
    auto stage = routed("run", "ok", 2);
    stage.trail = "first \"quoted\"\n";
    watch_->on_routed(stage);
    stage.trail = std::string(100'000, 'x');
    watch_->on_routed(stage);
    const auto value = boost::json::parse(explain_json(*watch_, "run").value());
    ASSERT_EQ(value.as_array().size(), 2U);
    EXPECT_EQ(value.at(0).at("trail").as_string(), "first \"quoted\"\n");
    EXPECT_LE(value.at(1).at("trail").as_string().size(), limits::kTrailKeptBytesMax + 8);
    EXPECT_EQ(value.at(1).at("attempts").as_int64(), 2);
}

TEST_F(AttemptWatchTest, many_threads_tell_and_ask_at_once) {
    log_.least = LogLevel::error;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([this] {
            for (int i = 0; i < 1'000; ++i) {
                watch_->on_attempt(attempt());
                watch_->on_routed(routed("r" + std::to_string(i)));
                static_cast<void>(watch_->find("r1"));
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(ledger_->counters().attempts, 4'000U);
}

TEST(AttemptWatchAlone, needs_no_ledger) {
    observe::Metrics metrics("1");
    AttemptWatch watch({null_log(), metrics, system_clock()});
    watch.on_attempt({});
    watch.on_routed({});
    EXPECT_EQ(watch.find("").size(), 1U);
}

}  // namespace
}  // namespace eco2::runtime
