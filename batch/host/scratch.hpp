#pragma once

#include "batch/jobs/job_file.hpp"
#include "batch/jobs/settings.hpp"

#include <filesystem>
#include <memory>

namespace eco2::batch {

/// A folder and a job file that go again, for what is planned as jobs are and is none: a preview, a live evaluation.
class Scratch {
public:
    /// Errors: io_failed, store_failed.
    static Result<std::unique_ptr<Scratch>> make(Settings settings);
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    JobFile& file() noexcept { return file_; }
    /// The given ones, with the folder in place of the data directory.
    const Settings& settings() const noexcept { return settings_; }

private:
    explicit Scratch(Settings settings);

    const Settings settings_;
    JobFile file_;
};

}  // namespace eco2::batch
