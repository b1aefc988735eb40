#include "batch/report/progress_view.hpp"

#include "batch/report/report_text.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::batch {
namespace {

constexpr auto kLinePause = std::chrono::seconds(1);
constexpr auto kKeepAlive = std::chrono::seconds(30);
constexpr std::size_t kLabelColumnsMin = 5;  // "money"
constexpr std::size_t kLabelColumnsMax = 16;
constexpr std::size_t kBarCellsMin = 8;
constexpr std::size_t kBarCellsMax = 24;

using Stage = JobProgress::Stage;

struct Count {
    const char* name;
    std::int64_t Stage::*value;
};
/// Shards by where they are, in the order in which they go.
constexpr std::array<Count, 8> kShards = {{{"preparing", &Stage::preparing},
                                           {"queued", &Stage::queued},
                                           {"validating", &Stage::validating},
                                           {"running", &Stage::running},
                                           {"finalizing", &Stage::finalizing},
                                           {"ingesting", &Stage::ingesting},
                                           {"settled", &Stage::settled},
                                           {"unclear", &Stage::unclear}}};

bool is_over(JobState state) {
    return state == JobState::done || state == JobState::cancelled;
}

/// `part` of `whole` parts, in `steps`; the last step is for who is done.
std::size_t steps_of(std::int64_t part, std::int64_t whole, std::size_t steps, bool is_done) {
    if (is_done) {
        return steps;
    }
    if (whole <= 0) {
        return 0;
    }
    const auto reached = std::clamp<std::int64_t>(part, 0, whole) * static_cast<std::int64_t>(steps) / whole;
    return std::min(static_cast<std::size_t>(reached), steps - 1);
}

std::string bar(const Stage& stage, std::size_t cells, bool is_done) {
    const auto here = steps_of(stage.answered, stage.requests, cells, is_done);
    const auto there = std::max(here, steps_of(stage.answered + stage.remote_completed, stage.requests, cells, is_done));
    return "[" + std::string(here, '#') + std::string(there - here, '=') + std::string(cells - there, '.') + "]";
}

std::string percent(const Stage& stage, bool is_done) {
    const auto text = std::to_string(steps_of(stage.answered, stage.requests, 100, is_done));
    return std::string(3 - text.size(), ' ') + text + " %";
}

std::string shards_text(const Stage& stage) {
    std::string out;
    for (const auto& shard : kShards) {
        if (const auto count = stage.*shard.value; count > 0) {
            out += (out.empty() ? "" : ", ") + std::to_string(count) + " " + shard.name;
        }
    }
    return out.empty() ? "no batches yet" : out;
}

std::string remote_text(const Stage& stage) {
    if (stage.remote_total <= 0) {
        return {};
    }
    return "; at the provider " + std::to_string(stage.remote_completed) + " of " + std::to_string(stage.remote_total) +
           " done";
}

std::string items_text(const JobProgress& progress) {
    std::string out = std::to_string(progress.items_done) + " of " + count_text(progress.items, "item") + " done";
    return out + (progress.items_failed > 0 ? ", " + std::to_string(progress.items_failed) + " failed" : "");
}

std::string money_text(const Money& money) {
    std::string out = "booked " + usd_text(money.booked) + " USD, reserved " + usd_text(money.reserved) + ", estimated " +
                      usd_text(money.estimated) + ", " + (money.cap > 0 ? "cap " + usd_text(money.cap) : "no cap");
    return out + (money.unexplained != 0 ? ", unexplained " + usd_text(money.unexplained) : "");
}

std::string left_text(const JobProgress& progress) {
    return progress.left ? "about " + duration_text(*progress.left) : "unknown";
}

std::string time_text(const JobProgress& progress) {
    return duration_text(progress.elapsed) + (is_over(progress.state) ? "" : ", left: " + left_text(progress));
}

std::string transfer_text(const JobProgress& progress) {
    constexpr std::int64_t kKilobyte = 1'000;
    return std::to_string(progress.transfer_bytes / kKilobyte) + " of " + std::to_string(progress.transfer_total / kKilobyte) +
           " kB";
}

std::string reason_text(const JobProgress& progress) {
    return (progress.state == JobState::paused ? "paused: " : "waits: ") + progress.reason;
}

std::size_t label_columns(const JobProgress& progress) {
    std::size_t columns = kLabelColumnsMin;
    for (const auto& stage : progress.stages) {
        columns = std::max(columns, columns_of(stage.name));
    }
    return std::min(columns, kLabelColumnsMax);
}

struct Line {
    std::string text;
    const char* colour = "";  // an SGR sequence; empty: none
};

std::vector<Line> block_lines(const JobProgress& progress, std::size_t columns) {
    const bool is_done = progress.state == JobState::done;
    const auto label = label_columns(progress);
    const auto labelled = [label](std::string_view name, const std::string& text) {
        return Line{"  " + padded(name, label) + "  " + text};
    };
    const auto cells = std::clamp(columns / 4, kBarCellsMin, kBarCellsMax);
    std::vector<Line> lines;
    lines.push_back(
        {"job " + progress.job + "  " + std::string(name_of(progress.state)) + "  " + items_text(progress), "\x1b[1m"});
    for (const auto& stage : progress.stages) {
        lines.push_back(labelled(stage.name,
                                 bar(stage, cells, is_done) + " " + percent(stage, is_done) + "  " +
                                     std::to_string(stage.answered) + " of " + count_text(stage.requests, "request") +
                                     " answered"));
        lines.push_back(labelled("", shards_text(stage) + remote_text(stage)));
    }
    if (progress.transfer_total > 0) {
        lines.push_back(labelled("file", transfer_text(progress)));
    }
    lines.push_back(labelled("money", money_text(progress.money)));
    lines.push_back(labelled("time", time_text(progress)));
    if (!progress.reason.empty()) {
        lines.push_back({"  " + reason_text(progress), "\x1b[33m"});
    }
    return lines;
}

std::string stage_json(const Stage& stage) {
    JsonObject object;
    object.text("name", stage.name).number("requests", stage.requests).number("answered", stage.answered);
    for (const auto& shard : kShards) {
        object.number(shard.name, stage.*shard.value);
    }
    object.number("remote_total", stage.remote_total).number("remote_completed", stage.remote_completed);
    return object.done();
}

/// Without what changes by itself.
JobProgress without_times(JobProgress progress) {
    progress.elapsed = {};
    progress.left.reset();
    return progress;
}

}  // namespace

std::string progress_block(const JobProgress& progress, const Screen& screen) {
    auto lines = block_lines(progress, screen.columns);
    // Painting over goes up by as many lines as the screen shows at most.
    const auto lines_max = std::max<std::size_t>(screen.rows, 2) - 1;
    if (lines.size() > lines_max) {
        lines.resize(lines_max);
        lines.back() = {"  ..."};
    }
    std::string out;
    for (const auto& line : lines) {
        const auto text = fit(line.text, std::max<std::size_t>(screen.columns, 2) - 1);
        const bool is_coloured = screen.is_coloured && *line.colour != '\0';
        out += is_coloured ? line.colour + text + "\x1b[0m\n" : text + "\n";
    }
    return out;
}

std::string progress_line(const JobProgress& progress) {
    std::string out = "job " + progress.job + " " + std::string(name_of(progress.state)) + ": " + items_text(progress);
    for (const auto& stage : progress.stages) {
        out += "; " + stage.name + " " + std::to_string(stage.answered) + " of " + std::to_string(stage.requests) + " (" +
               shards_text(stage) + remote_text(stage) + ")";
    }
    out += "; booked " + usd_text(progress.money.booked) + " USD; " + time_text(progress);
    return fit(out + (progress.reason.empty() ? "" : "; " + reason_text(progress)), std::string::npos);
}

std::string progress_json(const JobProgress& progress) {
    const auto& money = progress.money;
    JsonObject object;
    object.text("job", progress.job)
        .text("state", name_of(progress.state))
        .text_or_null("reason", progress.reason)
        .number("items", progress.items)
        .number("items_done", progress.items_done)
        .number("items_failed", progress.items_failed)
        .raw("stages", json_array(progress.stages, stage_json))
        .usd("estimated_usd", money.estimated)
        .usd("reserved_usd", money.reserved)
        .usd("booked_usd", money.booked)
        .usd("unexplained_usd", money.unexplained);
    money.cap > 0 ? object.usd("cap_usd", money.cap) : object.null("cap_usd");
    object.milliseconds("elapsed_ms", progress.elapsed);
    progress.left ? object.milliseconds("left_ms", *progress.left) : object.null("left_ms");
    object.number("transfer_bytes", progress.transfer_bytes).number("transfer_total", progress.transfer_total);
    return object.done();
}

std::string ProgressView::paint(const JobProgress& progress, const Screen& screen) {
    auto block = progress_block(progress, screen);
    if (block == last_ && lines_ > 0) {
        return {};
    }
    std::string out = lines_ > 0 ? "\r\x1b[" + std::to_string(lines_) + "A" : "";
    for (std::size_t begin = 0; begin < block.size();) {
        const auto end = block.find('\n', begin);
        out.append(block, begin, end - begin).append("\x1b[K\n");
        begin = end + 1;
    }
    lines_ = static_cast<std::size_t>(std::count(block.begin(), block.end(), '\n'));
    last_ = std::move(block);
    return out + "\x1b[J";
}

std::string ProgressView::line(const JobProgress& progress) const {
    return mode_ == Mode::json ? progress_json(progress) : progress_line(progress);
}

std::string ProgressView::show(const JobProgress& progress, const Screen& screen, Clock::Monotonic now) {
    if (mode_ == Mode::block) {
        return paint(progress, screen);
    }
    const auto since = now - written_;
    if (has_written_ && since < kLinePause) {
        return {};
    }
    auto content = line(without_times(progress));
    if (has_written_ && content == last_ && since < kKeepAlive) {
        return {};
    }
    last_ = std::move(content);
    has_written_ = true;
    written_ = now;
    return line(progress) + "\n";
}

std::string ProgressView::end(const JobProgress& progress, const Screen& screen) {
    if (mode_ == Mode::block) {
        auto out = paint(progress, screen);
        leave_block();
        return out;
    }
    auto content = line(without_times(progress));
    if (has_written_ && content == last_) {
        return {};
    }
    last_ = std::move(content);
    has_written_ = true;
    return line(progress) + "\n";
}

void ProgressView::leave_block() noexcept {
    lines_ = 0;
}

}  // namespace eco2::batch
