#pragma once

#include "base/result.hpp"
#include "fake_provider/batch_object.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::fake {

/// A directory that goes, with what is in it, when nobody has it any more.
class OwnDirectory {
public:
    explicit OwnDirectory(std::filesystem::path path) : path_(std::move(path)) {}
    ~OwnDirectory();
    OwnDirectory(const OwnDirectory&) = delete;
    OwnDirectory& operator=(const OwnDirectory&) = delete;

    const std::filesystem::path& path() const noexcept { return path_; }

private:
    const std::filesystem::path path_;
};

/// A whole file on the disk, which goes when nobody has it any more: who reads it may go on when it is deleted. It is opened
/// for each read, since more batches than a process may have open files can be under way.
///
/// Thread-safety: any thread.
class DiskFile {
public:
    DiskFile(std::shared_ptr<const OwnDirectory> directory, std::filesystem::path path, std::int64_t bytes)
        : directory_(std::move(directory)), path_(std::move(path)), bytes_(bytes) {}
    ~DiskFile();
    DiskFile(const DiskFile&) = delete;
    DiskFile& operator=(const DiskFile&) = delete;

    std::int64_t bytes() const noexcept { return bytes_; }
    /// How many bytes from `offset` on are now in `out`, which has room for `size`; less at the file's end.
    /// Blocks: reads a disk. Errors: io_failed.
    Result<std::size_t> read(std::int64_t offset, char* out, std::size_t size) const;

private:
    const std::shared_ptr<const OwnDirectory> directory_;  // shared by all files in it
    const std::filesystem::path path_;
    const std::int64_t bytes_;
};

/// A file that is being written; dropped, it never was. It holds memory between `append` and `flush` alone, and no descriptor.
///
/// Thread-safety: none.
class Draft {
public:
    Draft(std::shared_ptr<const OwnDirectory> directory, std::filesystem::path path)
        : directory_(std::move(directory)), path_(std::move(path)) {}
    ~Draft();
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;

    /// Blocks: may write a disk. Errors: io_failed.
    Result<void> append(std::string_view bytes);
    Result<void> flush();
    std::int64_t bytes() const noexcept { return bytes_; }

private:
    friend class FileShelf;
    Result<void> write(std::string_view bytes) const;

    const std::shared_ptr<const OwnDirectory> directory_;  // shared by all files in it
    std::filesystem::path path_;                           // empty: it is on the shelf
    std::string pending_;
    std::int64_t bytes_ = 0;
};

/// The files of the Files API: their bytes in a directory of its own, which goes with it.
///
/// Thread-safety: any thread.
/// Limits:        limits::kFakeFilesMax files.
class FileShelf {
public:
    /// `parent`: where its directory is made; empty: the system's place for temporary files. `tag`: a part of all ids.
    explicit FileShelf(std::filesystem::path parent, std::string tag = {}) : parent_(std::move(parent)), tag_(std::move(tag)) {}

    struct Stored {
        FileObject object;
        std::string kind;             // "input", "output", "error"
        std::int64_t made_at_ms = 0;  // of the fake's clock
        std::shared_ptr<const DiskFile> bytes = {};
    };

    /// Errors: io_failed, with the directory and what to do.
    Result<std::unique_ptr<Draft>> begin();
    /// Puts a draft on the shelf under a new id. `stored`: all but its id and bytes. Errors: io_failed, limit_exceeded.
    Result<FileObject> put(std::unique_ptr<Draft> draft, Stored stored);
    /// nullopt: unknown, deleted, or past its time.
    std::optional<Stored> find(std::string_view id, std::int64_t now_ms) const;
    bool remove(std::string_view id);
    /// Newest first.
    std::vector<Stored> list(std::int64_t now_ms) const;
    void clear();

private:
    Result<void> make_directory();  // under mutex_

    const std::filesystem::path parent_;
    const std::string tag_;
    mutable std::mutex mutex_;                       // guards what follows
    std::shared_ptr<const OwnDirectory> directory_;  // shared with its files; null: nothing was put into it
    std::uint64_t number_ = 0;
    std::map<std::uint64_t, Stored> files_;  // by number, which is time's order
    std::map<std::string, std::uint64_t, std::less<>> numbers_;
};

/// Reads a file line by line with one buffer, which `rest` gives back.
///
/// Thread-safety: none.
/// Limits:        limits::kFakeLineBytesMax a line.
class LineReader {
public:
    explicit LineReader(std::shared_ptr<const DiskFile> file) : file_(std::move(file)) {}

    /// The next line without its line feed; nullopt: there is none. Lifetime: until the next call.
    /// Blocks: reads a disk. Errors: io_failed, limit_exceeded (a line that is too long).
    Result<std::optional<std::string_view>> next();
    /// Holds no memory until the next call: thousands of batches wait at once, some with lines of megabytes.
    void rest();
    /// Of the line that came last, from 1.
    std::int64_t line() const noexcept { return line_; }

private:
    std::shared_ptr<const DiskFile> file_;
    std::string buffer_;
    std::size_t begin_ = 0;  // of what is not given out yet
    std::int64_t offset_ = 0;
    std::int64_t line_ = 0;
};

}  // namespace eco2::fake
