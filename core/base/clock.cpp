#include "base/clock.hpp"

namespace eco2 {
namespace {

class SystemClock final : public Clock {
public:
    Monotonic now() const noexcept override { return std::chrono::steady_clock::now(); }
    std::int64_t wall_ns() const noexcept override {
        return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    }
};

}  // namespace

const Clock& system_clock() noexcept {
    static const SystemClock clock;
    return clock;
}

}  // namespace eco2
