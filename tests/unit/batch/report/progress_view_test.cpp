#include "batch/report/progress_view.hpp"

#include "batch/report/progress_output.hpp"
#include "batch/report/report_text.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace eco2::batch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

using Mode = ProgressView::Mode;

constexpr std::int64_t kUsd = 1'000'000'000'000;
const Clock::Monotonic kStart{};

JobProgress half_way() {
    JobProgress progress;
    progress.job = "j-7f3a";
    progress.state = JobState::open;
    progress.items = 1'000;
    progress.items_done = 240;
    progress.items_failed = 3;
    JobProgress::Stage vision;
    vision.name = "vision";
    vision.requests = 990;
    vision.answered = 400;
    vision.queued = 2;
    vision.validating = 1;
    vision.running = 3;
    vision.finalizing = 1;
    vision.ingesting = 1;
    vision.settled = 4;
    vision.remote_total = 600;
    vision.remote_completed = 180;
    JobProgress::Stage answer;
    answer.name = "answer";
    progress.stages = {vision, answer};
    progress.money = {10 * kUsd + kUsd / 5, 3 * kUsd + kUsd / 2, kUsd + kUsd / 4 + 1, 0, 0, 20 * kUsd};
    progress.elapsed = seconds(753);
    progress.left = seconds(4'800);
    return progress;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        lines.push_back(line);
    }
    return lines;
}

TEST(ProgressBlock, tells_of_stages_batches_money_and_time) {
    EXPECT_EQ(
        progress_block(half_way(), {120, 40, false}),
        "job j-7f3a  open  240 of 1000 items done, 3 failed\n"
        "  vision  [#########=====..........]  40 %  400 of 990 requests answered\n"
        "          2 queued, 1 validating, 3 running, 1 finalizing, 1 ingesting, 4 settled; at the provider 180 of 600 done\n"
        "  answer  [........................]   0 %  0 of 0 requests answered\n"
        "          no batches yet\n"
        "  money   booked 1.250000000001 USD, reserved 3.50, estimated 10.20, cap 20.00\n"
        "  time    12 min 33 s, left: about 1 h 20 min\n");
}

TEST(ProgressBlock, tells_why_a_job_is_paused_and_what_it_does_not_know) {
    auto progress = half_way();
    progress.state = JobState::paused;
    progress.reason = "the provider refuses the key; mend it, then `eco2 batch resume j-7f3a`";
    progress.left.reset();
    progress.stages.pop_back();
    progress.money.cap = 0;
    progress.money.unexplained = -5;
    progress.transfer_bytes = 12'345'678;
    progress.transfer_total = 196'000'000;
    progress.stages[0].unclear = 1;
    progress.stages[0].remote_total = 0;
    EXPECT_EQ(progress_block(progress, {130, 40, false}),
              "job j-7f3a  paused  240 of 1000 items done, 3 failed\n"
              "  vision  [#########=====..........]  40 %  400 of 990 requests answered\n"
              "          2 queued, 1 validating, 3 running, 1 finalizing, 1 ingesting, 4 settled, 1 unclear\n"
              "  file    12345 of 196000 kB\n"
              "  money   booked 1.250000000001 USD, reserved 3.50, estimated 10.20, no cap, unexplained -0.000000000005\n"
              "  time    12 min 33 s, left: unknown\n"
              "  paused: the provider refuses the key; mend it, then `eco2 batch resume j-7f3a`\n");
    progress.state = JobState::open;
    EXPECT_THAT(progress_block(progress, {130, 40, false}), HasSubstr("  waits: the provider refuses the key"));
}

TEST(ProgressBlock, is_never_full_before_the_job_is_done) {
    auto progress = half_way();
    for (const auto state : {JobState::planning, JobState::open, JobState::paused, JobState::cancelling, JobState::cancelled}) {
        progress.state = state;
        for (const std::int64_t answered : {985, 989, 990, 5'000}) {
            progress.stages[0].answered = answered;
            progress.stages[0].remote_completed = 600;
            const auto block = progress_block(progress, {120, 40, false});
            EXPECT_THAT(block, HasSubstr(".]  99 %")) << name_of(state) << answered;
            EXPECT_THAT(block, Not(HasSubstr("100 %")));
        }
    }
    progress.state = JobState::done;
    progress.stages[0].answered = 987;
    const auto block = progress_block(progress, {120, 40, false});
    EXPECT_THAT(block, HasSubstr("[########################] 100 %  987 of 990 requests answered"));
    EXPECT_THAT(block, HasSubstr("  time    12 min 33 s\n")) << "nothing is left";
}

TEST(ProgressBlock, rounds_down) {
    auto progress = half_way();
    for (std::int64_t i = 0; i < 100; ++i) {
        progress.stages[0].requests = 100;
        progress.stages[0].answered = i;
        EXPECT_THAT(progress_block(progress, {80, 40, false}), HasSubstr(" " + std::to_string(i) + " %  "));
    }
    progress.stages[0].requests = 1'000'000'000'000;
    progress.stages[0].answered = 999'999'999'999;
    EXPECT_THAT(progress_block(progress, {80, 40, false}), HasSubstr(" 99 %  "));
}

TEST(ProgressBlock, fits_any_screen) {
    auto progress = half_way();
    progress.stages[0].name = "a stage with quite a long name";
    progress.stages[1].name = "사진";
    progress.reason = "provider said:\n\x1b[31mno\x1b[0m 안녕하세요 안녕하세요 안녕하세요 안녕하세요";
    for (std::size_t columns = 0; columns < 140; ++columns) {
        for (const std::size_t rows : {0U, 1U, 2U, 5U, 40U}) {
            const auto lines = lines_of(progress_block(progress, {columns, rows, false}));
            EXPECT_LE(lines.size(), std::max<std::size_t>(rows, 2) - 1);
            for (const auto& line : lines) {
                EXPECT_LE(columns_of(line), std::max<std::size_t>(columns, 2) - 1) << line;
                EXPECT_EQ(line.find('\x1b'), std::string::npos);
            }
        }
    }
}

TEST(ProgressBlock, colours_only_where_they_are_welcome) {
    auto progress = half_way();
    progress.reason = "no money";
    EXPECT_EQ(progress_block(progress, {80, 40, false}).find('\x1b'), std::string::npos);
    const auto coloured = progress_block(progress, {80, 40, true});
    EXPECT_THAT(coloured, HasSubstr("\x1b[1mjob j-7f3a"));
    EXPECT_THAT(coloured, HasSubstr("\x1b[33m  waits: no money\x1b[0m\n"));
}

TEST(ProgressJson, is_one_object_with_exact_money) {
    EXPECT_EQ(progress_json(half_way()),
              R"({"job":"j-7f3a","state":"open","reason":null,"items":1000,"items_done":240,"items_failed":3,"stages":[)"
              R"({"name":"vision","requests":990,"answered":400,"preparing":0,"queued":2,"validating":1,"running":3,)"
              R"("finalizing":1,"ingesting":1,"settled":4,"unclear":0,"remote_total":600,"remote_completed":180},)"
              R"({"name":"answer","requests":0,"answered":0,"preparing":0,"queued":0,"validating":0,"running":0,)"
              R"("finalizing":0,"ingesting":0,"settled":0,"unclear":0,"remote_total":0,"remote_completed":0}],)"
              R"("estimated_usd":10.20,"reserved_usd":3.50,"booked_usd":1.250000000001,"unexplained_usd":0.00,)"
              R"("cap_usd":20.00,"elapsed_ms":753000,"left_ms":4800000,"transfer_bytes":0,"transfer_total":0})");
    auto progress = half_way();
    progress.left.reset();
    progress.money.cap = 0;
    progress.reason = "a \"reason\"\n";
    const auto value = boost::json::parse(progress_json(progress));
    EXPECT_TRUE(value.at("left_ms").is_null());
    EXPECT_TRUE(value.at("cap_usd").is_null());
    EXPECT_EQ(value.at("reason").as_string(), "a \"reason\"\n");
}

TEST(ProgressLine, tells_the_same_in_one_line) {
    auto progress = half_way();
    progress.reason = "a\nb";
    EXPECT_EQ(progress_line(progress),
              "job j-7f3a open: 240 of 1000 items done, 3 failed; vision 400 of 990 (2 queued, 1 validating, 3 running, 1 "
              "finalizing, 1 ingesting, 4 settled; at the provider 180 of 600 done); answer 0 of 0 (no batches yet); booked "
              "1.250000000001 USD; 12 min 33 s, left: about 1 h 20 min; waits: a b");
}

TEST(ProgressView, paints_a_block_over_and_only_when_it_differs) {
    ProgressView view(Mode::block);
    const Screen screen{40, 40, false};
    auto progress = half_way();
    progress.stages.resize(1);
    const auto first = view.show(progress, screen, kStart);
    EXPECT_THAT(first, testing::StartsWith("job j-7f3a"));
    EXPECT_THAT(first, testing::EndsWith("\x1b[K\n\x1b[J"));
    EXPECT_EQ(view.show(progress, screen, kStart + milliseconds(250)), "");
    progress.items_done = 241;
    EXPECT_THAT(view.show(progress, screen, kStart + milliseconds(500)), testing::StartsWith("\r\x1b[5Ajob j-7f3a"));
    progress.reason = "no money";
    EXPECT_THAT(view.show(progress, screen, kStart + milliseconds(750)), testing::StartsWith("\r\x1b[5A"));
    progress.reason.clear();
    EXPECT_THAT(view.show(progress, screen, kStart + seconds(1)), testing::StartsWith("\r\x1b[6A"));
}

TEST(ProgressView, begins_a_new_block_below_what_somebody_else_wrote) {
    ProgressView view(Mode::block);
    EXPECT_NE(view.show(half_way(), {}, kStart), "");
    view.leave_block();
    EXPECT_THAT(view.show(half_way(), {}, kStart + seconds(1)), testing::StartsWith("job j-7f3a")) << "though nothing changed";
}

TEST(ProgressView, the_last_block_stays) {
    ProgressView view(Mode::block);
    EXPECT_NE(view.show(half_way(), {}, kStart), "");
    EXPECT_EQ(view.end(half_way(), {}), "") << "it is there already";
    auto progress = half_way();
    ProgressView other(Mode::block);
    EXPECT_NE(other.show(progress, {}, kStart), "");
    progress.state = JobState::done;
    EXPECT_THAT(other.end(progress, {}), HasSubstr(" done  "));
}

class ProgressLines : public testing::TestWithParam<Mode> {};

TEST_P(ProgressLines, come_when_something_changed_and_at_most_one_a_second) {
    ProgressView view(GetParam());
    auto progress = half_way();
    EXPECT_THAT(view.show(progress, {}, kStart), testing::EndsWith("\n"));
    int lines = 0;
    for (int i = 1; i <= 40; ++i) {  // ten seconds
        progress.elapsed += milliseconds(250);
        progress.items_done += 1;
        lines += view.show(progress, {}, kStart + milliseconds(250) * i).empty() ? 0 : 1;
    }
    EXPECT_EQ(lines, 10);
}

TEST_P(ProgressLines, a_change_within_the_second_is_told_behind_it) {
    ProgressView view(GetParam());
    auto progress = half_way();
    EXPECT_NE(view.show(progress, {}, kStart), "");
    progress.items_done += 1;
    EXPECT_EQ(view.show(progress, {}, kStart + milliseconds(999)), "");
    EXPECT_THAT(view.show(progress, {}, kStart + milliseconds(1'000)), HasSubstr("241"));
    EXPECT_EQ(view.show(progress, {}, kStart + milliseconds(2'000)), "");
}

TEST_P(ProgressLines, the_clock_alone_is_told_every_thirty_seconds) {
    ProgressView view(GetParam());
    auto progress = half_way();
    EXPECT_NE(view.show(progress, {}, kStart), "");
    std::vector<int> at;
    for (int i = 1; i <= 70; ++i) {
        progress.elapsed += seconds(1);
        progress.left = *progress.left - seconds(1);
        if (!view.show(progress, {}, kStart + seconds(i)).empty()) {
            at.push_back(i);
        }
    }
    EXPECT_EQ(at, std::vector<int>({30, 60}));
}

TEST_P(ProgressLines, the_end_is_told_at_once_and_once) {
    ProgressView view(GetParam());
    auto progress = half_way();
    EXPECT_NE(view.show(progress, {}, kStart), "");
    progress.state = JobState::done;
    EXPECT_THAT(view.end(progress, {}), HasSubstr("done"));
    EXPECT_EQ(view.end(progress, {}), "");
    ProgressView never(GetParam());
    EXPECT_NE(never.end(progress, {}), "");
}

INSTANTIATE_TEST_SUITE_P(All, ProgressLines, testing::Values(Mode::lines, Mode::json));

TEST(ProgressMode, follows_the_output_the_option_and_the_terminal) {
    EXPECT_EQ(progress_mode(true, false, "xterm-256color"), Mode::block);
    EXPECT_EQ(progress_mode(true, false, "dumb"), Mode::lines);
    EXPECT_EQ(progress_mode(true, false, ""), Mode::lines);
    EXPECT_EQ(progress_mode(true, false, nullptr), Mode::lines);
    EXPECT_EQ(progress_mode(true, true, "xterm"), Mode::json);
    EXPECT_EQ(progress_mode(false, false, "xterm"), Mode::json);
}

TEST(ProgressOutput, writes_json_lines_into_a_file) {
    std::FILE* file = std::tmpfile();
    ProgressOutput output(file, false);
    auto progress = half_way();
    output.show(progress, kStart);
    progress.state = JobState::done;
    output.end(progress);
    std::rewind(file);
    std::string text(4'096, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file));
    std::fclose(file);
    const auto lines = lines_of(text);
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(boost::json::parse(lines[1]).at("state").as_string(), "done");
}

}  // namespace
}  // namespace eco2::batch
