#pragma once

#include "fake_provider/fake_options.hpp"
#include "fake_provider/ledger.hpp"
#include "net/io_threads.hpp"

#include <memory>

namespace eco2::fake {

/// An OpenAI-compatible server that makes its answers up, keeps to given times and fails on request.
///
/// `POST /v1/chat/completions`, `POST /v1/responses`, `/v1/files`, `/v1/batches`, `GET /v1/models` (all also without /v1),
/// `POST /fake/behaviour`, `POST /fake/batch/advance`, `GET /fake/stats`, `GET /fake/bill`, `POST /fake/reset`, `GET /health`,
/// `GET /`. Every answer carries `x-eco2-fake: 1`. For
/// tests, demos and load: it has no authentication worth the name and listens on loopback unless told otherwise.
///
/// Thread-safety: start and stop from the control thread; port and stats from any thread.
/// Lifetime:      `threads` outlives it and is running before `start`.
class FakeProvider {
public:
    FakeProvider(net::IoThreads& threads, FakeOptions options);
    ~FakeProvider();

    /// Errors: invalid_field (an option); io_failed (cannot bind).
    Result<void> start();
    unsigned short port() const noexcept;
    /// What to print once it runs.
    std::string banner() const;
    void stop();
    FakeStats stats() const;

private:
    class Impl;
    std::shared_ptr<Impl> impl_;  // shared with requests that are still being answered
};

}  // namespace eco2::fake
