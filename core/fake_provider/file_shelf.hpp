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

/// A file that is open for reading; it stays readable when it is deleted.
///
/// Thread-safety: any thread.
class OpenFile {
public:
    OpenFile(int fd, std::int64_t bytes) : fd_(fd), bytes_(bytes) {}
    ~OpenFile();
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;

    std::int64_t bytes() const noexcept { return bytes_; }
    /// How many bytes from `offset` on are now in `out`, which has room for `size`; less at the file's end.
    /// Blocks: reads a disk. Errors: io_failed.
    Result<std::size_t> read(std::int64_t offset, char* out, std::size_t size) const;

private:
    const int fd_;
    const std::int64_t bytes_;
};

/// A file that is being written; dropped, it never was.
///
/// Thread-safety: none.
class Draft {
public:
    Draft(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}
    ~Draft();
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;

    /// Blocks: may write a disk. Errors: io_failed.
    Result<void> append(std::string_view bytes);
    Result<void> flush();
    std::int64_t bytes() const noexcept { return bytes_; }

private:
    friend class FileShelf;
    const int fd_;
    std::filesystem::path path_;  // empty: it is on the shelf
    std::string pending_;
    std::int64_t bytes_ = 0;
};

/// The files of the Files API: their bytes in a directory of its own, which goes with it.
///
/// Thread-safety: any thread.
/// Limits:        limits::kFakeFilesMax files.
class FileShelf {
public:
    /// `parent`: where its directory is made; empty: the system's place for temporary files.  `tag`: a part of all ids.
    explicit FileShelf(std::filesystem::path parent, std::string tag = {}) : parent_(std::move(parent)), tag_(std::move(tag)) {}
    ~FileShelf();
    FileShelf(const FileShelf&) = delete;
    FileShelf& operator=(const FileShelf&) = delete;

    struct Stored {
        FileObject object;
        std::string kind;             // "input", "output", "error"
        std::int64_t made_at_ms = 0;  // of the fake's clock
        std::filesystem::path path;
    };

    /// Errors: io_failed, with the directory and what to do.
    Result<std::unique_ptr<Draft>> begin();
    /// Puts a draft on the shelf under a new id. `stored`: all but id, bytes and path. Errors: io_failed, limit_exceeded.
    Result<FileObject> put(std::unique_ptr<Draft> draft, Stored stored);
    /// nullopt: unknown, deleted, or past its time.
    std::optional<Stored> find(std::string_view id, std::int64_t now_ms) const;
    /// Errors: not_found, io_failed.
    Result<std::shared_ptr<const OpenFile>> open(std::string_view id, std::int64_t now_ms) const;
    bool remove(std::string_view id);
    /// Newest first.
    std::vector<Stored> list(std::int64_t now_ms) const;
    void clear();

private:
    Result<void> make_directory();  // under mutex_

    const std::filesystem::path parent_;
    const std::string tag_;
    mutable std::mutex mutex_;  // guards what follows
    std::filesystem::path directory_;
    std::uint64_t number_ = 0;
    std::map<std::uint64_t, Stored> files_;  // by number, which is time's order
    std::map<std::string, std::uint64_t, std::less<>> numbers_;
};

/// Reads a file line by line with one buffer.
///
/// Thread-safety: none.
/// Limits:        limits::kFakeLineBytesMax a line.
class LineReader {
public:
    explicit LineReader(std::shared_ptr<const OpenFile> file) : file_(std::move(file)) {}

    /// The next line without its line feed; nullopt: there is none. Lifetime: until the next call.
    /// Blocks: reads a disk. Errors: io_failed, limit_exceeded (a line that is too long).
    Result<std::optional<std::string_view>> next();
    /// Of the line that came last, from 1.
    std::int64_t line() const noexcept { return line_; }

private:
    std::shared_ptr<const OpenFile> file_;
    std::string buffer_;
    std::size_t begin_ = 0;  // of what is not given out yet
    std::int64_t offset_ = 0;
    std::int64_t line_ = 0;
};

}  // namespace eco2::fake
