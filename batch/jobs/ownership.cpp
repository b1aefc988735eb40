#include "batch/jobs/ownership.hpp"

#include <unistd.h>

namespace eco2::batch {

Result<std::unique_ptr<Ownership>> Ownership::take(const std::filesystem::path& data_dir,
                                                   JobFile& file,
                                                   const Clock& clock,
                                                   std::chrono::milliseconds lease) {
    auto lock = FileLock::try_take(data_dir / "batch.lock");
    if (!lock) {
        return lock.error();
    }
    const bool is_locked = lock.value() != nullptr;
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
    if (!acquired) {
        return acquired.error();
    }
    return std::unique_ptr<Ownership>(new Ownership(std::move(lock.value())));
}

}  // namespace eco2::batch
