#include "batch/host/previews.hpp"

#include "base/hash.hpp"
#include "base/utc.hpp"
#include "batch/jobs/definition_record.hpp"
#include "batch/jobs/job_file.hpp"
#include "batch/jobs/machine_task.hpp"
#include "batch/jobs/pipeline_steps.hpp"

#include <random>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace eco2::batch {
namespace {

constexpr std::size_t kRows = 200;
// What a stage's prompt holds of earlier answers, in tokens: a class and its rule, by the shipped rules' sizes.
constexpr Range kEarlierAnswers{150, 700, 2'500};

/// A folder and a job file for as long as the preview takes: the planner checks an input the same way for both.
class Scratch {
public:
    Scratch() : folder_(std::filesystem::temp_directory_path() / ("eco2-estimate-" + std::to_string(std::random_device{}()))) {
        std::filesystem::create_directories(folder_);
    }
    ~Scratch() {
        std::error_code ec;
        std::filesystem::remove_all(folder_, ec);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    const std::filesystem::path& folder() const { return folder_; }

private:
    const std::filesystem::path folder_;
};

}  // namespace

Result<Estimate> preview(BatchHost& batch,
                         const PlanRequest& request,
                         const std::function<bool(std::int64_t, std::int64_t, std::int64_t)>& on_progress) {
    const Scratch scratch;
    JobFile file(scratch.folder() / "batch.db");
    if (auto prepared = file.prepare(); !prepared) {
        return prepared.error();
    }
    auto settings = batch.settings();
    settings.data_dir = scratch.folder();
    auto planned = batch.planner(on_progress, file, settings).plan(request);
    if (!planned) {
        return planned.error();
    }
    const auto& job = planned.value().job;
    auto steps = make_steps(job, batch.step_doors());
    if (!steps) {
        return steps.error();
    }
    auto& provider = *batch.host().plugins().batch_provider(job.provider);
    const auto today = utc_text(system_clock().wall_ns()).substr(0, 10);
    Estimator estimator(PriceList(batch.host().config()->routing.prices), today);
    const auto* pipeline = steps.value()->pipeline();
    std::vector<std::string> stages;
    if (pipeline == nullptr) {
        stages.emplace_back("request");
    } else {
        for (const auto& stage : pipeline->stages()) {
            if (stage.definition.kind == StageDefinition::Kind::infer) {
                stages.push_back(stage.definition.name);
            }
        }
    }
    for (const auto& stage : stages) {
        estimator.begin_stage({stage, job.provider, job.model, provider.capabilities()});
    }
    OutputGuess guess;
    guess.ceiling = settings.output_tokens_assumed;
    std::unordered_set<std::string> seen;  // 32 bytes and a bit for each request
    RunInput sample;
    for (std::int64_t seq = 1;;) {
        auto rows = file.items(job.key, seq, kRows);
        if (!rows) {
            return rows.error();
        }
        if (rows.value().empty()) {
            break;
        }
        std::vector<ItemWalk> walks;
        for (const auto& row : rows.value()) {
            seq = row.seq + 1;
            if (row.state == ItemState::failed) {
                continue;
            }
            ItemWalk walk;
            walk.id = row.id;
            auto input = run_input(row, job, pipeline, scratch.folder() / "batch" / "photos", true);
            if (!input) {
                return input.error();
            }
            walk.input = std::move(input.value());
            sample = walk.input;
            sample.image_bytes.reset();
            walks.push_back(std::move(walk));
        }
        steps.value()->walk(walks);
        for (const auto& walk : walks) {
            if (walk.end != ItemWalk::End::asks) {
                continue;
            }
            auto line = provider.encode_line(*walk.request, "content");
            auto tokens = line ? estimate_tokens(*walk.request, guess) : Result<RequestTokens>(line.error());
            if (!tokens) {
                return tokens.error();
            }
            if (!seen.insert(sha256_hex(line.value()).substr(0, 24)).second) {
                estimator.add_equal(stages.front());
            } else if (auto added =
                           estimator.add(stages.front(), tokens.value(), static_cast<std::int64_t>(line.value().size()));
                       !added) {
                return added.error();
            }
        }
    }
    for (std::size_t i = 1; i < stages.size(); ++i) {
        for (const auto& stage : pipeline->stages()) {
            if (stage.definition.name != stages[i]) {
                continue;
            }
            const auto prompt = prepare_infer(stage, sample, RunValues{});
            auto tokens = estimate_tokens(*prompt, guess);
            auto line = provider.encode_line(*prompt, "content");
            if (!tokens || !line) {
                return tokens ? line.error() : tokens.error();
            }
            Estimator::Expectation expectation;
            expectation.from = stages.front();
            expectation.tokens = tokens.value();
            expectation.tokens.prompt += kEarlierAnswers;
            expectation.line_bytes = static_cast<std::int64_t>(line.value().size()) + 4 * kEarlierAnswers.expected;
            estimator.expect(stages[i], std::move(expectation));
        }
    }
    return estimator.estimate();
}

}  // namespace eco2::batch
