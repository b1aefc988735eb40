#include "base/hash.hpp"
#include "base/text.hpp"
#include "batch/jobs/fail_point.hpp"
#include "batch/jobs/machine.hpp"
#include "batch/jobs/machine_task.hpp"

#include <algorithm>
#include <utility>

/// From items that wait to the requests that they ask.
namespace eco2::batch {
namespace {

constexpr std::size_t kWalkRows = 500;
constexpr std::size_t kWalkRowsWithPhotos = 48;  // of a few hundred KB each
constexpr std::int64_t kEchoBytes = 160;         // what a custom_id and an echo add to a line, at most

}  // namespace

/// Where each item's walk ends; one whose photo or record cannot be read has failed before it began.
std::vector<ItemWalk> Machine::walked(const std::vector<JobFile::Waiting>& rows, const JobRow& job, const Task& task) const {
    const auto* pipeline = task.steps->pipeline();
    std::vector<ItemWalk> walks;
    std::vector<ItemWalk> able;
    std::vector<std::size_t> places;
    walks.reserve(rows.size());
    for (const auto& row : rows) {
        ItemWalk walk;
        walk.id = row.item.id;
        auto finished = finished_stages(row.item, pipeline);
        auto input = finished ? run_input(row.item, job, pipeline, settings_.data_dir / "batch" / "photos", true)
                              : Result<RunInput>(finished.error());
        if (!input) {
            walk.error = input.error();
        } else {
            walk.finished = std::move(finished.value());
            walk.input = std::move(input.value());
        }
        if (row.answer) {
            ModelReply reply;
            reply.text = row.answer->text;
            reply.finish = row.answer->finish;
            reply.provider = task.provider_id;
            reply.model = row.answer->model;
            reply.usage = row.answer->usage;
            walk.reply = std::move(reply);
        }
        if (input) {
            places.push_back(walks.size());
            able.push_back(std::move(walk));
            walks.emplace_back();
        } else {
            walks.push_back(std::move(walk));
        }
    }
    task.steps->walk(able);
    for (std::size_t i = 0; i < able.size(); ++i) {
        walks[places[i]] = std::move(able[i]);
    }
    return walks;
}

/// Items that wait go on to their next request, or to their end.
Result<bool> Machine::walk(const JobRow& job, Task& task) {
    auto rows = doors_.file.waiting(job.key, kWalkRows);
    if (!rows) {
        return rows.error();
    }
    if (rows.value().empty()) {
        return false;
    }
    const auto photo =
        std::find_if(rows.value().begin(), rows.value().end(), [](const auto& row) { return !row.item.photo.empty(); });
    if (photo != rows.value().end() && rows.value().size() > kWalkRowsWithPhotos) {
        rows.value().resize(kWalkRowsWithPhotos);
    }
    fail_point("walk.before");
    auto walks = walked(rows.value(), job, task);
    std::vector<WalkOutcome> outcomes;
    for (std::size_t i = 0; i < walks.size(); ++i) {
        auto& walk = walks[i];
        WalkOutcome outcome;
        outcome.seq = rows.value()[i].item.seq;
        outcome.checkpoints = checkpoints_of(walk.finished, task.steps->pipeline());
        if (walk.end == ItemWalk::End::done) {
            outcome.end = WalkOutcome::End::done;
            outcome.result = std::move(walk.result_json);
        } else if (walk.end == ItemWalk::End::failed) {
            outcome.end = walk.is_reply_refused ? WalkOutcome::End::refused : WalkOutcome::End::failed;
            outcome.error = walk.error.name();
            outcome.detail = shorten(walk.error.detail, 500);
            outcome.retry = walk.is_reply_refused ? RetryClass::content : retry_of(walk.error);
        } else {
            const auto line = task.provider->encode_line(*walk.request, "content");
            const auto tokens = doors_.tokens(*walk.request);
            outcome.work.stage = static_cast<int>(walk.finished.size());
            outcome.work.tokens = tokens.high;
            outcome.work.tokens_expected = tokens.expected;
            outcome.work.output_max = tokens.output_max > 0 ? tokens.output_max : settings_.output_tokens_assumed;
            const auto line_max = task.provider->capabilities().line_bytes_max;
            if (!line) {
                outcome.error = line.error().name();
                outcome.detail = line.error().detail;
                outcome.retry = RetryClass::fix_body;
            } else if (const auto bytes = static_cast<std::int64_t>(line.value().size()) + kEchoBytes;
                       bytes > task.provider->capabilities().file_bytes_max || (line_max > 0 && bytes > line_max)) {
                outcome.error = info(Errc::body_too_large).name;
                outcome.detail = "the request has " + std::to_string(bytes) + " bytes, more than the provider takes in one " +
                                 (line_max > 0 && bytes > line_max ? "line" : "file");
                outcome.retry = RetryClass::fix_body;
            } else {
                outcome.end = WalkOutcome::End::asks;
                outcome.hash = sha256_hex(task.provider_id + "\n" + line.value());
                outcome.work.bytes = bytes;
                auto& fresh = task.fresh[outcome.work.stage];
                ++fresh.requests;
                fresh.bytes += bytes;
            }
        }
        outcomes.push_back(std::move(outcome));
    }
    if (auto applied = doors_.file.apply(job.key, outcomes, settings_.content_attempts); !applied) {
        return applied.error();
    }
    fail_point("walk.after");
    return true;
}

}  // namespace eco2::batch
