#pragma once

#include "base/executor.hpp"
#include "bench/samples.hpp"
#include "bench/stream_check.hpp"
#include "model/http_client.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace eco2::bench {

/// What all users do. Lifetime: outlives them; not changed while they run.
struct LoadPlan {
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    /// The bodies of one run's requests, sent one after the other. {{hex}} becomes 32 hex digits that differ from run to run.
    std::vector<std::string> bodies;
    bool expects_frames = true;  // classify/completion; false: any 200 will do
    std::chrono::milliseconds poll{
        0};  // not 0: the answer is 202 with a result_url, which is asked for so often until it is there
    bool has_own_user_id = false;
    std::chrono::milliseconds think{0};
    std::chrono::milliseconds run_limit{0};  // a run that takes longer has failed
};

/// What the users of one I/O thread have seen. Read by others once the threads have stopped.
struct Tally {
    std::uint64_t started = 0;
    std::uint64_t completed = 0;
    std::uint64_t failed = 0;
    std::uint64_t malformed = 0;  // among the failed: the exchange went well, what came did not
    std::uint64_t without_reward = 0;
    std::uint64_t completed_in_window = 0;
    Samples first_stage_ms;
    Samples total_ms;
    std::vector<std::string> faults;  // the first few
};

/// Shared by all users of all threads.
struct LoadClock {
    using Clock = std::chrono::steady_clock;
    Clock::time_point window_start;  // after the ramp
    Clock::time_point window_end;    // no run starts later
    std::atomic<std::int64_t> open{0};
    std::atomic<std::int64_t> open_max{0};
    std::atomic<std::uint64_t> next_run{1};
};

/// One user in a closed loop: a run, a pause, the next run.
///
/// Thread-safety: the I/O thread it was made on.
/// Lifetime:      until the threads have stopped; a run that is open then is in `started` alone.
class LoadUser final : private HttpObserver {
public:
    LoadUser(const LoadPlan& plan, LoadClock& clock, Tally& tally, HttpClientDoor& client, Executor& executor);
    ~LoadUser() override;

    void start_after(std::chrono::nanoseconds delay);

private:
    using Clock = std::chrono::steady_clock;

    void begin_run();
    void send();
    void poll_later();
    void poll();
    std::vector<std::pair<std::string, std::string>> headers() const;
    void finish(std::string fault, bool is_malformed);

    void on_head(int status, const std::vector<HttpHeader>& headers) override;
    Flow on_body(std::string_view chunk) override;
    void on_done(const Error* error) override;

    const LoadPlan& plan_;
    LoadClock& clock_;
    Tally& tally_;
    HttpClientDoor& client_;
    Executor& executor_;
    std::string user_id_;
    std::string accepted_;    // of a submit
    std::string result_url_;  // of the run under way; empty: not submitted
    bool is_completed_ = false;

    std::unique_ptr<Timer> timer_;
    std::unique_ptr<HttpCall> call_;
    std::uint64_t run_ = 0;
    std::size_t step_ = 0;
    int status_ = 0;
    std::string refusal_;  // start of a body that is no stream
    std::unique_ptr<StreamCheck> check_;
    Clock::time_point run_start_{};
};

}  // namespace eco2::bench
