#include "batch/report/output_file.hpp"

#include "base/io_thread.hpp"

#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace eco2::batch {
namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr int kMode = 0644;

}  // namespace

int FileCalls::create(const char* path) noexcept {
    return ::open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode);
}

ssize_t FileCalls::write(int fd, const void* bytes, std::size_t size) noexcept {
    return ::write(fd, bytes, size);
}

int FileCalls::sync(int fd) noexcept {
    return ::fsync(fd);
}

int FileCalls::rename(const char* from, const char* to) noexcept {
    return ::rename(from, to);
}

FileCalls& FileCalls::real() noexcept {
    static FileCalls calls;
    return calls;
}

Result<OutputFile> OutputFile::create(FileCalls& calls, const std::filesystem::path& folder, const std::string& name) {
    assert_may_block();
    auto temporary = (folder / (std::string(kTemporaryPrefix) + name + std::string(kTemporarySuffix))).string();
    const int fd = calls.create(temporary.c_str());
    if (fd < 0) {
        return fail(Errc::io_failed, "cannot create " + temporary + ": " + std::generic_category().message(errno));
    }
    return OutputFile(calls, fd, name, (folder / name).string(), std::move(temporary));
}

OutputFile::OutputFile(FileCalls& calls, int fd, std::string name, std::string path, std::string temporary)
    : calls_(&calls), fd_(fd), name_(std::move(name)), path_(std::move(path)), temporary_(std::move(temporary)) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : calls_(other.calls_),
      fd_(std::exchange(other.fd_, -1)),
      name_(std::move(other.name_)),
      path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      buffer_(std::move(other.buffer_)),
      hash_(std::move(other.hash_)),
      bytes_(other.bytes_),
      error_(std::move(other.error_)) {}

OutputFile::~OutputFile() {
    close();
    if (!temporary_.empty()) {
        ::unlink(temporary_.c_str());
    }
}

void OutputFile::close() noexcept {
    if (fd_ >= 0) {
        ::close(std::exchange(fd_, -1));
    }
}

Error OutputFile::failed(const std::string& path) {
    error_ = fail(Errc::io_failed, "cannot write " + path + ": " + std::generic_category().message(errno));
    return *error_;
}

Result<void> OutputFile::write(std::string_view bytes) {
    if (error_) {
        return *error_;
    }
    hash_.update(bytes);
    bytes_ += static_cast<std::int64_t>(bytes.size());
    buffer_ += bytes;
    return buffer_.size() < kBufferBytes ? Result<void>() : flush();
}

Result<void> OutputFile::flush() {
    assert_may_block();
    std::string_view rest = buffer_;
    while (!rest.empty()) {
        const auto written = calls_->write(fd_, rest.data(), rest.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            errno = written == 0 ? EIO : errno;
            return failed(temporary_);
        }
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    buffer_.clear();
    return {};
}

Result<void> OutputFile::finish() {
    if (error_) {
        return *error_;
    }
    if (auto flushed = flush(); !flushed) {
        return flushed;
    }
    if (calls_->sync(fd_) != 0) {
        return failed(temporary_);
    }
    close();
    return {};
}

Result<void> OutputFile::publish() {
    assert_may_block();
    if (error_) {
        return *error_;
    }
    if (calls_->rename(temporary_.c_str(), path_.c_str()) != 0) {
        return failed(path_);
    }
    temporary_.clear();
    return {};
}

Result<void> remove_leftovers(const std::filesystem::path& folder) {
    assert_may_block();
    std::error_code ec;
    std::filesystem::directory_iterator entries(folder, ec);
    for (; !ec && entries != std::filesystem::directory_iterator(); entries.increment(ec)) {
        const auto name = entries->path().filename().string();
        if (name.starts_with(OutputFile::kTemporaryPrefix) && name.ends_with(OutputFile::kTemporarySuffix)) {
            ::unlink(entries->path().c_str());  // one that stays shows when it is to be created anew
        }
    }
    if (ec) {
        return fail(Errc::io_failed, "cannot read the folder " + folder.string() + ": " + ec.message());
    }
    return {};
}

}  // namespace eco2::batch
