#pragma once

#include "observe/metrics.hpp"
#include "runtime/deployment.hpp"

#include <map>
#include <memory>
#include <string>
#include <utility>

namespace eco2::runtime {

/// How many runs are in and before each stage, as gauges; those of stages that a reload has removed fall to 0 with their runs.
///
/// Thread-safety: one thread at a time.
class StageGauges {
public:
    explicit StageGauges(observe::Metrics& metrics) : metrics_(metrics) {}

    void refresh(const Deployment& in_force);

private:
    observe::Metrics& metrics_;
    std::map<std::pair<std::string, std::string>, std::weak_ptr<const StageGate>> gates_;  // by pipeline and stage
};

}  // namespace eco2::runtime
