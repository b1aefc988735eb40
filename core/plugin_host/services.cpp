#include "plugin_host/services.hpp"

#include "plugin_host/abi_values.hpp"
#include "plugin_host/plugin_frame.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace eco2::plugin_host {
namespace {

constexpr std::size_t kLogFieldsMax = 32;
constexpr std::size_t kSecretBytesMin = 6;  // shorter ones would blot out ordinary words

LogLevel log_level(std::int32_t level) noexcept {
    switch (level) {
        case ECO2_LOG_DEBUG: return LogLevel::debug;
        case ECO2_LOG_WARN: return LogLevel::warn;
        case ECO2_LOG_ERROR: return LogLevel::error;
        default: return LogLevel::info;
    }
}

void hide(std::string& text, std::string_view secret) {
    if (secret.size() < kSecretBytesMin) {
        return;
    }
    // From behind the mask on: a secret may be a part of it.
    constexpr std::string_view kMask = "[secret]";
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + kMask.size())) {
        text.replace(at, secret.size(), kMask);
    }
}

}  // namespace

HostServices::HostServices(InstanceContext& context)
    : context_(context),
      metrics_(context),
      executor_(context),
      http_(context),
      log_{sizeof(eco2_log_service), 0, this, &HostServices::log_enabled, &HostServices::log_write},
      clock_{sizeof(eco2_clock_service), 0, this, &HostServices::monotonic_ns, &HostServices::wall_ns},
      secrets_{sizeof(eco2_secrets_service), 0, this, &HostServices::resolve},
      host_{sizeof(eco2_host), ECO2_ABI_DRAFT, this, &HostServices::get_service} {}

void HostServices::cancel() {
    executor_.drop_timers();
    http_.cancel_all();
}

const void* HostServices::get_service(void* self, const char* id) noexcept {
    const auto& services = *static_cast<const HostServices*>(self);
    const std::array<std::pair<std::string_view, const void*>, 6> tables = {{
        {ECO2_LOG_ID, &services.log_},
        {ECO2_METRICS_ID, &services.metrics_.table()},
        {ECO2_CLOCK_ID, &services.clock_},
        {ECO2_EXECUTOR_ID, &services.executor_.table()},
        {ECO2_HTTP_ID, &services.http_.table()},
        {ECO2_SECRETS_ID, &services.secrets_},
    }};
    for (const auto& [name, table] : tables) {
        if (id != nullptr && name == id) {
            return table;
        }
    }
    return nullptr;
}

std::int32_t HostServices::log_enabled(void* self, std::int32_t level) noexcept {
    return static_cast<const HostServices*>(self)->context_.doors().log.enabled(log_level(level)) ? 1 : 0;
}

void HostServices::log_write(
    void* self, std::int32_t raw_level, eco2_str message, const eco2_str* fields, std::size_t count) noexcept {
    const auto& services = *static_cast<const HostServices*>(self);
    auto& log = services.context_.doors().log;
    const auto level = log_level(raw_level);
    if (!log.enabled(level)) {
        return;
    }
    const HostFrame frame;
    const auto taken = fields == nullptr ? 0 : std::min(count, kLogFieldsMax);
    std::vector<std::string> texts;
    texts.reserve(2 * taken);
    for (std::size_t i = 0; i < 2 * taken; ++i) {
        texts.push_back(services.without_secrets(text_of(fields[i])));
    }
    std::vector<LogField> line = {{"plugin", services.context_.plugin()}, {"instance", services.context_.id()}};
    for (std::size_t i = 0; i < taken; ++i) {
        line.push_back({texts[2 * i], texts[2 * i + 1]});
    }
    log.write(level, services.without_secrets(text_of(message)), line);
}

std::string HostServices::without_secrets(std::string_view text) const {
    std::string out(text);
    for (const auto& key : context_.config().keys) {
        hide(out, key.secret);
    }
    for (const auto& secret : context_.config().secrets) {
        hide(out, secret.second);
    }
    return out;
}

std::int64_t HostServices::monotonic_ns(void* self) noexcept {
    return abi_time(static_cast<const HostServices*>(self)->context_.doors().clock.now());
}

std::int64_t HostServices::wall_ns(void* self) noexcept {
    return static_cast<const HostServices*>(self)->context_.doors().clock.wall_ns();
}

eco2_status HostServices::resolve(void* self, eco2_str name, void* ctx, void (*on_secret)(void*, eco2_blob)) noexcept {
    const auto& secrets = static_cast<const HostServices*>(self)->context_.config().secrets;
    for (const auto& [known, value] : secrets) {
        if (known == text_of(name) && on_secret != nullptr) {
            on_secret(ctx, {reinterpret_cast<const std::uint8_t*>(value.data()), value.size()});
            return ECO2_OK;
        }
    }
    return ECO2_NOT_FOUND;
}

}  // namespace eco2::plugin_host
