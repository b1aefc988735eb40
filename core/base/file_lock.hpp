#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

namespace eco2 {

/// A lock between processes, on a file that is made where it is not there. The system lets go of it when the process ends,
/// however it ends. Within a process as well, a second one of the same name is refused.
///
/// Thread-safety: none.
class FileLock {
public:
    /// Null: another one holds it. `byte`: of the file, which then holds as many locks as there are numbers; none: of all of
    /// it. Errors: io_failed.
    static Result<std::unique_ptr<FileLock>> try_take(const std::filesystem::path& path,
                                                      std::optional<std::uint64_t> byte = std::nullopt);
    ~FileLock();
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;

    int fd() const noexcept { return fd_; }

private:
    explicit FileLock(int fd) : fd_(fd) {}
    const int fd_;
};

}  // namespace eco2
