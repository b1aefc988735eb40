#pragma once

#include "app/reloads.hpp"
#include "app/router.hpp"
#include "base/limits.hpp"
#include "base/result.hpp"
#include "net/server.hpp"
#include "runtime/host.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace eco2::app {

/// What the command line asks of a host that runs on the same machine: a listener of its own on a loopback port, never the
/// clients' one. Its address and a secret stand in `<data>/admin.json`, which only the host's user can read.
///
/// Thread-safety: start and stop: control thread; requests on I/O threads.
/// Lifetime:      host and reloads outlive it.
class AdminServer {
public:
    AdminServer(runtime::Host& host, Reloads& reloads);
    ~AdminServer();

    /// After the host has loaded. Errors: io_failed.
    Result<void> start();
    void stop();

private:
    void handle(const ExchangePtr& exchange);
    void list(const ExchangePtr& exchange);
    void show(const ExchangePtr& exchange, std::string_view id);
    void cancel(const ExchangePtr& exchange, std::string_view id);
    void replay(const ExchangePtr& exchange, std::string_view id);
    void forget_user(const ExchangePtr& exchange, std::string_view id);
    void reload(const ExchangePtr& exchange);

    runtime::Host& host_;
    Reloads& reloads_;
    const std::string token_;
    const std::filesystem::path file_;
    Router router_;
    std::unique_ptr<net::Server> server_;
};

struct AdminReply {
    int status = 0;
    std::string body;
};

/// Asks the host that serves this data directory. Blocks.
/// Errors: not_found (none does), io_failed.
Result<AdminReply> ask_host(const std::filesystem::path& data_dir,
                            std::string_view method,
                            std::string_view target,
                            std::chrono::milliseconds timeout = limits::kAdminTimeout);

/// A run with its events and checkpoints, for the operator.
std::string stored_run_json(const StoredRun& run);
/// A line of the operator's list.
std::string operator_summary_json(const RunSummary& run);

}  // namespace eco2::app
