#pragma once

#include "base/executor.hpp"
#include "bench/samples.hpp"
#include "model/http_client.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace eco2::bench {

/// Asks a health URL every 100 ms, or as fast as it answers, and keeps the times.
///
/// Thread-safety: one I/O thread; results once the threads have stopped.
class HealthProbe final : private HttpObserver {
public:
    HealthProbe(std::string url, HttpClientDoor& client, Executor& executor);
    ~HealthProbe() override;

    void start();
    const Samples& times_ms() const noexcept { return times_ms_; }
    std::uint64_t failed() const noexcept { return failed_; }

private:
    void schedule();
    void probe();
    void on_head(int status, const std::vector<HttpHeader>& headers) override;
    Flow on_body(std::string_view chunk) override;
    void on_done(const Error* error) override;

    std::string url_;
    HttpClientDoor& client_;
    Executor& executor_;
    std::unique_ptr<Timer> timer_;
    std::unique_ptr<HttpCall> call_;
    std::chrono::steady_clock::time_point due_{};
    std::chrono::steady_clock::time_point sent_{};
    int status_ = 0;
    std::uint64_t failed_ = 0;
    Samples times_ms_;
};

}  // namespace eco2::bench
