#include "runtime/run_watch.hpp"

#include <array>
#include <cstdio>

namespace eco2::runtime {
namespace {

std::string milliseconds(std::chrono::nanoseconds duration) {
    std::array<char, 32> text{};
    const int size = std::snprintf(text.data(), text.size(), "%.3f", static_cast<double>(duration.count()) / 1e6);
    return std::string(text.data(), static_cast<std::size_t>(size));
}

}  // namespace

RunWatch::RunWatch(const Pipeline& pipeline, Log& log, observe::Metrics& metrics)
    : pipeline_(pipeline.definition().name), log_(log), metrics_(metrics) {
    for (const auto& stage : pipeline.stages()) {
        const auto& definition = stage.definition;
        if (definition.kind == StageDefinition::Kind::infer && !definition.provider.empty()) {
            series_.emplace(definition.name, series_of(definition.provider, definition.name));
        }
    }
}

RunWatch::ModelSeries RunWatch::series_of(std::string_view provider, std::string_view stage) const {
    return {metrics_.eco2_provider_calls_total.with({provider, "ok"}),
            metrics_.eco2_provider_tokens_total.with({provider, stage, "input"}),
            metrics_.eco2_provider_tokens_total.with({provider, stage, "output"})};
}

void RunWatch::on_stage_end(std::string_view run_id, const Stage& stage, const StageReport& report, const Error* error) {
    const auto& name = stage.definition.name;
    if (report.is_asked) {
        // A stage without a provider of its own is answered by whom its route has found.
        const auto known = series_.find(name);
        const auto series = known != series_.end() ? known->second : series_of(report.provider, name);
        if (error == nullptr) {
            series.ok.add();
        } else {
            metrics_.eco2_provider_calls_total.with({report.provider, error->name()}).add();
        }
        series.input_tokens.add(static_cast<double>(std::max<std::int64_t>(report.usage.input_tokens, 0)));
        series.output_tokens.add(static_cast<double>(std::max<std::int64_t>(report.usage.output_tokens, 0)));
    }
    const std::string duration = milliseconds(report.duration);
    const std::string input_tokens = std::to_string(report.usage.input_tokens);
    const std::string output_tokens = std::to_string(report.usage.output_tokens);
    if (error != nullptr) {
        log_.warn("stage failed",
                  {{"run", run_id},
                   {"pipeline", pipeline_},
                   {"stage", name},
                   {"duration_ms", duration},
                   {"error", error->name()},
                   {"detail", error->detail},
                   {"provider", report.provider},
                   {"model", report.model}});
    } else if (report.is_asked) {
        log_.info("stage completed",
                  {{"run", run_id},
                   {"pipeline", pipeline_},
                   {"stage", name},
                   {"duration_ms", duration},
                   {"provider", report.provider},
                   {"model", report.model},
                   {"input_tokens", input_tokens},
                   {"output_tokens", output_tokens}});
    } else {
        log_.info("stage completed", {{"run", run_id}, {"pipeline", pipeline_}, {"stage", name}, {"duration_ms", duration}});
    }
}

void RunWatch::on_repairs(std::string_view run_id, const Stage& stage, const std::vector<std::string>& repairs) {
    std::string all;
    for (const auto& repair : repairs) {
        all += (all.empty() ? "" : "; ") + repair;
    }
    log_.warn("model answer repaired", {{"run", run_id}, {"stage", stage.definition.name}, {"repairs", all}});
}

void RunWatch::on_reward(const RewardDecision& decision, std::chrono::nanoseconds duration) {
    metrics_.scan_reward_match_duration_seconds.observe(std::chrono::duration<double>(duration).count());
    const bool is_given = decision.reason.empty();
    const bool has_failed = decision.reason == "grant_not_stored";
    metrics_.scan_reward_match_total.with({is_given ? "success" : has_failed ? "failed" : "skipped"}).add();
    metrics_.character_reward_evaluation_total.with({is_given ? std::string_view("success") : decision.reason, pipeline_})
        .add();
    if (is_given) {
        metrics_.character_reward_granted_total.with({decision.name, decision.type}).add();
    } else {
        metrics_.eco2_reward_null_total.with({decision.reason}).add();
    }
}

}  // namespace eco2::runtime
