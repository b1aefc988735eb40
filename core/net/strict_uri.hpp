#pragma once

#include <boost/url/url_view.hpp>

#include <optional>
#include <string_view>

namespace eco2::net {

/// Parses an absolute URI with an authority.
///
/// Boost.URL 1.81 ends an authority where its grammar stops matching and takes the rest for a path ("https://1.2.3.4.5/" has
/// the host 1.2.3.4 and the path ".5/") and lets port numbers wrap around. Both are refused here.
///
/// Lifetime: a view into `text`.
std::optional<boost::urls::url_view> parse_strict_uri(std::string_view text);

inline std::string_view view_of(boost::urls::string_view text) noexcept {
    return {text.data(), text.size()};
}

}  // namespace eco2::net
