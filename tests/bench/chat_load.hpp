#pragma once

#include "base/executor.hpp"
#include "bench/chat_check.hpp"
#include "bench/samples.hpp"
#include "model/http_client.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace eco2::bench {

/// What is sent, how often, and what must come back. Lifetime: outlives the load; not changed while it runs.
struct ChatPlan {
    struct Kind {
        std::string body;
        ChatCheck::Expected expected;
    };
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    std::vector<Kind> kinds;                   // sent in turn
    int connections = 10;                      // closed loop: calls at once; open loop: at most so many
    double rate = 0;                           // open loop: calls a second, evenly; 0: closed loop
    std::chrono::milliseconds limit{130'000};  // a call that takes longer is late
    std::chrono::nanoseconds warm_up{0};
    std::chrono::nanoseconds window{0};  // after it
};

/// What came of it. `outcomes` counts every call; the times are of good calls that began after the warm-up.
struct ChatTally {
    std::uint64_t started = 0;
    std::uint64_t not_started = 0;  // open loop: every connection was busy; what is measured is then not what was asked for
    std::array<std::uint64_t, 5> outcomes{};  // by ChatOutcome
    std::uint64_t ended_in_window = 0;        // good ones
    Samples first_content_ms;
    Samples total_ms;
    Samples gaps_ms;
    std::vector<std::string> faults;                              // the first few that are not clean errors
    std::unordered_map<std::string, std::uint64_t> clean_errors;  // how often each was told

    std::uint64_t count(ChatOutcome outcome) const { return outcomes.at(static_cast<std::size_t>(outcome)); }
};

/// Calls to one URL for a while. In the open loop a call's time begins when it was due, so that a slow answer to one does not
/// hide what the next would have waited.
///
/// Thread-safety: the I/O thread that starts it; is_over: any thread; the tally: once it is over.
/// Lifetime:      until the threads have stopped.
class ChatLoad {
public:
    using Clock = std::chrono::steady_clock;

    ChatLoad(const ChatPlan& plan, HttpClientDoor& client, Executor& executor);
    ~ChatLoad();

    void start();
    bool is_over() const noexcept { return is_over_.load(); }
    const ChatTally& tally() const noexcept { return tally_; }

private:
    class OneCall;

    void start_due();
    void start_one(Clock::time_point due, std::size_t lane);
    void on_end(std::uint64_t id, ChatOutcome outcome);
    void record(const OneCall& call, ChatOutcome outcome);
    void end_if_idle();

    const ChatPlan& plan_;
    HttpClientDoor& client_;
    Executor& executor_;
    Clock::time_point begin_{};
    Clock::time_point window_start_{};
    Clock::time_point window_end_{};
    std::uint64_t next_id_ = 0;
    std::uint64_t due_ = 0;  // open loop: how many were due so far
    std::unordered_map<std::uint64_t, std::unique_ptr<OneCall>> calls_;
    std::vector<std::unique_ptr<Timer>> next_calls_;  // closed loop: of each connection; open loop: one for all
    ChatTally tally_;
    std::atomic<bool> is_over_ = false;
};

}  // namespace eco2::bench
