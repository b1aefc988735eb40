#pragma once

#include "base/hash.hpp"
#include "base/result.hpp"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace eco2::batch {

/// The system calls that writing a file is made of, as the system has them (-1 and errno); tests let the n-th one fail.
class FileCalls {
public:
    virtual ~FileCalls() = default;
    virtual int create(const char* path) noexcept;  // anew, to be written
    virtual ssize_t write(int fd, const void* bytes, std::size_t size) noexcept;
    virtual int sync(int fd) noexcept;  // of a file or a folder
    virtual int rename(const char* from, const char* to) noexcept;

    /// Lifetime: static.
    static FileCalls& real() noexcept;
};

/// A file that appears whole or not at all: it is written under a temporary name in its folder and takes its own by a rename.
///
/// An error stays: every later call gives it again. In particular a sync that failed is never tried again as if nothing had
/// been lost.
///
/// Thread-safety: none. Lifetime: the temporary goes with the object, unless it was published.
class OutputFile {
public:
    /// What a crash may leave; `remove_leftovers` takes it away.
    static constexpr std::string_view kTemporaryPrefix = ".eco2-";
    static constexpr std::string_view kTemporarySuffix = ".tmp";

    /// Blocks. Errors of all: io_failed with the path and the system's reason.
    static Result<OutputFile> create(FileCalls& calls, const std::filesystem::path& folder, const std::string& name);
    OutputFile(OutputFile&& other) noexcept;
    OutputFile& operator=(OutputFile&&) = delete;
    ~OutputFile();

    /// Blocks: now and then, when the buffer is full.
    Result<void> write(std::string_view bytes);
    /// Makes everything durable, under the temporary name. Blocks.
    Result<void> finish();
    /// Gives the finished file its name. Durable only when the folder is synced. Blocks.
    Result<void> publish();

    const std::string& name() const noexcept { return name_; }
    const std::string& temporary_path() const noexcept { return temporary_; }
    std::int64_t bytes() const noexcept { return bytes_; }
    std::string sha256() const { return hash_.hex(); }

private:
    OutputFile(FileCalls& calls, int fd, std::string name, std::string path, std::string temporary);
    Result<void> flush();
    Error failed(const std::string& path);
    void close() noexcept;

    FileCalls* calls_;
    int fd_;
    std::string name_;
    std::string path_;
    std::string temporary_;  // empty: published, or moved away
    std::string buffer_;
    Sha256 hash_;
    std::int64_t bytes_ = 0;
    std::optional<Error> error_;
};

/// Removes what a crash has left of output files in a folder. Blocks. Errors: io_failed.
Result<void> remove_leftovers(const std::filesystem::path& folder);

}  // namespace eco2::batch
