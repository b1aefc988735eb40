#pragma once

#include "e2e/batch_kill.hpp"

#include <cstdint>
#include <random>

namespace eco2::test {

/// A job whose provider loses replies and fails, and whose process is killed at random moments.
class BatchStorm : public BatchKill {
protected:
    struct Plan {
        int items = 0;
        int requests_max = 0;  // of a batch
        int kills = 0;
        std::uint32_t seed = 0;
        std::chrono::milliseconds life_max{0};  // of a process
        std::chrono::milliseconds time_max{0};  // of the last one
    };
    /// Runs the job undisturbed, then through the storm; the results must be the same bytes, and the bill's sum the ledger's.
    void expect_survives(const Plan& plan);

private:
    std::string some_faults(std::mt19937& random) const;
};

}  // namespace eco2::test
