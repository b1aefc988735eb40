#pragma once

#include "base/clock.hpp"
#include "base/error.hpp"
#include "model/calls.hpp"

#include <eco2/abi/base.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

/// Between the ABI's values and ours: every rule about struct_size, null and unknown numbers is here.
namespace eco2::plugin_host {

inline std::string_view text_of(const eco2_str& text) noexcept {
    return text.data == nullptr ? std::string_view{} : std::string_view{text.data, text.size};
}

inline eco2_str abi_text(std::string_view text) noexcept {
    return {text.data(), text.size()};
}

/// A struct of the other side, read as far as its struct_size reaches; what lies beyond keeps the value of `absent`.
template <class T>
class AbiView {
public:
    explicit AbiView(const T* other, T absent = {}) noexcept {
        if (other == nullptr) {
            return;
        }
        if (other->struct_size >= sizeof(T)) {
            value_ = other;
            return;
        }
        copy_ = absent;
        std::memcpy(&copy_, other, other->struct_size);
        value_ = &copy_;
    }
    AbiView(const AbiView&) = delete;
    AbiView& operator=(const AbiView&) = delete;

    explicit operator bool() const noexcept { return value_ != nullptr; }
    const T* operator->() const noexcept { return value_; }
    const T& operator*() const noexcept { return *value_; }

private:
    const T* value_ = nullptr;
    T copy_;  // written only where the other side's struct is shorter: this is made for every delta
};

/// A plugin's words on one line of UTF-8, shortened: they go into clients' JSON and into logs.
std::string one_line(std::string_view text);

std::int64_t abi_time(Clock::Monotonic time) noexcept;
Clock::Monotonic time_of_abi(std::int64_t monotonic_ns) noexcept;

Usage usage_of(const eco2_usage& usage) noexcept;
RateLimits limits_of(const eco2_rate_limits& limits) noexcept;
/// Of a provider's description. Nothing: it is no JSON object with "capabilities".
std::optional<Capabilities> capabilities_of(std::string_view json);
FinishReason finish_of(eco2_finish_reason reason) noexcept;

/// What kind of call failed; decides which row of the error table a plugin's error becomes.
enum class CallFamily { provider, rule_store, reward };

CallError call_error_of(CallFamily family, eco2_status status, const eco2_error* error);
CallError call_error(Errc code, std::string detail);

/// The text of a plugin's error for a message: "code: message", or the status's name.
std::string describe(eco2_status status, const eco2_error* error);
std::string_view status_name(eco2_status status) noexcept;

/// Our error as a plugin sees it. Lifetime: borrows from `error`.
eco2_error abi_error(const Error& error) noexcept;
eco2_status abi_status(Errc code) noexcept;

}  // namespace eco2::plugin_host
