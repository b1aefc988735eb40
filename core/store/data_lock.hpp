#pragma once

#include "base/result.hpp"

#include <filesystem>
#include <memory>

namespace eco2::store {

/// Keeps a second host off a data directory, for as long as it lives; the system lets go when the process ends, however it
/// ends.
///
/// Thread-safety: control thread.
class DataLock {
public:
    /// Errors: config_invalid (another process has it, with its number), io_failed.
    static Result<std::unique_ptr<DataLock>> take(const std::filesystem::path& directory);
    ~DataLock();
    DataLock(const DataLock&) = delete;
    DataLock& operator=(const DataLock&) = delete;

private:
    explicit DataLock(int fd) : fd_(fd) {}
    const int fd_;
};

}  // namespace eco2::store
