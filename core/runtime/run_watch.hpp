#pragma once

#include "base/log.hpp"
#include "observe/metrics.hpp"
#include "pipeline/run.hpp"

#include <map>
#include <string>

namespace eco2::runtime {

/// Turns what runs do into one log line a stage and into metrics.
///
/// Thread-safety: any I/O thread once made.
class RunWatch final : public RunWatcher {
public:
    RunWatch(const Pipeline& pipeline, Log& log, observe::Metrics& metrics);

    void on_stage_end(std::string_view run_id, const Stage& stage, const StageReport& report, const Error* error) override;
    void on_repairs(std::string_view run_id, const Stage& stage, const std::vector<std::string>& repairs) override;
    void on_reward(const RewardDecision& decision, std::chrono::nanoseconds duration) override;

private:
    /// The series of one model stage; looked up once where the stage names its provider.
    struct ModelSeries {
        observe::Counter ok;
        observe::Counter input_tokens;
        observe::Counter output_tokens;
    };

    ModelSeries series_of(std::string_view provider, std::string_view stage) const;

    const std::string pipeline_;
    Log& log_;
    observe::Metrics& metrics_;
    std::map<std::string, ModelSeries, std::less<>> series_;
};

}  // namespace eco2::runtime
