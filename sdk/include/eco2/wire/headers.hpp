#pragma once

#include <concepts>
#include <string_view>

namespace eco2::wire {

/// Response headers in whatever form: finds a value by the name in lower case; an empty view where there is none.
template <class T>
concept HeaderSource = requires(const T& headers, std::string_view lower_name) {
    { headers.find(lower_name) } -> std::convertible_to<std::string_view>;
};

}  // namespace eco2::wire
