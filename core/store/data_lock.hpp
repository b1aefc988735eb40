#pragma once

#include "base/file_lock.hpp"
#include "base/result.hpp"

#include <filesystem>
#include <memory>
#include <utility>

namespace eco2::store {

/// Keeps a second host off a data directory, for as long as it lives; the system lets go when the process ends, however it
/// ends.
///
/// Thread-safety: control thread.
class DataLock {
public:
    /// Errors: config_invalid (another process has it, with its number), io_failed.
    static Result<std::unique_ptr<DataLock>> take(const std::filesystem::path& directory);

private:
    explicit DataLock(std::unique_ptr<FileLock> lock) : lock_(std::move(lock)) {}
    const std::unique_ptr<FileLock> lock_;
};

}  // namespace eco2::store
