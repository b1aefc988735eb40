#include "store/data_lock.hpp"

#include <sys/file.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace eco2::store {

Result<std::unique_ptr<DataLock>> DataLock::take(const std::filesystem::path& directory) {
    const auto path = (directory / "lock").string();
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail(Errc::io_failed, path + ": " + std::strerror(errno));
    }
    std::unique_ptr<DataLock> lock(new DataLock(fd));
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        std::string owner(32, '\0');
        const auto length = ::pread(fd, owner.data(), owner.size(), 0);
        owner.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
        return fail(Errc::config_invalid,
                    "another eco2 (process " + owner + ") uses the data directory " + directory.string() +
                        ": stop it or choose another with --data");
    }
    const auto owner = std::to_string(::getpid());
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, owner.data(), owner.size(), 0) < 0) {
        return fail(Errc::io_failed, path + ": " + std::strerror(errno));
    }
    return lock;
}

DataLock::~DataLock() {
    ::close(fd_);
}

}  // namespace eco2::store
