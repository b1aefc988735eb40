#include "store/data_lock.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

namespace eco2::store {

Result<std::unique_ptr<DataLock>> DataLock::take(const std::filesystem::path& directory) {
    const auto path = directory / "lock";
    auto lock = FileLock::try_take(path);
    if (!lock) {
        return lock.error();
    }
    if (lock.value() == nullptr) {
        std::string owner;
        std::ifstream(path) >> owner;
        return fail(Errc::config_invalid,
                    "another eco2 (process " + owner + ") uses the data directory " + directory.string() +
                        ": stop it or choose another with --data");
    }
    const auto owner = std::to_string(::getpid());
    const int fd = lock.value()->fd();
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, owner.data(), owner.size(), 0) < 0) {
        return fail(Errc::io_failed, path.string() + ": " + std::strerror(errno));
    }
    return std::unique_ptr<DataLock>(new DataLock(std::move(lock.value())));
}

}  // namespace eco2::store
