#pragma once

#include "base/result.hpp"
#include "plugin_host/plugin_host.hpp"

#include <eco2/abi/base.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::plugin_host {

/// True for what HTTP takes as a method or a header's name.
bool is_token(std::string_view text);

/// The headers that an instance wants sent, checked, with keys put in, and those only towards the origins that they are bound
/// to.
///
/// Thread-safety: any thread. Lifetime: keeps a reference to `config`.
/// Limits:        limits::kPluginHttpHeadersMax, limits::kUpstreamHeadBytesMax.
class OutgoingHeaders {
public:
    using List = std::vector<std::pair<std::string, std::string>>;

    explicit OutgoingHeaders(const InstanceConfig& config);

    /// `headers` are 2 * count strings; `key` is a handle, 0: no placeholder is replaced. The result holds secrets.
    /// Errors: bad_request (a header that is not the plugin's to set, or cannot be sent; a key that may not go to `url`).
    Result<List> read(const eco2_str* headers, std::size_t count, std::uint64_t key, std::string_view url) const;

private:
    Result<std::string> with_key(std::string_view value, std::uint64_t key, std::string_view url) const;
    Result<void> check_key_target(std::string_view url) const;

    const InstanceConfig& config_;
    std::vector<std::string> key_origins_;
};

}  // namespace eco2::plugin_host
