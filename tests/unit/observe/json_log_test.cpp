#include "observe/json_log.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace eco2::observe {
namespace {

class FixedClock final : public Clock {
public:
    Monotonic now() const noexcept override { return {}; }
    std::int64_t wall_ns() const noexcept override { return 1'767'323'045'678'000'000; }
};

class JsonLogTest : public testing::Test {
protected:
    JsonLog make(LogLevel level = LogLevel::info, bool is_text = false) {
        JsonLog::Options options;
        options.level = level;
        options.is_text = is_text;
        options.redactor.add("hunter2-hunter2");
        options.clock = &clock_;
        options.sink = [this](std::string_view line) { lines_.emplace_back(line); };
        return JsonLog(std::move(options));
    }

    boost::json::object parsed() const { return boost::json::parse(lines_.at(0)).as_object(); }

    FixedClock clock_;
    std::vector<std::string> lines_;
};

TEST_F(JsonLogTest, a_line_holds_time_level_message_and_fields_in_order) {
    auto log = make();
    log.info("listening", {{"host", "127.0.0.1"}, {"port", "8080"}});
    ASSERT_EQ(lines_.size(), 1U);
    EXPECT_EQ(lines_[0],
              R"({"ts":"2026-01-02T03:04:05.678Z","level":"info","msg":"listening","host":"127.0.0.1","port":"8080"})");
}

TEST_F(JsonLogTest, text_lines_quote_what_has_blanks) {
    auto log = make(LogLevel::info, true);
    log.warn("slow\nstage", {{"stage", "vision"}, {"why", "a b"}, {"empty", ""}, {"line", "a\nb"}});
    EXPECT_EQ(lines_.at(0), R"(2026-01-02T03:04:05.678Z warn  slow\nstage stage=vision why="a b" empty="" line="a\nb")");
}

TEST_F(JsonLogTest, levels_below_the_configured_one_are_not_written) {
    auto log = make(LogLevel::warn);
    log.debug("a");
    log.info("b");
    log.warn("c");
    log.error("d");
    ASSERT_EQ(lines_.size(), 2U);
    EXPECT_FALSE(log.enabled(LogLevel::info));
    EXPECT_TRUE(log.enabled(LogLevel::error));
}

TEST_F(JsonLogTest, secrets_are_hidden_in_messages_and_values) {
    auto log = make();
    log.error("sent hunter2-hunter2", {{"header", "Bearer 0123456789abcdef"}, {"body", "x hunter2-hunter2 x"}});
    EXPECT_EQ(lines_.at(0).find("hunter2"), std::string::npos);
    EXPECT_EQ(parsed()["header"].as_string(), "Bearer [redacted]");
    EXPECT_EQ(parsed()["body"].as_string(), "x [redacted] x");
}

TEST_F(JsonLogTest, every_hostile_byte_gives_valid_json_and_valid_utf8) {
    auto log = make();
    for (int byte = 0; byte < 256; ++byte) {
        lines_.clear();
        const std::string text = "a" + std::string(1, static_cast<char>(byte)) + "\xE2\x82";
        log.info(text, {{text, text}});
        ASSERT_EQ(lines_.size(), 1U);
        EXPECT_TRUE(is_valid_utf8(lines_[0])) << byte;
        EXPECT_EQ(lines_[0].find('\n'), std::string::npos) << byte;
        EXPECT_EQ(parsed()["level"].as_string(), "info") << byte;
    }
}

TEST_F(JsonLogTest, broken_utf8_becomes_the_replacement_character_and_the_rest_stays) {
    auto log = make();
    log.info("종\xFF이\xED\xA0\x80 \xC0\xAF");
    EXPECT_EQ(parsed()["msg"].as_string(), "종\uFFFD이\uFFFD\uFFFD\uFFFD \uFFFD\uFFFD");
}

TEST_F(JsonLogTest, a_field_cannot_replace_time_level_or_message) {
    auto log = make();
    log.info("true", {{"msg", "false"}, {"level", "error"}, {"ts", "0"}});
    EXPECT_EQ(parsed()["msg"].as_string(), "true");
    EXPECT_EQ(parsed()["field_msg"].as_string(), "false");
    EXPECT_EQ(parsed()["field_level"].as_string(), "error");
}

TEST_F(JsonLogTest, long_values_are_cut_and_no_half_of_a_secret_is_left) {
    auto log = make();
    const std::string value = std::string(limits::kLogValueBytesMax - 5, 'x') + "hunter2-hunter2" + std::string(100'000, 'y');
    log.info("long", {{"value", value}});
    EXPECT_LT(lines_.at(0).size(), limits::kLogValueBytesMax + 200);
    EXPECT_EQ(lines_.at(0).find("hunt"), std::string::npos);
}

TEST_F(JsonLogTest, a_sink_that_throws_loses_its_line_and_nothing_else) {
    JsonLog::Options options;
    int calls = 0;
    options.sink = [&calls](std::string_view) {
        ++calls;
        throw std::runtime_error("disk full");
    };
    JsonLog log(std::move(options));
    log.info("one");
    log.info("two");
    EXPECT_EQ(calls, 2);
}

TEST_F(JsonLogTest, lines_of_many_threads_stay_whole) {
    auto log = make();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&log] {
            for (int i = 0; i < 100; ++i) {
                log.info("line", {{"value", "0123456789"}});
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    ASSERT_EQ(lines_.size(), 400U);
    for (const auto& line : lines_) {
        EXPECT_EQ(line, lines_[0]);
    }
}

/// stderr, turned into a pipe for as long as this lives.
class StderrPipe {
public:
    StderrPipe() : saved_(dup(STDERR_FILENO)) {
        std::signal(SIGPIPE, SIG_IGN);
        EXPECT_EQ(pipe(ends_), 0);
        dup2(ends_[1], STDERR_FILENO);
        close(ends_[1]);
    }
    ~StderrPipe() {
        dup2(saved_, STDERR_FILENO);
        close(saved_);
        close(ends_[0]);
    }
    /// All that was written, once nobody holds the other end any more.
    std::string read_rest() {
        dup2(saved_, STDERR_FILENO);
        std::string all;
        char buffer[4096];
        for (ssize_t got = 0; (got = read(ends_[0], buffer, sizeof(buffer))) > 0;) {
            all.append(buffer, static_cast<std::size_t>(got));
        }
        return all;
    }

private:
    int saved_;
    int ends_[2] = {-1, -1};
};

TEST(JsonLogOnStderr, every_line_is_written_by_the_time_the_log_is_gone) {
    StderrPipe pipe;
    {
        JsonLog log({});
        for (int i = 0; i < 100; ++i) {
            log.info("line");
        }
    }
    const auto text = pipe.read_rest();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 100);
}

TEST(JsonLogOnStderr, a_reader_that_never_reads_blocks_nobody) {
    StderrPipe pipe;
    const std::string word(1'000, 'x');
    const auto started = std::chrono::steady_clock::now();
    {
        JsonLog log({});
        for (int i = 0; i < 5'000; ++i) {
            log.warn(word);
        }
        EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(2));
    }
    EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(6)) << "nor the end";
}

}  // namespace
}  // namespace eco2::observe
