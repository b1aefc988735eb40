#include "batch/host/reports.hpp"

#include "base/clock.hpp"
#include "batch/jobs/fail_point.hpp"
#include "batch/report/export.hpp"
#include "batch/report/report_text.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <map>

namespace eco2::batch {
namespace {

constexpr std::size_t kRows = 1'000;

std::string label_of(const ItemRow& item) {
    if (item.input.find("\"label\"") == std::string::npos) {
        return {};
    }
    boost::json::error_code ec;
    const auto input = boost::json::parse(item.input, ec);
    const auto* object = ec ? nullptr : input.if_object();
    const auto* label = object == nullptr ? nullptr : object->if_contains("label");
    return label != nullptr && label->is_string() ? std::string(label->get_string()) : std::string();
}

std::string shard_json(const Shard& shard, const std::map<std::string, std::int64_t>& outcomes) {
    JsonObject counts;
    for (const auto& [name, count] : outcomes) {
        counts.number(name, count);
    }
    JsonObject out;
    out.text("shard", shard.nonce);
    out.number("stage", shard.stage);
    out.text("state", name_of(shard.state));
    out.text("model", shard.model);
    out.text_or_null("batch", shard.batch);
    out.number("lines", shard.lines);
    out.number("bytes", shard.bytes);
    out.text_or_null("file_sha256", shard.file_sha256);
    out.raw("outcomes", counts.done());
    out.usd("booked_usd", shard.booked);
    return out.done();
}

JobReport::Incident incident_of(std::string_view kind) {
    using Incident = JobReport::Incident;
    static const std::map<std::string_view, Incident> kKinds = {{"swapped", Incident::swapped_answers},
                                                                {"duplicate", Incident::duplicate_answers},
                                                                {"conflicting", Incident::conflicting_answers},
                                                                {"unknown_id", Incident::unknown_ids},
                                                                {"no_id", Incident::unknown_ids},
                                                                {"missing", Incident::missing_answers},
                                                                {"lost", Incident::missing_answers},
                                                                {"cut_line", Incident::missing_answers},
                                                                {"unreadable", Incident::unknown_ids},
                                                                {"vanished", Incident::vanished_batches},
                                                                {"results_gone", Incident::vanished_batches},
                                                                {"no_usage", Incident::estimated_costs},
                                                                {"adopted", Incident::adopted_batches}};
    const auto found = kKinds.find(kind);
    return found == kKinds.end() ? Incident::orphans : found->second;
}

}  // namespace

Result<void> export_results(JobFile& file,
                            const JobRow& job,
                            const std::filesystem::path& folder,
                            const std::string& price_version) {
    auto writer = ResultWriter::open(folder, job.is_requests ? ResultWriter::Form::response : ResultWriter::Form::result);
    if (!writer) {
        return writer.error();
    }
    auto stages = file.stages(job.key);
    auto shards = stages ? file.shards(job.key) : stages.error();
    if (!shards) {
        return shards.error();
    }
    for (std::int64_t seq = 1;;) {
        auto items = file.items(job.key, seq, kRows);
        auto lineage = items ? file.lineage(job.key, seq, items.value().size()) : items.error();
        if (!lineage) {
            return lineage.error();
        }
        if (items.value().empty()) {
            break;
        }
        for (auto& item : items.value()) {
            seq = item.seq + 1;
            ResultRow row;
            row.id = item.id;
            row.line = item.seq;
            row.label = label_of(item);
            row.status = item.state == ItemState::done              ? ResultRow::Status::done
                         : item.error == info(Errc::cancelled).name ? ResultRow::Status::cancelled
                                                                    : ResultRow::Status::failed;
            row.result_json = std::move(item.result);
            row.error_code = item.error;
            row.error_detail = std::move(item.detail);
            if (item.state == ItemState::waiting || item.state == ItemState::asked) {
                row.error_code = info(Errc::not_ready).name;
                row.error_detail = "the job is not over";
            }
            std::vector<LineageStage> steps;
            for (auto& one : lineage.value()[item.seq]) {
                LineageStage step;
                const auto place = static_cast<std::size_t>(one.stage);
                step.stage = place < stages.value().size() ? stages.value()[place].name : std::string();
                step.shard = std::move(one.shard);
                step.attempt = one.attempt;
                step.request_id = std::move(one.request_id);
                step.model = std::move(one.model);
                step.price_version = price_version;
                step.input_tokens = one.usage.input_tokens;
                step.output_tokens = one.usage.output_tokens;
                step.cost_picousd = one.is_cached ? 0 : one.cost;
                step.is_cached = one.is_cached;
                steps.push_back(std::move(step));
            }
            auto added = writer.value()->add(row, steps);
            if (!added && added.error().code == Errc::internal) {
                row.status = ResultRow::Status::failed;
                row.error_code = info(Errc::provider_bad_answer).name;
                row.error_detail = added.error().detail;
                row.result_json.clear();
                added = writer.value()->add(row, steps);
            }
            if (!added) {
                return added;
            }
        }
    }
    ExportManifest manifest;
    manifest.job = job.id;
    manifest.input = job.input;
    manifest.fingerprint = job.fingerprint;
    manifest.price_version = price_version;
    manifest.money = job.money;
    for (const auto& shard : shards.value()) {
        auto outcomes = file.outcomes(shard.key);
        if (!outcomes) {
            return outcomes.error();
        }
        manifest.shards.push_back(shard_json(shard, outcomes.value()));
    }
    fail_point("export.written");
    auto committed = writer.value()->commit(manifest);
    return committed ? Result<void>() : committed.error();
}

Result<JobReport> report_of(JobFile& file, const JobRow& job) {
    auto sums = file.sums(job.key);
    auto stages = sums ? file.stages(job.key) : sums.error();
    auto incidents = stages ? file.incidents(job.key) : stages.error();
    auto letters = incidents ? file.dead_letters(job.key) : incidents.error();
    if (!letters) {
        return letters.error();
    }
    JobReport report;
    report.job = job.id;
    report.pipeline = job.is_requests ? "" : job.pipeline;
    report.state = job.state;
    report.reason = job.reason;
    report.created_at_ns = job.created_ns;
    report.ended_at_ns = job.ended_ns != 0 ? job.ended_ns : -1;
    report.elapsed = std::chrono::nanoseconds((job.ended_ns != 0 ? job.ended_ns : system_clock().wall_ns()) - job.created_ns);
    report.items[ItemState::done] = job.items_done;
    report.items[ItemState::failed] = job.items_failed;
    for (const auto state : {ItemState::waiting, ItemState::asked}) {
        auto count = file.count(job.key, state);
        if (!count) {
            return count.error();
        }
        report.items[state] = count.value();
    }
    for (std::size_t i = 0; i < stages.value().size(); ++i) {
        if (stages.value()[i].name.empty()) {
            continue;
        }
        JobReport::Stage stage;
        stage.name = stages.value()[i].name;
        stage.requests = stages.value()[i].requests;
        const auto& sent = sums.value().stages[static_cast<int>(i)];
        stage.shards = sent.shards;
        stage.attempts = sent.lines;
        stage.cached = sent.cached;
        stage.retries = sent.retries;
        report.stages.push_back(std::move(stage));
    }
    report.money = job.money;
    report.money.unexplained = sums.value().unexplained;
    report.tokens = {sums.value().input_tokens, sums.value().cached_tokens, sums.value().output_tokens};
    for (auto& incident : incidents.value()) {
        if (incident.kind == "pilot") {
            report.pilot = std::move(incident.detail);
            continue;
        }
        if (incident.kind == "invalid" || incident.kind == "queue_limit" || incident.kind == "adopted_file" ||
            incident.kind == "uploaded_again" || incident.kind == "created_again") {
            continue;  // the machine's daily business
        }
        const auto kind = incident_of(incident.kind);
        const auto found = std::find_if(
            report.incidents.begin(), report.incidents.end(), [&](const auto& known) { return known.incident == kind; });
        if (found == report.incidents.end()) {
            report.incidents.push_back({kind, 1, incident.kind + ": " + incident.detail});
        } else {
            ++found->count;
        }
    }
    for (auto& letter : letters.value()) {
        JobReport::DeadLetters dead;
        dead.retry = letter.retry;
        dead.cause = letter.error + (letter.example_detail.empty() ? "" : ": " + letter.example_detail);
        dead.count = letter.items;
        dead.example = std::move(letter.example_id);
        report.dead_letters.push_back(std::move(dead));
    }
    return report;
}

}  // namespace eco2::batch
