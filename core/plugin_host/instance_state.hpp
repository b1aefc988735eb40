#pragma once

#include "plugin_host/plugin_host.hpp"

#include <string_view>

namespace eco2::plugin_host {

/// Whether an instance may go from one state straight to the other.
///
///     loaded -> created -> started -> draining -> stopped -> destroyed
///        |         |          |           |          |
///        +---------+----------+-----------+----------+--> failed
///
/// `failed` and `destroyed` are ends.
bool is_legal(InstanceState from, InstanceState to) noexcept;

std::string_view name_of(InstanceState state) noexcept;

}  // namespace eco2::plugin_host
