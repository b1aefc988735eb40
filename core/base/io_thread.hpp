#pragma once

#include "base/assert.hpp"

namespace eco2 {

/// Marks the calling thread as one that must never block, for as long as the object lives.
///
/// Thread-safety: one per thread.
class IoThreadMark {
public:
    IoThreadMark() noexcept;
    ~IoThreadMark();
    IoThreadMark(const IoThreadMark&) = delete;
    IoThreadMark& operator=(const IoThreadMark&) = delete;
};

bool on_io_thread() noexcept;

/// Stands first in every function of ours that may block.
inline void assert_may_block() noexcept {
    ECO2_ASSERT(!on_io_thread(), "blocking work belongs on a pool");
}

}  // namespace eco2
