#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace eco2::batch {

/// Makes a folder with what is missing above it, for good: also where a process made it and was killed before it was on the
/// disk. Blocks. Errors: io_failed.
Result<void> make_folder(const std::filesystem::path& folder);

/// The names in a folder are on the disk from here on. Blocks. Errors: io_failed.
Result<void> sync_folder(const std::filesystem::path& folder);

/// Writes a file of lines so that it is whole or not there: under a temporary name, synced, renamed, its folder synced.
///
/// Thread-safety: none. Blocks: writes a disk. A writer that is destroyed before commit takes its file away.
class LineFileWriter {
public:
    explicit LineFileWriter(std::filesystem::path path);
    ~LineFileWriter();
    LineFileWriter(const LineFileWriter&) = delete;
    LineFileWriter& operator=(const LineFileWriter&) = delete;

    /// `line` has no line end. A failure is kept for commit.
    void add(std::string_view line);

    struct Written {
        std::int64_t lines = 0;
        std::int64_t bytes = 0;
        std::string sha256;
    };
    /// Errors: io_failed, with the system's reason.
    Result<Written> commit();

private:
    void flush();

    const std::filesystem::path path_;
    std::filesystem::path temporary_;
    int fd_ = -1;
    std::string buffer_;
    Written written_;
    std::string trouble_;
};

/// Reads a file line by line from an offset on, in bounded memory.
///
/// Thread-safety: none. Blocks: reads a disk.
class LineFileReader {
public:
    /// Errors: io_failed.
    static Result<std::unique_ptr<LineFileReader>> open(const std::filesystem::path& path, std::int64_t offset);
    ~LineFileReader();

    struct Line {
        std::string_view text;     // without its line end, LF or CRLF. Lifetime: until the next call
        std::int64_t next = 0;     // offset behind it
        bool is_cut = false;       // the file ends without a line end
        bool is_too_long = false;  // only its beginning is here
    };
    /// False: the end. Errors: io_failed.
    Result<bool> next(Line& line);

private:
    LineFileReader(int fd, std::int64_t offset) : fd_(fd), offset_(offset) {}
    Result<bool> fill();

    const int fd_;
    std::int64_t offset_;  // of the buffer's first byte
    std::string buffer_;
    std::size_t used_ = 0;
    std::string head_;  // of a line that is too long
    bool is_at_end_ = false;
};

}  // namespace eco2::batch
