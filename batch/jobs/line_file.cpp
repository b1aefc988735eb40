#include "batch/jobs/line_file.hpp"

#include "base/hash.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace eco2::batch {
namespace {

constexpr std::size_t kWriteBytes = 256 * 1024;
constexpr std::size_t kReadBytes = 256 * 1024;
constexpr std::size_t kHeadBytes = 200;                  // kept of a line that is too long
constexpr std::size_t kLineBytesMax = 48 * 1024 * 1024;  // a 40 MB answer has been seen; beyond it a line is no answer

std::string reason_of(const std::filesystem::path& path) {
    return path.string() + ": " + std::strerror(errno);
}

}  // namespace

Result<void> make_folder(const std::filesystem::path& folder) {
    std::error_code ec;
    std::filesystem::create_directories(folder, ec);
    if (ec) {
        return fail(Errc::io_failed, "cannot make " + folder.string() + ": " + ec.message());
    }
    // Ours are two levels below a directory that somebody chose.
    const auto above = folder.parent_path();
    auto synced = sync_folder(above);
    return synced ? sync_folder(above.parent_path()) : synced;
}

Result<void> sync_folder(const std::filesystem::path& folder) {
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool is_synced = fd >= 0 && ::fsync(fd) == 0;
    auto failure = is_synced ? std::string() : reason_of(folder);
    if (fd >= 0) {
        ::close(fd);
    }
    return is_synced ? Result<void>() : fail(Errc::io_failed, std::move(failure));
}

LineFileWriter::LineFileWriter(std::filesystem::path path) : path_(std::move(path)), temporary_(path_.string() + ".tmp") {
    fd_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd_ < 0) {
        trouble_ = reason_of(temporary_);
    }
}

LineFileWriter::~LineFileWriter() {
    if (fd_ >= 0) {
        ::close(fd_);
        ::unlink(temporary_.c_str());
    }
}

void LineFileWriter::add(std::string_view line) {
    buffer_ += line;
    buffer_ += '\n';
    ++written_.lines;
    if (buffer_.size() >= kWriteBytes) {
        flush();
    }
}

void LineFileWriter::flush() {
    std::string_view left = buffer_;
    while (trouble_.empty() && !left.empty()) {
        const auto count = ::write(fd_, left.data(), left.size());
        if (count < 0 && errno != EINTR) {
            trouble_ = reason_of(temporary_);
        } else if (count > 0) {
            left.remove_prefix(static_cast<std::size_t>(count));
            written_.bytes += count;
        }
    }
    buffer_.clear();
}

Result<LineFileWriter::Written> LineFileWriter::commit() {
    flush();
    if (trouble_.empty() && ::fsync(fd_) != 0) {
        // What a failed sync has left of the file nobody knows: it is never taken as written.
        trouble_ = reason_of(temporary_);
    }
    if (!trouble_.empty()) {
        return fail(Errc::io_failed, trouble_);
    }
    auto sha256 = sha256_hex_of_fd(fd_);
    if (!sha256) {
        return sha256.error();
    }
    written_.sha256 = std::move(sha256.value());
    ::close(fd_);
    fd_ = -1;
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
        return fail(Errc::io_failed, reason_of(path_));
    }
    auto synced = sync_folder(path_.parent_path());
    return synced ? Result<Written>(written_) : synced.error();
}

Result<std::unique_ptr<LineFileReader>> LineFileReader::open(const std::filesystem::path& path, std::int64_t offset) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fail(Errc::io_failed, reason_of(path));
    }
    return std::unique_ptr<LineFileReader>(new LineFileReader(fd, offset));
}

LineFileReader::~LineFileReader() {
    ::close(fd_);
}

Result<bool> LineFileReader::fill() {
    offset_ += static_cast<std::int64_t>(used_);
    buffer_.erase(0, used_);
    used_ = 0;
    const auto before = buffer_.size();
    buffer_.resize(before + kReadBytes);
    ssize_t count = 0;
    do {
        count = ::pread(fd_, buffer_.data() + before, kReadBytes, offset_ + static_cast<std::int64_t>(before));
    } while (count < 0 && errno == EINTR);
    buffer_.resize(before + static_cast<std::size_t>(count > 0 ? count : 0));
    if (count < 0) {
        return fail(Errc::io_failed, std::string("a result file cannot be read: ") + std::strerror(errno));
    }
    is_at_end_ = count == 0;
    return !is_at_end_;
}

Result<bool> LineFileReader::next(Line& line) {
    line = {};
    head_.clear();
    std::size_t searched = used_;
    for (;;) {
        const auto end = buffer_.find('\n', searched);
        if (end != std::string::npos || (is_at_end_ && (used_ < buffer_.size() || line.is_too_long))) {
            const auto stop = end == std::string::npos ? buffer_.size() : end;
            line.text = line.is_too_long ? std::string_view(head_) : std::string_view(buffer_).substr(used_, stop - used_);
            line.is_cut = end == std::string::npos;
            if (line.text.ends_with('\r')) {
                line.text.remove_suffix(1);
            }
            used_ = end == std::string::npos ? stop : stop + 1;
            line.next = offset_ + static_cast<std::int64_t>(used_);
            return true;
        }
        if (is_at_end_) {
            return false;
        }
        if (buffer_.size() - used_ > kLineBytesMax) {
            // Its end is looked for without keeping the rest.
            if (!std::exchange(line.is_too_long, true)) {
                head_ = buffer_.substr(used_, kHeadBytes);
            }
            used_ = buffer_.size();
        }
        searched = buffer_.size() - used_;
        if (auto filled = fill(); !filled) {
            return filled.error();
        }
    }
}

}  // namespace eco2::batch
