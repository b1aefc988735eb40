#pragma once

#include "config/problems.hpp"
#include "config/section.hpp"

#include <string_view>
#include <vector>

namespace eco2::config {

/// [a-z][a-z0-9_]*, up to 32 characters: stage names become event names and metric labels.
bool is_stage_name(std::string_view name) noexcept;

/// "stage", "stage.member.member" or "input.member": the first part names `input` or one of `stages`.
/// What is wrong goes to `problems`.
void check_path(Problems& problems, const PlacedText& path, const std::vector<std::string>& stages, bool may_be_input);

}  // namespace eco2::config
