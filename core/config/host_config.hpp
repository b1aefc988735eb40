#pragma once

#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "config/address.hpp"
#include "config/environment.hpp"
#include "model/route_definition.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// `eco2.toml` as plain structs. Every key is documented in config/eco2.toml; paths here are absolute.
namespace eco2::config {

struct TlsFiles {
    std::filesystem::path certificate;  // PEM chain
    std::filesystem::path key;          // PEM
};

struct ServerConfig {
    HostPort listen{"127.0.0.1", 8080};
    std::size_t io_threads = 0;  // 0: one per core
    std::size_t connections_max = limits::kConnectionsMax;
    std::size_t runs_max = limits::kRunsMax;
    std::size_t request_body_bytes_max = limits::kRequestBodyBytesMax;
    std::chrono::milliseconds drain_timeout = limits::kDrainTimeout;
    std::optional<TlsFiles> tls;
};

/// A secret by reference. `value` is empty where the environment variable is not set or empty; the caller decides.
struct Secret {
    std::string id;      // of a key, or the name of a secret
    std::string source;  // "environment variable NAME" or "file PATH", for messages
    std::optional<std::string> value;
};

/// Tokens of users (JSON Web Tokens).
struct JwtConfig {
    std::string algorithm = "RS256";  // HS256, RS256 or ES256
    Secret key;                       // HS256: the secret; else the public key as PEM
    std::string issuer;               // empty: any
    std::string audience;             // empty: any
    std::chrono::seconds leeway{30};
    std::string user_claim = "sub";
    std::string cookie = "s_access";
};

/// Which credentials are accepted; with none of them everybody is let in, on loopback only.
struct AuthConfig {
    bool trusts_header = false;
    bool accepts_keys = false;
    std::optional<JwtConfig> jwt;
    std::vector<AddressRange> trusted_peers;  // who may say who the user is

    bool lets_everybody_in() const noexcept { return !trusts_header && !accepts_keys && !jwt; }
};

struct CorsConfig {
    std::vector<std::string> origins;  // exact; "*": any, without credentials
    bool allows_credentials = false;
    std::chrono::seconds max_age{600};
};

/// Of one user; 0: no limit.
struct QuotaConfig {
    std::size_t runs_concurrent = 0;
    std::size_t runs_per_minute = 0;
    std::size_t photo_bytes_per_minute = 0;
};

enum class LogFormat { json, text };

struct LogConfig {
    LogLevel level = LogLevel::info;
    LogFormat format = LogFormat::json;
};

/// Which image URLs a request may name, besides https and the hosts.
struct ImageUrlConfig {
    bool is_seed_profile = false;         // /{chat,scan,my}/<32 hex digits>.<jpg, jpeg, png, webp or gif>
    std::vector<std::string> channels;    // empty: any path
    std::vector<std::string> extensions;  // lower case with the dot; empty: any
    bool needs_hex_name = false;
};

enum class ImageUrlMode { pass, fetch };

struct ImageConfig {
    ImageUrlConfig url;
    ImageUrlMode url_mode = ImageUrlMode::pass;
    std::chrono::milliseconds fetch_timeout = limits::kImageFetchTimeMax;
    std::vector<std::string> hosts;  // lower case; empty: any in development, none in production
    bool allow_private = false;
    std::size_t bytes_max = limits::kImageBytesMax;
    std::size_t pixels_max = static_cast<std::size_t>(limits::kImagePixelsMax);
    std::size_t side_max = static_cast<std::size_t>(limits::kImageSideMax);
    std::size_t side_target = static_cast<std::size_t>(limits::kImageSideTarget);
};

/// What is kept of submitted runs.
struct RunsConfig {
    enum class KeepPhotos { never, dead_letters, always };
    std::chrono::seconds result_lifetime = limits::kResultLifetime;
    std::chrono::seconds dead_letter_lifetime = limits::kDeadLetterLifetime;
    KeepPhotos keep_photos = KeepPhotos::never;  // of runs that are over
    std::size_t memory_bytes_max = limits::kSubmittedBytesMax;
};

struct GrantsConfig {
    std::chrono::seconds lifetime{0};  // 0: for ever
};

/// Of the batch process, which reads the file when it starts; but for `is_supervised`, which is the serving host's.
struct BatchConfig {
    enum class DeadlineAction { stop, live, resubmit };
    std::string provider;  // plugin instance; empty: the only one with a Batch API
    std::chrono::milliseconds poll_min{10'000};
    std::chrono::milliseconds poll_max{300'000};
    std::chrono::milliseconds visibility_grace{120'000};
    std::chrono::milliseconds retry_base{1'000};
    std::chrono::milliseconds retry_max{60'000};
    std::chrono::milliseconds lease{10'000};
    std::chrono::milliseconds call_timeout{60'000};
    std::chrono::milliseconds idle_timeout{60'000};
    std::size_t attempts = 3;
    std::size_t content_attempts = 2;
    double cost_cap_usd = 0;  // 0: none
    std::size_t output_tokens_assumed = 4'096;
    std::size_t enqueued_tokens_max = 0;  // 0: the plugin's
    std::size_t requests_max = 0;         // of one batch at the provider; 0: the plugin's
    bool has_echo = true;
    bool cleans_up = true;
    bool is_supervised = true;
    bool allows_past_review = false;
    DeadlineAction deadline_action = DeadlineAction::stop;
    std::size_t live_concurrency = 8;
    std::size_t pilot_items = 0;  // 0: no pilot
};

struct HttpConfig {
    std::filesystem::path ca_file;  // empty: the system's
    std::string proxy;              // may hold a password: not to be logged; empty: none
    std::string no_proxy;
    std::chrono::milliseconds connect_timeout = limits::kUpstreamConnectTimeout;
    std::chrono::milliseconds idle_timeout = limits::kUpstreamIdleTimeout;
};

struct PluginConfig {
    std::string id;
    std::string plugin;
    bool is_required = true;
    std::string sha256;
    std::vector<Secret> keys;  // in order of preference
    std::vector<std::string> key_origins;
    std::vector<Secret> secrets;
    std::string config_json = "{}";
};

struct HostConfig {
    std::filesystem::path file;
    ServerConfig server;
    AuthConfig auth;
    CorsConfig cors;
    QuotaConfig quota;
    LogConfig log;
    std::filesystem::path data_dir;
    ImageConfig image;
    RunsConfig runs;
    GrantsConfig grants;
    BatchConfig batch;
    HttpConfig http;
    std::vector<std::filesystem::path> plugin_dirs;  // empty: the usual places beside the program
    bool is_production = false;
    std::vector<PluginConfig> plugins;  // the enabled ones, in the file's order
    std::vector<std::filesystem::path> pipelines;
    /// Its providers are the enabled plugins, of whatever kind, with those keys alone that have a value. Without any [[route]]
    /// `routes` is empty: what then happens is the runtime's to say, which knows what the plugins are.
    RoutingDefinition routing;
};

/// From the command line; stronger than the environment, which is stronger than the file.
struct Overrides {
    std::optional<std::string> listen;
    std::optional<std::string> data_dir;
    std::optional<std::string> log_level;
};

/// Reads and checks the whole file; environment: ECO2_LISTEN, ECO2_DATA, ECO2_LOG_LEVEL, ECO2_IMAGE_HOSTS, HTTPS_PROXY,
/// NO_PROXY and what the file refers to.
///
/// Errors: config_invalid with one line per fault, `file:line:column: key.path: what is wrong; what is allowed`, secrets never
/// among them. Blocks: reads the file and the secrets' files.
Result<HostConfig> load_host_config(const std::filesystem::path& file,
                                    const Environment& environment,
                                    const Overrides& overrides = {});

/// Every key that the file may hold, as "server.tls.key"; lists without their index. For the documentation's test.
std::vector<std::string> known_host_keys();

}  // namespace eco2::config
