#include "base/error.hpp"

#include <array>
#include <cstddef>

namespace eco2 {
namespace {

constexpr auto kErrors = std::to_array<ErrorInfo>({
#define ECO2_ERROR(name, string, http, retryable, help) ErrorInfo{Errc::name, string, http, retryable, help},
#include "base/errors.def"
#undef ECO2_ERROR
});

}  // namespace

std::span<const ErrorInfo> all_errors() noexcept {
    return kErrors;
}

const ErrorInfo& info(Errc code) noexcept {
    return kErrors[static_cast<std::size_t>(code)];
}

std::string Error::text() const {
    std::string out(name());
    out += ": ";
    out += detail.empty() ? std::string(info(code).help) : detail;
    return out;
}

}  // namespace eco2
