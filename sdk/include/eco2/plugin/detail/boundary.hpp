#pragma once

#include "eco2/plugin/result.hpp"

#include <exception>
#include <string>
#include <type_traits>
#include <utility>

/// What every function that the host calls goes through: no exception leaves a plugin.
namespace eco2::plugin {
inline namespace draft_2 {
namespace detail {

inline Failure escaped(const char* what) noexcept {
    Failure failure;
    failure.code = "plugin_exception";  // short enough for the string's own buffer or fatal by policy
    failure.message = what;
    return failure;
}

/// Runs `body`, which returns Result<T>; whatever it throws becomes a Failure with Status::internal.
template <class Body>
auto caught(Body&& body) noexcept -> std::invoke_result_t<Body> {
    try {
        return std::forward<Body>(body)();
    } catch (const std::exception& exception) {
        return escaped(exception.what());
    } catch (...) {
        return escaped("an exception that is no std::exception");
    }
}

/// For void bodies whose failure has nowhere to go.
template <class Body>
void swallowed(Body&& body) noexcept {
    try {
        std::forward<Body>(body)();
    } catch (...) {  // NOLINT(bugprone-empty-catch): the boundary has no other way out
    }
}

/// True when the struct was made by someone who knew all the fields that we read.
template <class T>
bool covers(const T* value) noexcept {
    return value != nullptr && value->struct_size >= sizeof(T);
}

template <class T>
constexpr T sized() noexcept {
    T value{};
    value.struct_size = sizeof(T);
    return value;
}

}  // namespace detail
}  // namespace draft_2
}  // namespace eco2::plugin
