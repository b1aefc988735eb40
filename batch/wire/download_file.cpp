#include "batch/wire/download_file.hpp"

#include "base/text.hpp"
#include "batch/wire/content_range.hpp"

#include <sys/stat.h>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

namespace eco2::batch {
namespace {

std::string_view field(const DownloadFile::Headers& headers, std::string_view name) noexcept {
    for (const auto& [each, value] : headers) {
        if (each == name) {
            return value;
        }
    }
    return {};
}

// A new name is durable only with its folder.
bool sync_folder_of(const std::filesystem::path& file) {
    const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    const bool is_synced = ::fsync(fd) == 0;
    ::close(fd);
    return is_synced;
}

}  // namespace

DownloadFile::~DownloadFile() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

bool DownloadFile::open(const std::filesystem::path& file) {
    path_ = file;
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd_ < 0) {
        return errno == ENOENT || disk_fault("open");
    }
    struct stat now {};
    if (::fstat(fd_, &now) != 0) {
        return disk_fault("open");
    }
    size_ = now.st_size;
    return true;
}

bool DownloadFile::create() {
    if (fd_ < 0) {
        fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    return fd_ >= 0 || disk_fault("create");
}

DownloadFile::Use DownloadFile::begin(int status, const Headers& headers) {
    if (status == 416) {
        const auto range = parse_content_range(field(headers, "content-range"));
        return range && range->first < 0 && range->total == size_ && size_ > 0 ? Use::is_whole : Use::not_for_it;
    }
    if (status != 200 && status != 206) {
        return Use::not_for_it;
    }
    const std::string encoding = to_lower_ascii(trim(field(headers, "content-encoding")));
    if (!encoding.empty() && encoding != "identity") {
        refuse("the provider sent the file compressed (" + shorten(encoding, 40) + "), which was not asked for");
        return Use::cannot_take;
    }
    if (status == 206) {
        return begin_part(headers);
    }
    return create() && (size_ == 0 || empty_it()) ? Use::takes_body : Use::cannot_take;
}

DownloadFile::Use DownloadFile::begin_part(const Headers& headers) {
    const std::string_view told = field(headers, "content-range");
    const auto range = parse_content_range(told);
    if (!range || range->first != size_) {
        refuse("the provider was asked for the bytes from " + std::to_string(size_) + " on and sent \"" + shorten(told, 80) +
               "\"");
        return Use::cannot_take;
    }
    size_promised_ = range->last + 1;
    size_of_all_ = range->total;
    return create() ? Use::takes_body : Use::cannot_take;
}

bool DownloadFile::empty_it() {
    if (::ftruncate(fd_, 0) != 0) {
        return disk_fault("empty");
    }
    size_ = 0;
    return true;
}

bool DownloadFile::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::pwrite(fd_, bytes.data(), bytes.size(), size_);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return disk_fault("write");
        }
        size_ += written;
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

bool DownloadFile::finish() {
    if (size_promised_ >= 0 && size_ != size_promised_) {
        return refuse("the provider promised the bytes up to " + std::to_string(size_promised_) + " and sent those up to " +
                      std::to_string(size_));
    }
    if (size_of_all_ > size_) {
        return refuse("only the bytes up to " + std::to_string(size_) + " of " + std::to_string(size_of_all_) + " came");
    }
    if (::fsync(fd_) != 0) {
        const bool failed = disk_fault("sync");
        // What was written may be lost although it can still be read: a later sync would not tell.
        [[maybe_unused]] const bool is_emptied = ::ftruncate(fd_, 0) == 0;
        return failed;
    }
    return sync_folder_of(path_) || disk_fault("sync the folder of");
}

bool DownloadFile::refuse(std::string why) {
    detail_ = std::move(why);
    return false;
}

bool DownloadFile::disk_fault(const char* what) {
    const int code = errno;
    is_disk_fault_ = true;
    detail_ = std::string("cannot ") + what + " " + path_.string() + ": " + std::generic_category().message(code);
    if (code == ENOSPC || code == EDQUOT) {
        detail_ += "; make room, then go on: what has come is kept";
    }
    return false;
}

}  // namespace eco2::batch
