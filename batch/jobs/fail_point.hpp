#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::batch {

/// A named place at which a test lets the process die. ECO2_FAIL_POINT="NAME" or "NAME:N" (the N-th time) in the environment
/// raises SIGKILL there, "NAME=stop" or "NAME:N=stop" SIGSTOP; without it this costs one comparison.
///
/// Thread-safety: any thread; the hook is set before the first use.
void fail_point(std::string_view name);

/// In place of the environment: called at every point. For tests in one process, whose hook throws.
void set_fail_point_hook(std::function<void(std::string_view name)> hook);

/// All that there are, in the order of a job's life; a test checks that each is passed.
const std::vector<std::string>& fail_points();

}  // namespace eco2::batch
