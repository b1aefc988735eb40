#pragma once

#include "base/clock.hpp"
#include "base/file_lock.hpp"
#include "batch/jobs/job_file.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <utility>

namespace eco2::batch {

/// Which process works on the jobs of a data directory: the one that holds the lock file. The system lets go of it when a
/// process ends, however it ends, so the next one begins at once. A process that is frozen keeps its lock and loses its lease:
/// another one then takes over, and the file refuses what the frozen one still wants to write (JobFile, "fenced").
///
/// Thread-safety: none.
class Ownership {
public:
    /// Null: another process works on them, and its lease holds. Errors: io_failed, store_failed.
    static Result<std::unique_ptr<Ownership>> take(const std::filesystem::path& data_dir,
                                                   JobFile& file,
                                                   const Clock& clock,
                                                   std::chrono::milliseconds lease);

private:
    explicit Ownership(std::unique_ptr<FileLock> lock) : lock_(std::move(lock)) {}
    const std::unique_ptr<FileLock> lock_;  // null where it was taken over from a frozen process
};

}  // namespace eco2::batch
