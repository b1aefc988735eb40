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
    const bool is_locked = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
    std::unique_ptr<Ownership> owned(new Ownership(fd));
    const auto owner = file.owner();
    if (!owner) {
        return owner.error();
    }
    // One lease more than it says: the other process measures its own by its own clock.
    const auto& [generation, pid, expires_ns] = owner.value();
    const bool has_lease = expires_ns + std::chrono::nanoseconds(lease).count() > clock.wall_ns();
    // Whoever holds the lock and no lease is about to begin, or about to go. Whoever took over from a frozen process has the
    // lease alone: when that process is awake again, or is ended, the lock is free and the jobs are not.
    if (is_locked ? pid < 0 && has_lease : has_lease || (expires_ns == 0 && pid >= 0)) {
        return std::unique_ptr<Ownership>();
    }
    auto acquired =
        file.acquire(is_locked ? ::getpid() : -::getpid(), clock.wall_ns() + std::chrono::nanoseconds(lease).count());
    return acquired ? Result<std::unique_ptr<Ownership>>(std::move(owned)) : acquired.error();
}

Ownership::~Ownership() {
    ::close(fd_);
}

}  // namespace eco2::batch
