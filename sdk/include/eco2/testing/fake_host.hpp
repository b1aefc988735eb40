#pragma once

#include "eco2/abi/plugin.h"
#include "eco2/testing/fake_executor.hpp"
#include "eco2/testing/fake_http.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::testing {

/// A host for tests: all services, no thread of its own, virtual time, scripted HTTP.
///
/// Thread-safety: any thread, except for hide, secrets and the constructor.
class FakeHost {
public:
    FakeHost() : executor_(clock_), http_(executor_) {
        host_.struct_size = sizeof host_;
        host_.abi_draft = ECO2_ABI_DRAFT;
        host_.ctx = this;
        host_.get_service = [](void* self, const char* id) { return from(self).service(id); };
        set_up_log();
        set_up_metrics();
        set_up_secrets();
    }
    FakeHost(const FakeHost&) = delete;
    FakeHost& operator=(const FakeHost&) = delete;

    const eco2_host* abi() const noexcept { return &host_; }
    VirtualClock& clock() noexcept { return clock_; }
    FakeExecutor& executor() noexcept { return executor_; }
    FakeHttp& http() noexcept { return http_; }
    void run_until_idle() { executor_.run_until_idle(); }

    /// This host does not lend the service. Before the plugin is created.
    void hide(std::string service_id) { hidden_.insert(std::move(service_id)); }
    void add_secret(std::string name, std::string value) { secrets_[std::move(name)] = std::move(value); }

    /// Log lines, as "message name=value ...".
    std::vector<std::string> log_lines() const {
        const std::lock_guard lock(mutex_);
        return log_lines_;
    }
    /// Sum of what was recorded into a metric, by name.
    double metric_sum(const std::string& name) const {
        const std::lock_guard lock(mutex_);
        double sum = 0;
        for (const auto& [metric, value] : records_) {
            sum += metric_names_.at(metric - 1) == name ? value : 0;
        }
        return sum;
    }

private:
    static FakeHost& from(void* self) { return *static_cast<FakeHost*>(self); }
    static std::string text(eco2_str from) { return std::string(from.data == nullptr ? "" : from.data, from.size); }

    const void* service(std::string_view id) const {
        if (hidden_.contains(id)) {
            return nullptr;
        }
        const std::map<std::string_view, const void*> known{{ECO2_LOG_ID, &log_},
                                                            {ECO2_METRICS_ID, &metrics_},
                                                            {ECO2_CLOCK_ID, clock_.table()},
                                                            {ECO2_EXECUTOR_ID, executor_.table()},
                                                            {ECO2_HTTP_ID, http_.table()},
                                                            {ECO2_SECRETS_ID, &secret_service_}};
        const auto found = known.find(id);
        return found == known.end() ? nullptr : found->second;
    }

    void set_up_log() {
        log_.struct_size = sizeof log_;
        log_.ctx = this;
        log_.enabled = [](void*, std::int32_t) { return std::int32_t{1}; };
        log_.write = [](void* self, std::int32_t, eco2_str message, const eco2_str* fields, std::size_t count) {
            std::string line = text(message);
            for (std::size_t index = 0; index < count; ++index) {
                line += ' ' + text(fields[2 * index]) + '=' + text(fields[2 * index + 1]);
            }
            const std::lock_guard lock(from(self).mutex_);
            from(self).log_lines_.push_back(std::move(line));
        };
    }
    void set_up_metrics() {
        metrics_.struct_size = sizeof metrics_;
        metrics_.ctx = this;
        metrics_.define = [](void* self, std::int32_t, eco2_str name, eco2_str, const eco2_str*, std::size_t) {
            const std::lock_guard lock(from(self).mutex_);
            from(self).metric_names_.push_back(text(name));
            return std::uint64_t{from(self).metric_names_.size()};
        };
        metrics_.record = [](void* self, std::uint64_t metric, double value, const eco2_str*, std::size_t) {
            const std::lock_guard lock(from(self).mutex_);
            from(self).records_.emplace_back(metric, value);
        };
    }
    void set_up_secrets() {
        secret_service_.struct_size = sizeof secret_service_;
        secret_service_.ctx = this;
        secret_service_.resolve = [](void* self, eco2_str name, void* ctx, void (*on_secret)(void*, eco2_blob)) {
            const auto found = from(self).secrets_.find(text(name));
            if (found == from(self).secrets_.end()) {
                return eco2_status{ECO2_NOT_FOUND};
            }
            on_secret(ctx, {reinterpret_cast<const std::uint8_t*>(found->second.data()), found->second.size()});
            return eco2_status{ECO2_OK};
        };
    }

    eco2_host host_{};
    VirtualClock clock_;
    FakeExecutor executor_;
    FakeHttp http_;
    eco2_log_service log_{};
    eco2_metrics_service metrics_{};
    eco2_secrets_service secret_service_{};
    std::set<std::string, std::less<>> hidden_;
    std::map<std::string, std::string> secrets_;
    mutable std::mutex mutex_;
    std::vector<std::string> log_lines_;
    std::vector<std::string> metric_names_;
    std::vector<std::pair<std::uint64_t, double>> records_;
};

}  // namespace eco2::testing
