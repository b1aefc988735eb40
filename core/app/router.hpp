#pragma once

#include "net/server.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::app {

using ExchangePtr = std::shared_ptr<net::ServerExchange>;

/// What stood in a path's place: the text of "{id}" in "/api/v1/scan/{id}/events". As it came, percent-encoding and all.
class PathValues {
public:
    void add(std::string_view name, std::string_view value) { values_.emplace_back(name, std::string(value)); }
    /// Empty where the route has no such place.
    std::string_view at(std::string_view name) const noexcept;

private:
    std::vector<std::pair<std::string_view, std::string>> values_;
};

/// A route of the host. `path` may hold "{name}" in place of a whole segment. Lifetime: the texts are static.
struct Route {
    std::string_view method;
    std::string_view path;
    std::function<void(const ExchangePtr&, const PathValues&)> handler;
};

/// Finds routes. Literal segments win over places.
///
/// Thread-safety: any thread (immutable).
class Router {
public:
    Router() = default;
    explicit Router(std::vector<Route> routes);

    struct Match {
        const Route* route = nullptr;  // null: no such path, or not with this method
        PathValues values;
        std::string allowed;  // the path's methods, for a 405; empty: no such path
    };
    Match find(std::string_view method, std::string_view path) const;
    const std::vector<Route>& routes() const noexcept { return routes_; }

private:
    std::vector<Route> routes_;  // those with fewer places first
};

}  // namespace eco2::app
