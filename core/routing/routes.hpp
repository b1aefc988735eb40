#pragma once

#include "base/executor.hpp"
#include "model/calls.hpp"
#include "model/route_definition.hpp"
#include "routing/accounting.hpp"
#include "routing/target_board.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::routing {

/// What routes are made of. Provider, router and may_be_missing are asked while the routes are made and not later;
/// executor, clock and watcher outlive them.
struct RouteDoors {
    std::function<ProviderDoor*(std::string_view instance)> provider;
    std::function<RouterDoor*(std::string_view instance)> router;
    /// A target whose provider is not there is left out, where this says so and another target remains; else it is an error.
    std::function<bool(std::string_view instance)> may_be_missing;
    Executor& executor;
    const Clock& clock;
    AttemptWatcher& watcher;
    /// What a call holds until its end, so that a reload does not take its targets from under it. Asked with each call, on any
    /// thread; empty: nothing.
    std::function<std::shared_ptr<const void>()> pin = {};
};

/// One route as a provider: tries its targets within one budget, so that whoever asks it sees one call.
///
/// Lifetime: of its Routes.
class RoutedProvider : public ProviderDoor {
public:
    virtual const RouteDefinition& definition() const noexcept = 0;
    /// The most that one attempt for `request` may cost, at the dearest target that has a price.
    virtual std::int64_t worst_picousd(const GenerateRequest& request) const = 0;
};

/// All routes of a configuration.
///
/// Thread-safety: any thread (immutable; what changes is the board's).
class Routes {
public:
    /// Errors: config_invalid (a route without targets), plugin_missing (a provider or router that is not started).
    static Result<std::shared_ptr<Routes>> make(RoutingDefinition definition,
                                                std::shared_ptr<TargetBoard> board,
                                                RouteDoors doors);
    virtual ~Routes() = default;

    /// The first route that fits. Null: none does.
    virtual RoutedProvider* find(std::string_view model) noexcept = 0;
    /// A route to one instance alone, for a stage that names its provider. Null: no such provider.
    virtual RoutedProvider* direct(std::string_view instance) noexcept = 0;
    /// A provider that looks for the route by each request's model. Errors of generate: unsupported_model.
    virtual ProviderDoor& by_model() noexcept = 0;
    virtual const RoutingDefinition& definition() const noexcept = 0;
    virtual TargetBoard& board() noexcept = 0;
};

}  // namespace eco2::routing
