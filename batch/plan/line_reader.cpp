#include "batch/plan/line_reader.hpp"

#include "base/io_thread.hpp"

#include <sys/stat.h>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace eco2::batch {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr std::string_view kMark = "\xEF\xBB\xBF";

Error failed(const std::string& what) {
    return fail(Errc::io_failed, what + ": " + std::generic_category().message(errno));
}

}  // namespace

Result<LineReader> LineReader::open(const std::string& path, std::size_t line_bytes_max) {
    assert_may_block();
    // Without O_NONBLOCK a pipe in place of the file would hold us here for ever.
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return failed("cannot open " + path);
    }
    struct stat status {};
    if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        ::close(fd);
        return fail(Errc::io_failed, path + " is not a regular file");
    }
    LineReader reader(fd, status.st_size, line_bytes_max);
    if (auto filled = reader.fill(); !filled) {
        return filled.error();
    }
    if (reader.buffer_.starts_with(kMark)) {
        reader.begin_ = reader.scanned_ = kMark.size();
        reader.done_ = static_cast<std::int64_t>(kMark.size());
    }
    return reader;
}

LineReader::LineReader(LineReader&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      total_(other.total_),
      line_bytes_max_(other.line_bytes_max_),
      buffer_(std::move(other.buffer_)),
      begin_(other.begin_),
      scanned_(other.scanned_),
      line_(other.line_),
      done_(other.done_),
      is_at_end_(other.is_at_end_) {}

LineReader::~LineReader() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

Result<void> LineReader::fill() {
    buffer_.erase(0, begin_);
    scanned_ -= begin_;
    begin_ = 0;
    const auto size = buffer_.size();
    buffer_.resize(size + kReadBytes);
    ssize_t got = 0;
    do {
        got = ::read(fd_, buffer_.data() + size, kReadBytes);
    } while (got < 0 && errno == EINTR);
    const int error = errno;
    buffer_.resize(size + static_cast<std::size_t>(got > 0 ? got : 0));
    is_at_end_ = got <= 0;
    if (got < 0) {
        buffer_.clear();
        scanned_ = 0;
        errno = error;
        return failed("cannot read on");
    }
    return {};
}

Result<std::optional<std::string_view>> LineReader::next() {
    assert_may_block();
    bool is_too_long = false;
    for (;;) {
        const auto* begin = buffer_.data() + begin_;
        const auto* lf = static_cast<const char*>(std::memchr(buffer_.data() + scanned_, '\n', buffer_.size() - scanned_));
        const bool is_last = lf == nullptr && is_at_end_;
        const auto size = lf != nullptr ? static_cast<std::size_t>(lf - begin) : buffer_.size() - begin_;
        if (is_last && size == 0 && !is_too_long) {
            return std::optional<std::string_view>();
        }
        is_too_long = is_too_long || size > line_bytes_max_;
        if (lf != nullptr || is_last) {
            ++line_;
            begin_ += size + (lf != nullptr ? 1 : 0);
            scanned_ = begin_;
            done_ += static_cast<std::int64_t>(size + (lf != nullptr ? 1 : 0));
            if (is_too_long) {
                return fail(Errc::limit_exceeded,
                            "the line is longer than the " + std::to_string(line_bytes_max_) + " bytes that it may have");
            }
            return std::optional(std::string_view(begin, size));
        }
        scanned_ = buffer_.size();
        if (is_too_long) {
            done_ += static_cast<std::int64_t>(size);
            begin_ = scanned_;
        }
        if (auto filled = fill(); !filled) {
            return filled.error();
        }
    }
}

}  // namespace eco2::batch
