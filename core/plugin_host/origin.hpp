#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace eco2::plugin_host {

/// Where a request goes to: what a key is bound to.
struct Origin {
    std::string text;  // "scheme://host:port", lower case, with the scheme's port where none was written
    bool is_plain_http = false;
    bool is_loopback = false;
    bool has_user = false;  // user:password@ in the URL
};

/// The origin of an absolute http or https URL. Errors: bad_request.
Result<Origin> origin_of(std::string_view url);

}  // namespace eco2::plugin_host
