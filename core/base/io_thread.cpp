#include "base/io_thread.hpp"

namespace eco2 {
namespace {
thread_local bool is_io_thread = false;
}

IoThreadMark::IoThreadMark() noexcept {
    is_io_thread = true;
}
IoThreadMark::~IoThreadMark() {
    is_io_thread = false;
}

bool on_io_thread() noexcept {
    return is_io_thread;
}

}  // namespace eco2
