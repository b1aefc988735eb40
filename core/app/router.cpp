#include "app/router.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace eco2::app {
namespace {

std::string_view next_segment(std::string_view& path) {
    const auto end = path.find('/');
    const auto segment = path.substr(0, end);
    path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
    return segment;
}

bool is_place(std::string_view segment) {
    return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

std::optional<PathValues> match(std::string_view pattern, std::string_view path) {
    PathValues values;
    if (std::count(pattern.begin(), pattern.end(), '/') != std::count(path.begin(), path.end(), '/')) {
        return std::nullopt;
    }
    while (!pattern.empty()) {
        const auto expected = next_segment(pattern);
        const auto segment = next_segment(path);
        if (is_place(expected) && !segment.empty()) {
            values.add(expected.substr(1, expected.size() - 2), segment);
        } else if (expected != segment) {
            return std::nullopt;
        }
    }
    return path.empty() ? std::optional(std::move(values)) : std::nullopt;
}

}  // namespace

std::string_view PathValues::at(std::string_view name) const noexcept {
    for (const auto& [known, value] : values_) {
        if (known == name) {
            return value;
        }
    }
    return {};
}

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {
    const auto places = [](const Route& route) { return std::count(route.path.begin(), route.path.end(), '{'); };
    std::stable_sort(
        routes_.begin(), routes_.end(), [&](const auto& left, const auto& right) { return places(left) < places(right); });
}

Router::Match Router::find(std::string_view method, std::string_view path) const {
    Match found;
    for (const auto& route : routes_) {
        auto values = match(route.path, path);
        if (!values) {
            continue;
        }
        if (route.method == method) {
            found.route = &route;
            found.values = std::move(*values);
            return found;
        }
        if (found.allowed.find(route.method) != std::string::npos) {
            continue;
        }
        found.allowed += (found.allowed.empty() ? "" : ", ") + std::string(route.method);
    }
    return found;
}

}  // namespace eco2::app
