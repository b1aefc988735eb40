#include "net/deadline_wheel.hpp"

#include <algorithm>

namespace eco2::net {

void Deadline::set(Time time) {
    clear();
    if (time != Time::max()) {
        wheel_.add(*this, time);
    }
}

void Deadline::clear() noexcept {
    if (is_linked()) {
        unlink();
    }
}

void DeadlineWheel::add(Deadline& deadline, Time time) {
    const auto since_start = std::max(time - start_, Time::duration::zero());
    const std::int64_t whole = since_start / kTick;
    const std::int64_t tick = whole + (since_start % kTick != Time::duration::zero() ? 1 : 0);
    deadline.tick_ = std::max(tick, now_ + 1);
    slot_of(deadline.tick_).push_back(deadline);
    if (!is_turning_) {
        ask_at(deadline.tick_);
    }
}

void DeadlineWheel::turn_to(Time now) {
    const std::int64_t tick = std::max<std::int64_t>((now - start_) / kTick, now_);
    Slot due;
    // More than a turn later each slot is still looked at once.
    for (std::int64_t each = std::max(now_, tick - kSlots) + 1; each <= tick; ++each) {
        take_due(slot_of(each), tick, due);
    }
    now_ = tick;
    is_turning_ = true;
    while (!due.empty()) {
        Deadline& deadline = due.front();
        deadline.clear();
        deadline.user_.on_deadline();
    }
    is_turning_ = false;
    ask_for_next();
}

void DeadlineWheel::take_due(Slot& slot, std::int64_t tick, Slot& due) noexcept {
    for (auto each = slot.begin(); each != slot.end();) {
        Deadline& deadline = *each++;
        if (deadline.tick_ <= tick) {
            deadline.unlink();
            due.push_back(deadline);
        }
    }
}

void DeadlineWheel::ask_for_next() {
    asked_ = kNever;
    for (std::int64_t tick = now_ + 1; tick <= now_ + kSlots; ++tick) {
        if (!slot_of(tick).empty()) {
            return ask_at(tick);
        }
    }
}

void DeadlineWheel::ask_at(std::int64_t tick) {
    if (tick < asked_) {
        asked_ = tick;
        alarm_.ring_at(start_ + tick * kTick);
    }
}

}  // namespace eco2::net
