#pragma once

#include "eco2/abi/plugin.h"
#include "eco2/abi/services.h"
#include "eco2/plugin/detail/boundary.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace eco2::plugin {
inline namespace draft_2 {

enum class LogLevel : std::int32_t {
    debug = ECO2_LOG_DEBUG,
    info = ECO2_LOG_INFO,
    warn = ECO2_LOG_WARN,
    error = ECO2_LOG_ERROR
};

/// Structured lines in the host's log. The host adds time, plugin and instance. Silent where the host has no log.
/// Thread-safety: any thread.
class Log {
public:
    using Field = std::pair<std::string_view, std::string_view>;
    static constexpr std::size_t kFieldsMax = 16;  // further ones are dropped

    explicit Log(const eco2_log_service* service = nullptr) noexcept : service_(service) {}

    bool is_enabled(LogLevel level) const noexcept {
        return service_ != nullptr && service_->enabled(service_->ctx, static_cast<std::int32_t>(level)) != 0;
    }
    void write(LogLevel level, std::string_view message, std::initializer_list<Field> fields = {}) const noexcept {
        if (!is_enabled(level)) {
            return;
        }
        std::array<eco2_str, 2 * kFieldsMax> flat;
        std::size_t count = 0;
        for (const Field& field : fields) {
            if (count == kFieldsMax) {
                break;
            }
            flat[2 * count] = to_abi(field.first);
            flat[2 * count + 1] = to_abi(field.second);
            ++count;
        }
        service_->write(service_->ctx, static_cast<std::int32_t>(level), to_abi(message), flat.data(), count);
    }
    void debug(std::string_view message, std::initializer_list<Field> fields = {}) const noexcept {
        write(LogLevel::debug, message, fields);
    }
    void info(std::string_view message, std::initializer_list<Field> fields = {}) const noexcept {
        write(LogLevel::info, message, fields);
    }
    void warn(std::string_view message, std::initializer_list<Field> fields = {}) const noexcept {
        write(LogLevel::warn, message, fields);
    }
    void error(std::string_view message, std::initializer_list<Field> fields = {}) const noexcept {
        write(LogLevel::error, message, fields);
    }

private:
    const eco2_log_service* service_;
};

/// The host's clocks; the machine's own where the host lends none. Thread-safety: any thread.
class HostClock {
public:
    explicit HostClock(const eco2_clock_service* service = nullptr) noexcept : service_(service) {}

    std::int64_t monotonic_ns() const noexcept {
        return service_ != nullptr ? service_->monotonic_ns(service_->ctx) : since_epoch_ns<std::chrono::steady_clock>();
    }
    /// Since 1970-01-01 UTC.
    std::int64_t wall_ns() const noexcept {
        return service_ != nullptr ? service_->wall_ns(service_->ctx) : since_epoch_ns<std::chrono::system_clock>();
    }

private:
    template <class Clock>
    static std::int64_t since_epoch_ns() noexcept {
        return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
    }
    const eco2_clock_service* service_;
};

/// A metric that was defined; recording into an undefined one does nothing. Thread-safety: any thread.
class Metric {
public:
    static constexpr std::size_t kLabelsMax = 8;

    Metric() = default;
    Metric(const eco2_metrics_service* service, std::uint64_t handle) noexcept : service_(service), handle_(handle) {}

    /// Counter: adds; gauge: sets; histogram: observes. `labels` in the order of their definition.
    void record(double value, std::initializer_list<std::string_view> labels = {}) const noexcept {
        if (handle_ == 0 || labels.size() > kLabelsMax) {
            return;
        }
        std::array<eco2_str, kLabelsMax> flat;
        std::size_t count = 0;
        for (const std::string_view label : labels) {
            flat[count++] = to_abi(label);
        }
        service_->record(service_->ctx, handle_, value, flat.data(), count);
    }

private:
    const eco2_metrics_service* service_ = nullptr;
    std::uint64_t handle_ = 0;
};

enum class MetricKind : std::int32_t {
    counter = ECO2_METRIC_COUNTER,
    gauge = ECO2_METRIC_GAUGE,
    histogram = ECO2_METRIC_HISTOGRAM,
};

/// Defines metrics; only while the plugin is being created.
class Metrics {
public:
    explicit Metrics(const eco2_metrics_service* service = nullptr) noexcept : service_(service) {}

    Metric define(MetricKind kind,
                  std::string_view name,
                  std::string_view help,
                  std::initializer_list<std::string_view> label_names = {}) const noexcept {
        if (service_ == nullptr || label_names.size() > Metric::kLabelsMax) {
            return {};
        }
        std::array<eco2_str, Metric::kLabelsMax> flat;
        std::size_t count = 0;
        for (const std::string_view label : label_names) {
            flat[count++] = to_abi(label);
        }
        return Metric(
            service_,
            service_->define(service_->ctx, static_cast<std::int32_t>(kind), to_abi(name), to_abi(help), flat.data(), count));
    }

private:
    const eco2_metrics_service* service_;
};

/// Secrets that the configuration grants to this instance. Upstream keys are not among them: the host puts those into requests.
class Secrets {
public:
    explicit Secrets(const eco2_secrets_service* service = nullptr) noexcept : service_(service) {}

    /// Errors: not_found, unsupported (the host lends no secrets).
    Result<std::string> resolve(std::string_view name) const {
        if (service_ == nullptr) {
            return fail(Status::unsupported, "no_secrets", "this host lends no secrets");
        }
        std::string secret;
        const auto keep = [](void* ctx, eco2_blob bytes) noexcept {
            auto& text = *static_cast<std::string*>(ctx);
            text.assign(reinterpret_cast<const char*>(bytes.data), bytes.size);
        };
        const eco2_status status = service_->resolve(service_->ctx, to_abi(name), &secret, keep);
        if (status != ECO2_OK) {
            return fail(
                static_cast<Status>(status), "no_such_secret", "the secret \"" + std::string(name) + "\" is not granted");
        }
        return secret;
    }

private:
    const eco2_secrets_service* service_;
};

/// What the host lends to one instance, as thin typed views. A value: copy it freely.
///
/// Every service may be absent; the views then do nothing, or say so where they have a Result.
/// Thread-safety: any thread.
/// Lifetime:      as long as the plugin instance.
class Host {
public:
    explicit Host(const eco2_host* host) noexcept
        : log_(service<eco2_log_service>(host, ECO2_LOG_ID)),
          metrics_(service<eco2_metrics_service>(host, ECO2_METRICS_ID)),
          clock_(service<eco2_clock_service>(host, ECO2_CLOCK_ID)),
          secrets_(service<eco2_secrets_service>(host, ECO2_SECRETS_ID)),
          executor_(service<eco2_executor_service>(host, ECO2_EXECUTOR_ID)),
          http_(service<eco2_http_service>(host, ECO2_HTTP_ID)) {}

    const Log& log() const noexcept { return log_; }
    const Metrics& metrics() const noexcept { return metrics_; }
    const HostClock& clock() const noexcept { return clock_; }
    const Secrets& secrets() const noexcept { return secrets_; }

    /// Raw tables, null where absent; the interface bases use them, an author seldom has to.
    const eco2_executor_service* executor() const noexcept { return executor_; }
    const eco2_http_service* http() const noexcept { return http_; }

private:
    template <class Table>
    static const Table* service(const eco2_host* host, const char* id) noexcept {
        const auto* table = static_cast<const Table*>(host->get_service(host->ctx, id));
        return detail::covers(table) ? table : nullptr;
    }

    Log log_;
    Metrics metrics_;
    HostClock clock_;
    Secrets secrets_;
    const eco2_executor_service* executor_;
    const eco2_http_service* http_;
};

}  // namespace draft_2
}  // namespace eco2::plugin
