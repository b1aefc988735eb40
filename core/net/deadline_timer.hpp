#pragma once

#include "net/deadline_wheel.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace eco2::net {

/// Turns a wheel by one timer of its thread's loop, which runs only while somebody waits.
///
/// Thread-safety: its I/O thread.
/// Lifetime:      destroyed before the context, and not from inside the loop.
class DeadlineTimer final : private DeadlineWheel::Alarm {
public:
    explicit DeadlineTimer(boost::asio::io_context& context)
        : timer_(context), wheel_(std::chrono::steady_clock::now(), *this) {}

    DeadlineWheel& wheel() noexcept { return wheel_; }

private:
    void ring_at(Deadline::Time time) override {
        timer_.expires_at(time);
        timer_.async_wait([this](const boost::system::error_code& ec) {
            if (!ec) {
                wheel_.turn_to(std::chrono::steady_clock::now());
            }
        });
    }

    boost::asio::steady_timer timer_;
    DeadlineWheel wheel_;
};

}  // namespace eco2::net
