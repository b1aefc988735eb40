#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eco2::batch {

/// Reads a file line by line, in memory of one line.
///
/// A byte order mark at the start is passed over. The last line needs no line end.
///
/// Thread-safety: none. Blocks: reads the file.
class LineReader {
public:
    /// Errors: io_failed (not there, no right to read it, not a regular file).
    static Result<LineReader> open(const std::string& path, std::size_t line_bytes_max);
    LineReader(LineReader&& other) noexcept;
    LineReader& operator=(LineReader&&) = delete;
    ~LineReader();

    /// The next line without its LF; a CR before that stays. None: the end.
    /// Lifetime: until the next call.
    /// Errors:   limit_exceeded (a line that is too long; it is passed over without being kept, and the next call goes on
    /// behind
    ///           it), io_failed (the next call is the end).
    Result<std::optional<std::string_view>> next();

    /// Of the line that `next` gave last, from 1.
    std::int64_t line() const noexcept { return line_; }
    std::int64_t done() const noexcept { return done_; }    // bytes, up to the end of that line
    std::int64_t total() const noexcept { return total_; }  // bytes, when it was opened

private:
    LineReader(int fd, std::int64_t total, std::size_t line_bytes_max) noexcept
        : fd_(fd), total_(total), line_bytes_max_(line_bytes_max) {}
    Result<void> fill();

    int fd_;
    std::int64_t total_;
    std::size_t line_bytes_max_;
    std::string buffer_;
    std::size_t begin_ = 0;    // of the line in the buffer
    std::size_t scanned_ = 0;  // no LF between `begin_` and here
    std::int64_t line_ = 0;
    std::int64_t done_ = 0;
    bool is_at_end_ = false;
};

}  // namespace eco2::batch
