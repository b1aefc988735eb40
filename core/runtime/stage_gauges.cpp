#include "runtime/stage_gauges.hpp"

#include <cstddef>

namespace eco2::runtime {

void StageGauges::refresh(const Deployment& in_force) {
    for (const auto* context : in_force.contexts()) {
        const auto& definition = context->pipeline->definition();
        for (std::size_t i = 0; i < definition.stages.size(); ++i) {
            gates_[{definition.name, definition.stages[i].name}] = context->doors[i].gate;
        }
    }
    for (auto entry = gates_.begin(); entry != gates_.end();) {
        const auto& [pipeline, stage] = entry->first;
        const auto gate = entry->second.lock();
        metrics_.eco2_stage_running.with({pipeline, stage}).set(gate == nullptr ? 0 : static_cast<double>(gate->running()));
        metrics_.eco2_stage_waiting.with({pipeline, stage}).set(gate == nullptr ? 0 : static_cast<double>(gate->waiting()));
        entry = gate == nullptr ? gates_.erase(entry) : std::next(entry);
    }
}

}  // namespace eco2::runtime
