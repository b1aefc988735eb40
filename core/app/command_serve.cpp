#include "app/access.hpp"
#include "app/admin.hpp"
#include "app/api.hpp"
#include "app/commands.hpp"
#include "app/reloads.hpp"
#include "app/worker_process.hpp"
#include "net/server.hpp"
#include "runtime/version.hpp"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <utility>

namespace eco2::app {
namespace {

net::ServerOptions server_options(const config::ServerConfig& config, Api& api) {
    net::ServerOptions options;
    options.host = config.listen.host;
    options.port = config.listen.port;
    options.body_bytes_max = config.request_body_bytes_max;
    options.connections_max = config.connections_max;
    options.refuse = [&api](const Error& error) { return api.refuse(error); };
    if (config.tls) {
        options.tls = std::make_unique<net::ServerTls>();
        options.tls->certificate_file = config.tls->certificate;
        options.tls->key_file = config.tls->key;
    }
    return options;
}

/// The batch process: wanted from when there is a file of jobs, as long as the configuration in force wants it.
WorkerProcess::Options worker_options(runtime::Host& host, const CommonOptions& common) {
    const auto config = host.config();
    WorkerProcess::Options options;
    options.command = {runtime::this_program().string(),
                       "batch",
                       "work",
                       "--config",
                       config->file.string(),
                       "--data",
                       config->data_dir.string(),
                       "--supervised"};
    if (common.overrides.log_level) {
        options.command.insert(options.command.end(), {"--log-level", *common.overrides.log_level});
    }
    options.is_wanted = [&host, jobs = config->data_dir / "batch.db"] {
        std::error_code ec;
        return host.config()->batch.is_supervised && std::filesystem::exists(jobs, ec);
    };
    options.log = &host.log();
    options.up = host.metrics().eco2_batch_worker_up;
    options.restarts_total = host.metrics().eco2_batch_worker_restarts_total;
    return options;
}

/// The last runs may finish; a second signal ends the wait.
void drain(runtime::Host& host, net::Server& server, WorkerProcess& worker) {
    host.log().info("draining", {{"runs", std::to_string(host.runs_active())}});
    worker.ask_to_stop();
    host.drain();
    server.drain();
    const auto deadline = std::chrono::steady_clock::now() + host.config()->server.drain_timeout;
    while ((host.runs_active() > 0 || server.connection_count() > 0) && std::chrono::steady_clock::now() < deadline) {
        const int signal = wait_for_serve_signal(std::chrono::milliseconds(20));
        if (signal == SIGHUP) {
            host.log().warn("no reload while draining");
        } else if (signal != 0) {
            break;
        }
    }
    if (host.runs_active() > 0) {
        host.log().warn("runs cut off", {{"runs", std::to_string(host.runs_active())}});
    }
}

/// Until it is time to stop. The log tells what becomes of each reload.
void serve_until_told(runtime::Host& host, Reloads& reloads) {
    while (wait_for_serve_signal() == SIGHUP) {
        reloads.request([&host](const Result<runtime::ReloadReport>& report) {
            if (!report && report.error().code == Errc::overloaded) {
                host.log().warn("reload not taken", {{"detail", report.error().detail}});
            }
        });
    }
}

}  // namespace

int serve(const CommonOptions& common) {
    block_serve_signals();
    auto config = load_config(common);
    if (!config) {
        print_error(config.error());
        return kConfig;
    }
    if (auto allowed = check_listener(config.value()); !allowed) {
        print_error(allowed.error());
        return kConfig;
    }
    auto log = runtime::log_options(config.value());
    runtime::Host host(std::move(config.value()), layout(), std::move(log));
    const auto started_with = host.config();
    const auto access = Access::make(*started_with, host.log(), system_clock());
    if (!access) {
        print_error(access.error());
        return kConfig;
    }
    Api api(host, *access);
    net::Server server(host.threads(), server_options(started_with->server, api), [&](auto exchange) { api.handle(exchange); });
    // Listening comes first: /health answers and /ready says what is missing while plugins load.
    if (auto started = server.start(); !started) {
        print_error(started.error());
        return kConfig;
    }
    host.log().info(
        "listening",
        {{"address", started_with->server.listen.host + ":" + std::to_string(server.port())}, {"version", kVersion}});
    if (auto loaded = host.load(runtime::Host::Purpose::serve); !loaded) {
        host.log().error("cannot start", {{"error", loaded.error().name()}, {"detail", loaded.error().detail}});
        print_error(loaded.error());
        server.stop();
        (void)host.stop();
        return kConfig;
    }
    Reloads reloads(host, *access, [common](const std::optional<std::filesystem::path>& data_dir) {
        auto again = common;
        if (data_dir) {
            again.overrides.data_dir = data_dir->string();
        }
        return load_config(again);
    });
    AdminServer admin(host, reloads);
    if (auto started = admin.start(); !started) {
        print_error(started.error());
        server.stop();
        (void)host.stop();
        return kFailed;
    }
    WorkerProcess worker(worker_options(host, common));
    host.log().info("ready");
    serve_until_told(host, reloads);
    drain(host, server, worker);
    admin.stop();
    server.stop();
    worker.stop();
    const auto stopped = host.stop();
    if (!stopped) {
        print_error(stopped.error());
        return kFailed;
    }
    return kOk;
}

}  // namespace eco2::app
