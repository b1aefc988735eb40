#include "plugin_host/instance_state.hpp"

#include <array>
#include <utility>

namespace eco2::plugin_host {

bool is_legal(InstanceState from, InstanceState to) noexcept {
    using S = InstanceState;
    constexpr std::array<std::pair<S, S>, 10> kTransitions = {{
        {S::loaded, S::created},
        {S::created, S::started},
        {S::started, S::draining},
        {S::draining, S::stopped},
        {S::stopped, S::destroyed},
        {S::loaded, S::failed},
        {S::created, S::failed},
        {S::started, S::failed},
        {S::draining, S::failed},
        {S::stopped, S::failed},
    }};
    for (const auto& transition : kTransitions) {
        if (transition == std::pair(from, to)) {
            return true;
        }
    }
    return false;
}

std::string_view name_of(InstanceState state) noexcept {
    switch (state) {
        case InstanceState::loaded: return "loaded";
        case InstanceState::created: return "created";
        case InstanceState::started: return "started";
        case InstanceState::draining: return "draining";
        case InstanceState::stopped: return "stopped";
        case InstanceState::destroyed: return "destroyed";
        case InstanceState::failed: return "failed";
    }
    return "failed";
}

}  // namespace eco2::plugin_host
