#include "base/file_lock.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace eco2 {

Result<std::unique_ptr<FileLock>> FileLock::try_take(const std::filesystem::path& path, std::optional<std::uint64_t> byte) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail(Errc::io_failed, path.string() + ": " + std::strerror(errno));
    }
    std::unique_ptr<FileLock> lock(new FileLock(fd));
    // Of the open file, not of the process: any close() of the same file would let go of the latter.
    struct flock wanted {};
    wanted.l_type = F_WRLCK;
    wanted.l_whence = SEEK_SET;
    wanted.l_start = byte ? static_cast<off_t>(*byte >> 1U) : 0;
    wanted.l_len = byte ? 1 : 0;
    int held = 0;
    do {
        held = ::fcntl(fd, F_OFD_SETLK, &wanted);
    } while (held != 0 && errno == EINTR);
    if (held != 0 && (errno == EAGAIN || errno == EACCES)) {
        return std::unique_ptr<FileLock>();
    }
    if (held != 0) {
        return fail(Errc::io_failed, path.string() + ": " + std::strerror(errno));
    }
    return lock;
}

FileLock::~FileLock() {
    ::close(fd_);
}

}  // namespace eco2
