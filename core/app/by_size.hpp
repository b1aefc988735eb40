#pragma once

#include "base/executor.hpp"
#include "base/limits.hpp"

#include <cstddef>
#include <utility>

namespace eco2::app {

/// `work` on a body and `then` what follows: at once where the body is small, else on the blocking pool, since megabytes of
/// base64 would hold up everybody else on this I/O thread. `then` runs on the calling thread; neither does when the host stops.
///
/// False: the pool is full, nothing will run.
template <class Work, class Then>
bool run_by_size(Executor& executor, std::size_t bytes, Work work, Then then) {
    if (bytes <= limits::kInlineParseBytesMax) {
        work();
        then();
        return true;
    }
    return executor.run_blocking(
        [work = std::move(work)](TaskFate fate) mutable {
            if (fate == TaskFate::due) {
                work();
            }
        },
        [then = std::move(then)](TaskFate fate) mutable {
            if (fate == TaskFate::due) {
                then();
            }
        });
}

}  // namespace eco2::app
