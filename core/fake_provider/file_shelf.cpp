#include "fake_provider/file_shelf.hpp"

#include "base/limits.hpp"

#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace eco2::fake {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kWriteBytes = 256 * 1024;
constexpr std::size_t kReadBytes = 256 * 1024;

Error io_error(std::string_view what) {
    return fail(Errc::io_failed,
                std::string(what) + ": " + std::strerror(errno) + "; check TMPDIR or --batch-dir and its free space");
}

bool is_past(const FileShelf::Stored& file, std::int64_t now_ms) {
    return file.object.expires_at && *file.object.expires_at * 1000 <= now_ms;
}

struct OpenFd {
    OpenFd(const fs::path& path, int flags) : fd(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
    ~OpenFd() {
        if (fd >= 0) {
            ::close(fd);
        }
    }
    OpenFd(const OpenFd&) = delete;
    OpenFd& operator=(const OpenFd&) = delete;

    const int fd;  // negative: see errno
};

}  // namespace

OwnDirectory::~OwnDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

DiskFile::~DiskFile() {
    std::error_code ignored;
    fs::remove(path_, ignored);
}

Result<std::size_t> DiskFile::read(std::int64_t offset, char* out, std::size_t size) const {
    const OpenFd file(path_, O_RDONLY);
    if (file.fd < 0) {
        return io_error("cannot open a stored file");
    }
    std::size_t got = 0;
    while (got < size) {
        const ssize_t count = ::pread(file.fd, out + got, size - got, offset + static_cast<std::int64_t>(got));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return io_error("cannot read a stored file");
        }
        if (count == 0) {
            break;
        }
        got += static_cast<std::size_t>(count);
    }
    return got;
}

Draft::~Draft() {
    if (!path_.empty()) {
        std::error_code ignored;
        fs::remove(path_, ignored);
    }
}

Result<void> Draft::append(std::string_view bytes) {
    bytes_ += static_cast<std::int64_t>(bytes.size());
    // Large pieces go past the buffer: an upload must not be in memory twice.
    if (pending_.empty() && bytes.size() >= kWriteBytes) {
        return write(bytes);
    }
    pending_ += bytes;
    return pending_.size() >= kWriteBytes ? flush() : Result<void>{};
}

Result<void> Draft::flush() {
    return write(std::exchange(pending_, {}));
}

Result<void> Draft::write(std::string_view bytes) const {
    if (bytes.empty()) {
        return {};
    }
    const OpenFd file(path_, O_WRONLY | O_APPEND);
    if (file.fd < 0) {
        return io_error("cannot open a file that is being written");
    }
    while (!bytes.empty()) {
        const ssize_t count = ::write(file.fd, bytes.data(), bytes.size());
        if (count < 0 && errno != EINTR) {
            return io_error("cannot write a file");
        }
        bytes.remove_prefix(count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    return {};
}

Result<void> FileShelf::make_directory() {
    if (directory_) {
        return {};
    }
    std::error_code ec;
    const fs::path parent = parent_.empty() ? fs::temp_directory_path(ec) : parent_;
    if (ec) {
        return fail(Errc::io_failed, "no directory for temporary files: " + ec.message() + "; set TMPDIR or --batch-dir");
    }
    std::string name = (parent / "eco2-fake-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
        return io_error("cannot make a directory in \"" + parent.string() + "\"");
    }
    directory_ = std::make_shared<const OwnDirectory>(std::move(name));
    return {};
}

Result<std::unique_ptr<Draft>> FileShelf::begin() {
    const std::lock_guard lock(mutex_);
    if (Result<void> made = make_directory(); !made) {
        return made.error();
    }
    fs::path path = directory_->path() / std::to_string(++number_);
    const OpenFd file(path, O_WRONLY | O_CREAT | O_EXCL);
    if (file.fd < 0) {
        return io_error("cannot make \"" + path.string() + "\"");
    }
    return std::make_unique<Draft>(directory_, std::move(path));
}

Result<FileObject> FileShelf::put(std::unique_ptr<Draft> draft, Stored stored) {
    if (Result<void> flushed = draft->flush(); !flushed) {
        return flushed.error();
    }
    const std::lock_guard lock(mutex_);
    if (files_.size() >= limits::kFakeFilesMax) {
        return fail(Errc::limit_exceeded,
                    "the fake keeps " + std::to_string(limits::kFakeFilesMax) + " files; delete some, or POST /fake/reset");
    }
    const std::uint64_t number = ++number_;
    std::array<char, 24> digits{};
    std::snprintf(digits.data(), digits.size(), "%08llx", static_cast<unsigned long long>(number));
    stored.object.id = "file-fake" + tag_ + digits.data();
    stored.object.bytes = draft->bytes();
    stored.bytes = std::make_shared<const DiskFile>(draft->directory_, std::exchange(draft->path_, {}), draft->bytes());
    const FileObject out = stored.object;
    numbers_.emplace(stored.object.id, number);
    files_.emplace(number, std::move(stored));
    return out;
}

std::optional<FileShelf::Stored> FileShelf::find(std::string_view id, std::int64_t now_ms) const {
    const std::lock_guard lock(mutex_);
    const auto number = numbers_.find(id);
    if (number == numbers_.end() || is_past(files_.at(number->second), now_ms)) {
        return std::nullopt;
    }
    return files_.at(number->second);
}

bool FileShelf::remove(std::string_view id) {
    const std::lock_guard lock(mutex_);
    const auto number = numbers_.find(id);
    if (number == numbers_.end()) {
        return false;
    }
    files_.erase(number->second);
    numbers_.erase(number);
    return true;
}

std::vector<FileShelf::Stored> FileShelf::list(std::int64_t now_ms) const {
    const std::lock_guard lock(mutex_);
    std::vector<Stored> out;
    for (auto file = files_.rbegin(); file != files_.rend(); ++file) {
        if (!is_past(file->second, now_ms)) {
            out.push_back(file->second);
        }
    }
    return out;
}

void FileShelf::clear() {
    const std::lock_guard lock(mutex_);
    files_.clear();
    numbers_.clear();
    directory_.reset();
}

Result<std::optional<std::string_view>> LineReader::next() {
    std::size_t searched = begin_;
    for (;;) {
        const std::size_t end = buffer_.find('\n', searched);
        if (end != std::string::npos) {
            const std::string_view line = std::string_view(buffer_).substr(begin_, end - begin_);
            begin_ = end + 1;
            ++line_;
            return std::optional(line);
        }
        if (buffer_.size() - begin_ > limits::kFakeLineBytesMax) {
            return fail(Errc::limit_exceeded,
                        "line " + std::to_string(line_ + 1) + " is longer than " + std::to_string(limits::kFakeLineBytesMax) +
                            " bytes; make its images smaller");
        }
        buffer_.erase(0, std::exchange(begin_, 0));
        searched = buffer_.size();
        const std::size_t step = std::max(kReadBytes, searched);  // doubled, so that a long line is copied a few times only
        buffer_.resize(searched + step);
        const Result<std::size_t> got = file_->read(offset_, buffer_.data() + searched, step);
        if (!got) {
            return got.error();
        }
        buffer_.resize(searched + *got);
        offset_ += static_cast<std::int64_t>(*got);
        if (*got == 0) {
            if (buffer_.empty()) {
                return std::optional<std::string_view>();
            }
            begin_ = buffer_.size();  // the last line, without a line feed
            ++line_;
            return std::optional(std::string_view(buffer_));
        }
    }
}

void LineReader::rest() {
    offset_ -= static_cast<std::int64_t>(buffer_.size() - begin_);
    std::string().swap(buffer_);
    begin_ = 0;
}

}  // namespace eco2::fake
