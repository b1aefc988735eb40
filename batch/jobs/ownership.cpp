#include "batch/jobs/ownership.hpp"

#include <sys/file.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace eco2::batch {

Result<std::unique_ptr<Ownership>> Ownership::take(const std::filesystem::path& data_dir,
                                                   JobFile& file,
                                                   const Clock& clock,
                                                   std::chrono::milliseconds lease) {
    const auto path = (data_dir / "batch.lock").string();
    int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail(Errc::io_failed, path + ": " + std::strerror(errno));
    }
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ::close(fd);
        fd = -1;
        const auto owner = file.owner();
        if (!owner) {
            return owner.error();
        }
        // One lease more than it says: the other process measures its own by its own clock.
        if (owner.value().expires_ns + std::chrono::nanoseconds(lease).count() > clock.wall_ns() ||
            owner.value().expires_ns == 0) {
            return std::unique_ptr<Ownership>();
        }
    }
    std::unique_ptr<Ownership> owned(new Ownership(fd));
    auto acquired = file.acquire(::getpid(), clock.wall_ns() + std::chrono::nanoseconds(lease).count());
    return acquired ? Result<std::unique_ptr<Ownership>>(std::move(owned)) : acquired.error();
}

Ownership::~Ownership() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

}  // namespace eco2::batch
