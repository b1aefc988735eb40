#pragma once

#include "base/result.hpp"
#include "config/host_config.hpp"
#include "fake_provider/fake_options.hpp"
#include "runtime/host.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What `eco2 COMMAND` does, one function a command, each returning the exit code.
namespace eco2::app {

/// Exit codes, the same for all commands.
enum ExitCode : int {
    kOk = 0,
    kFailed = 1,  // the work itself failed; the message says why
    kUsage = 2,   // the command line is wrong
    kConfig = 3,  // configuration, plugin or data directory is at fault; nothing was started
};

/// Options that most commands share.
struct CommonOptions {
    std::string config_file;  // empty: the one beside the program
    config::Overrides overrides;
    bool is_json = false;
};

struct ScanOptions {
    std::string pipeline = "scan";
    std::string input;  // a file or an https URL; empty: none
    std::string question;
    std::string language;
    std::string model;
};

struct RunListOptions {
    std::string user;    // empty: everybody's
    std::string status;  // empty: all
    std::size_t limit = 50;
};

struct KeyOptions {
    std::string name;
    std::string user;  // empty: a new one
    bool is_for_users = false;
    std::vector<std::string> scopes;     // empty: all
    std::vector<std::string> pipelines;  // empty: all
    std::string expires = "365d";        // "30d", "2027-01-31" or "never"
    // of the front door; 0: no limit
    std::vector<std::string> models;  // globs; empty: all
    std::int64_t requests_per_minute = 0;
    std::int64_t tokens_per_minute = 0;
    double spend_max_usd = 0;
};

struct LedgerOptions {
    std::string by = "day";  // day, caller, provider, key, model or route
    std::string since;       // a UTC day such as 2026-01-31; empty: from the beginning
};

/// What the fake provider does wrong from its start.
struct FaultOptions {
    std::string name;  // empty: nothing
    int status = 500;
    double error_rate = 1;
    // JSON text, or the name of a file with it; empty: none
    std::string mix;
    std::string accounts;
    std::string prices;
    std::string batch;
    int window_ms = 0;  // 0: as `accounts` says
};

int serve(const CommonOptions& common);
int scan(const CommonOptions& common, const ScanOptions& options);
int check_config(const CommonOptions& common);
int import_rules(const CommonOptions& common, const std::string& directory, const std::string& instance);
int create_key(const CommonOptions& common, const KeyOptions& options);
int list_keys(const CommonOptions& common);
int revoke_key(const CommonOptions& common, const std::string& id);
int list_runs(const CommonOptions& common, const RunListOptions& options);
int show_run(const CommonOptions& common, const std::string& id);
/// `change`: cancel or replay.
int change_run(const CommonOptions& common, const std::string& id, std::string_view change);
int reload(const CommonOptions& common);
int forget_user(const CommonOptions& common, const std::string& user);
/// What the configuration would do with a model's requests; starts nothing.
int explain_model(const CommonOptions& common, const std::string& model);
/// What the host that runs did with a request.
int explain_request(const CommonOptions& common, const std::string& request_id);
int show_ledger(const CommonOptions& common, const LedgerOptions& options);
int list_plugins(const CommonOptions& common);
int fake_provider(const std::string& listen, fake::FakeOptions options, const FaultOptions& fault);

// shared by the commands
Result<config::HostConfig> load_config(const CommonOptions& common);
runtime::Layout layout();
/// Prints "eco2: CODE: detail" to stderr, with the table's help on a second line.
void print_error(const Error& error);
/// Waits for SIGINT or SIGTERM; the signals must have been blocked before any thread started.
void block_stop_signals();
int wait_for_stop_signal();
/// 0: none came in time.
int wait_for_stop_signal(std::chrono::milliseconds timeout);
/// The same with SIGHUP, which asks a host that serves for a reload.
void block_serve_signals();
int wait_for_serve_signal();
int wait_for_serve_signal(std::chrono::milliseconds timeout);

}  // namespace eco2::app
