#include "batch/wire/patience.hpp"

#include "batch/limits.hpp"

#include <algorithm>
#include <utility>

namespace eco2::batch {
namespace {

using std::chrono::milliseconds;

milliseconds since(Patience::Clock::time_point from) noexcept {
    return std::chrono::duration_cast<milliseconds>(Patience::Clock::now() - from);
}

}  // namespace

std::string seconds_text(milliseconds time) {
    const auto tenths = time.count() / 100;
    return std::to_string(tenths / 10) + (tenths % 10 != 0 ? "." + std::to_string(tenths % 10) : "") + " s";
}

Patience::Patience(const Transport::Hooks& hooks, std::string what, milliseconds all_max, milliseconds idle_max)
    : hooks_(hooks), what_(std::move(what)), all_max_(all_max), idle_max_(idle_max) {}

std::optional<WireBreak> Patience::check() {
    if (!asked_at_ || since(*asked_at_) >= limits::kBatchAskInterval) {
        asked_at_ = Clock::now();
        if (hooks_.may_go_on && !hooks_.may_go_on(file_bytes_)) {
            return WireBreak{"stopped", true};
        }
    }
    if (since(began_at_) >= all_max_) {
        return WireBreak{what_ + " took longer than " + seconds_text(all_max_)};
    }
    if (since(moved_at_) >= idle_max_) {
        return WireBreak{"no byte came or went for " + seconds_text(idle_max_)};
    }
    return std::nullopt;
}

milliseconds Patience::slice() const noexcept {
    const milliseconds until_asked = asked_at_ ? limits::kBatchAskInterval - since(*asked_at_) : milliseconds(0);
    return std::max(milliseconds(0), std::min({until_asked, left(), idle_max_ - since(moved_at_)}));
}

milliseconds Patience::left() const noexcept {
    return std::max(milliseconds(0), all_max_ - since(began_at_));
}

}  // namespace eco2::batch
