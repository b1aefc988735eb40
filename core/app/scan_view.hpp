#pragma once

#include "pipeline/run.hpp"

#include <cstdio>
#include <string>

namespace eco2::app {

/// Shows a scan to a person while it happens: one line a stage, the answer's words as they come.
///
/// Thread-safety: none.
class ScanView {
public:
    /// On a terminal the running stage is shown and replaced when it is done.
    ScanView(std::FILE* out, bool is_terminal) : out_(out), is_terminal_(is_terminal) {}

    void show(const Run& run, const RunEvent& event);

private:
    void stage_done(const Run& run, const RunEvent& event);
    void show_model_stage(const Run& run, std::size_t stage);
    void show_rule(const Run& run, std::size_t stage);
    void show_reward(const Run& run, std::size_t stage);
    void line(std::string_view label, std::string_view text);
    void clear_running();

    std::FILE* out_;
    const bool is_terminal_;
    bool is_running_shown_ = false;
    bool has_words_ = false;
};

}  // namespace eco2::app
