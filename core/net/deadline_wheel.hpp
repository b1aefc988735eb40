#pragma once

#include <boost/intrusive/list.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace eco2::net {

class DeadlineWheel;

/// Who is told that a deadline has passed. May then set, clear or destroy any deadline, also its own.
class DeadlineUser {
public:
    virtual void on_deadline() = 0;

protected:
    ~DeadlineUser() = default;
};

/// A moment at which its user is called once. Setting it again, to any time, costs a few pointers.
///
/// Thread-safety: its wheel's.
/// Lifetime:      a member of what it belongs to; destroying it clears it. Neither copied nor moved.
class Deadline : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    using Time = std::chrono::steady_clock::time_point;

    Deadline(DeadlineWheel& wheel, DeadlineUser& user) noexcept : wheel_(wheel), user_(user) {}
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

    /// Time::max() clears.
    void set(Time time);
    void clear() noexcept;
    bool is_set() const noexcept { return is_linked(); }

private:
    friend class DeadlineWheel;

    DeadlineWheel& wheel_;
    DeadlineUser& user_;
    std::int64_t tick_ = 0;
};

/// The deadlines of one thread, in coarse ticks, so that those of many connections are served in one wake-up. A hashed wheel:
/// what lies beyond one turn stays in its slot for as many turns as it needs.
///
/// A deadline is never early and up to one tick late, on top of how late the alarm rings. Does no I/O and reads no clock.
///
/// Thread-safety: none.
/// Lifetime:      outlives the use of its deadlines; they may be destroyed after it.
class DeadlineWheel {
public:
    using Time = Deadline::Time;
    static constexpr std::chrono::milliseconds kTick{50};

    /// Asked for whenever the wheel needs to be turned earlier than it last asked, and not at all while nobody waits.
    class Alarm {
    public:
        virtual void ring_at(Time time) = 0;

    protected:
        ~Alarm() = default;
    };

    DeadlineWheel(Time start, Alarm& alarm) noexcept : start_(start), alarm_(alarm) {}

    /// Calls everybody whose deadline has passed.
    void turn_to(Time now);

private:
    friend class Deadline;

    static constexpr std::int64_t kSlots = 256;  // 12.8 s a turn, 4 KiB
    static constexpr std::int64_t kNever = INT64_MAX;
    using Slot = boost::intrusive::list<Deadline, boost::intrusive::constant_time_size<false>>;

    Slot& slot_of(std::int64_t tick) noexcept { return slots_[static_cast<std::size_t>(tick % kSlots)]; }
    void add(Deadline& deadline, Time time);
    void take_due(Slot& slot, std::int64_t tick, Slot& due) noexcept;
    void ask_at(std::int64_t tick);
    void ask_for_next();

    const Time start_;
    Alarm& alarm_;
    std::array<Slot, kSlots> slots_;
    std::int64_t now_ = 0;  // the tick up to which all have been called
    std::int64_t asked_ = kNever;
    bool is_turning_ = false;
};

}  // namespace eco2::net
