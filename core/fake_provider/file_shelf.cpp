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

}  // namespace

OpenFile::~OpenFile() {
    ::close(fd_);
}

Result<std::size_t> OpenFile::read(std::int64_t offset, char* out, std::size_t size) const {
    std::size_t got = 0;
    while (got < size) {
        const ssize_t count = ::pread(fd_, out + got, size - got, offset + static_cast<std::int64_t>(got));
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
    ::close(fd_);
    if (!path_.empty()) {
        std::error_code ignored;
        fs::remove(path_, ignored);
    }
}

Result<void> Draft::append(std::string_view bytes) {
    bytes_ += static_cast<std::int64_t>(bytes.size());
    if (pending_.empty() && bytes.size() >= kWriteBytes) {
        // Large pieces go past the buffer: an upload must not be in memory twice.
        while (!bytes.empty()) {
            const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
            if (count < 0 && errno != EINTR) {
                return io_error("cannot write a file");
            }
            bytes.remove_prefix(count > 0 ? static_cast<std::size_t>(count) : 0);
        }
        return {};
    }
    pending_ += bytes;
    return pending_.size() >= kWriteBytes ? flush() : Result<void>{};
}

Result<void> Draft::flush() {
    std::string_view rest = pending_;
    while (!rest.empty()) {
        const ssize_t count = ::write(fd_, rest.data(), rest.size());
        if (count < 0 && errno != EINTR) {
            return io_error("cannot write a file");
        }
        rest.remove_prefix(count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    pending_.clear();
    return {};
}

FileShelf::~FileShelf() {
    clear();
}

Result<void> FileShelf::make_directory() {
    if (!directory_.empty()) {
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
    directory_ = name;
    return {};
}

Result<std::unique_ptr<Draft>> FileShelf::begin() {
    const std::lock_guard lock(mutex_);
    if (Result<void> made = make_directory(); !made) {
        return made.error();
    }
    fs::path path = directory_ / std::to_string(++number_);
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return io_error("cannot make \"" + path.string() + "\"");
    }
    return std::make_unique<Draft>(fd, std::move(path));
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
    stored.path = std::exchange(draft->path_, {});
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

Result<std::shared_ptr<const OpenFile>> FileShelf::open(std::string_view id, std::int64_t now_ms) const {
    const std::optional<Stored> file = find(id, now_ms);
    if (!file) {
        return fail(Errc::not_found, "there is no such file; upload it again");
    }
    const int fd = ::open(file->path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return io_error("cannot open \"" + file->path.string() + "\"");
    }
    return std::make_shared<const OpenFile>(fd, file->object.bytes);
}

bool FileShelf::remove(std::string_view id) {
    const std::lock_guard lock(mutex_);
    const auto number = numbers_.find(id);
    if (number == numbers_.end()) {
        return false;
    }
    std::error_code ignored;
    fs::remove(files_.at(number->second).path, ignored);
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
    std::error_code ignored;
    if (!directory_.empty()) {
        fs::remove_all(directory_, ignored);
        directory_.clear();
    }
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

}  // namespace eco2::fake
