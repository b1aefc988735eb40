#pragma once

#include "e2e/batch_kill.hpp"

#include <map>
#include <string>

namespace eco2::test {

/// Jobs on a disk that is full, fails or loses what was not synced (tests/support/disk_faults.c).
class BatchDisk : public BatchKill {
protected:
    /// The environment that watches files whose paths hold one of the words, ':' between them.
    std::map<std::string, std::string> watching(const std::string& words) const;
    /// All that a job writes.
    std::map<std::string, std::string> watching_all() const;
    std::filesystem::path full_flag() const { return directory / "full"; }
    std::filesystem::path told_file() const { return directory / "told"; }

    /// Runs the job with one fault ("sync:3") and again where it has not ended well, and looks at what has come of it. False:
    /// there are not so many such calls.
    bool fail_at(const std::string& fault);
    /// As kill_at, but what nobody has synced is lost. `names`: those that were made since their folder's sync stay.
    bool cut_power_at(const std::string& point, bool keeps_names);
    bool cut_power_at_sync(int number, bool keeps_names);

private:
    std::map<std::string, std::string> power(bool keeps_names) const;
};

}  // namespace eco2::test
