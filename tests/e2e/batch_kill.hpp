#pragma once

#include "e2e/batch_programs.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace eco2::test {

/// A job that is killed on its way and run again, beside the same job undisturbed.
class BatchKill : public BatchPrograms {
protected:
    static constexpr int kItems = 30;

    /// Input, a fake provider, and what the job comes to when nothing happens.
    void begin(int items = kItems, std::string_view batch = {});
    /// Likewise, with an input that is there already.
    void begin_with_input(std::string_view batch = {});
    /// Kills the job where `point` is passed (ECO2_FAIL_POINT), runs it again, and looks at what has come of it. `faults`: what
    /// goes wrong at the provider besides. False: the job ended without passing the point.
    bool kill_at(const std::string& point, const std::string& faults = {}, const std::map<std::string, std::string>& more = {});

    std::string undisturbed_;
    std::int64_t executed_ = 0;
};

}  // namespace eco2::test
