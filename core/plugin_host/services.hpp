#pragma once

#include "plugin_host/instance_context.hpp"
#include "plugin_host/services_executor.hpp"
#include "plugin_host/services_http.hpp"
#include "plugin_host/services_metrics.hpp"

#include <eco2/abi/plugin.h>
#include <eco2/abi/services.h>

#include <string>
#include <string_view>

namespace eco2::plugin_host {

/// What the host lends to one instance: the tables of eco2/abi/services.h over the doors.
///
/// Thread-safety: any thread; close_definitions, cancel: control thread.
/// Lifetime:      kept by the instance's context, since the plugin holds pointers to the tables.
class HostServices {
public:
    explicit HostServices(InstanceContext& context);
    HostServices(const HostServices&) = delete;
    HostServices& operator=(const HostServices&) = delete;

    const eco2_host& host() const noexcept { return host_; }

    /// create has returned: no metric is defined from here on.
    void close_definitions() noexcept { metrics_.close_definitions(); }

    /// Drops the timers and cancels the HTTP exchanges; each still ends with its callback.
    void cancel();

private:
    static const void* get_service(void* self, const char* id) noexcept;
    static std::int32_t log_enabled(void* self, std::int32_t level) noexcept;
    static void log_write(void* self, std::int32_t level, eco2_str message, const eco2_str* fields, std::size_t count) noexcept;
    static std::int64_t monotonic_ns(void* self) noexcept;
    static std::int64_t wall_ns(void* self) noexcept;
    static eco2_status resolve(void* self, eco2_str name, void* ctx, void (*on_secret)(void*, eco2_blob)) noexcept;

    std::string without_secrets(std::string_view text) const;

    InstanceContext& context_;
    MetricsService metrics_;
    ExecutorService executor_;
    HttpService http_;
    eco2_log_service log_;
    eco2_clock_service clock_;
    eco2_secrets_service secrets_;
    eco2_host host_;
};

}  // namespace eco2::plugin_host
