#include "routing/routes.hpp"

#include "base/limits.hpp"
#include "routing/routed_call.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace eco2::routing {
namespace {

constexpr std::chrono::milliseconds kPlainBackoff{200};

bool has_key_quota(const ProviderDefinition& provider) {
    return std::any_of(provider.keys.begin(), provider.keys.end(), [](const KeyDefinition& key) {
        return key.quota.requests_per_minute > 0 || key.quota.tokens_per_minute > 0;
    });
}

class Route final : public RoutedProvider {
public:
    explicit Route(std::shared_ptr<const WiredRoute> wired) : wired_(std::move(wired)) {}

    StartedCall generate(std::shared_ptr<const GenerateRequest> request, CallObserver& observer) override {
        return RoutedCall::start(wired_, std::move(request), observer);
    }
    std::string_view name() const noexcept override { return wired_->definition.name; }
    const RouteDefinition& definition() const noexcept override { return wired_->definition; }
    std::int64_t worst_picousd(const GenerateRequest& request) const override {
        const auto prompt = estimate_prompt_tokens(request);
        const auto answer = request.max_output_tokens >= 0 ? request.max_output_tokens : limits::kReservedOutputTokens;
        std::int64_t worst = 0;
        for (const auto& to : wired_->definition.targets) {
            const auto& model = to.model.empty() ? request.model : to.model;
            worst = std::max(worst, wired_->prices.worst_picousd(to.provider, model, prompt, answer));
        }
        return worst;
    }
    /// Of any of its targets: the others are passed over for what they cannot take.
    Capabilities capabilities() const noexcept override {
        Capabilities any{false, false, false, false, false};
        for (const auto* provider : wired_->providers) {
            const auto one = provider->capabilities();
            any = {any.has_vision || one.has_vision,
                   any.has_json_schema || one.has_json_schema,
                   any.has_streaming || one.has_streaming,
                   any.has_tools || one.has_tools,
                   any.has_chat || one.has_chat};
        }
        return any;
    }

private:
    std::shared_ptr<const WiredRoute> wired_;
};

class RouteTable final : public Routes {
public:
    RouteTable(RoutingDefinition definition, std::shared_ptr<TargetBoard> board, RouteDoors doors)
        : definition_(std::move(definition)),
          board_(std::move(board)),
          doors_(std::move(doors)),
          prices_(definition_.prices),
          by_model_(*this) {}

    Result<void> wire() {
        for (const auto& provider : definition_.providers) {
            if (doors_.provider(provider.id) != nullptr) {
                if (auto wired = wire(one_target_route(provider.id, provider.id)); wired) {
                    direct_.emplace(provider.id, std::move(wired.value()));
                }
            }
        }
        if (definition_.routes.empty() && !direct_.empty()) {
            const auto first = std::find_if(definition_.providers.begin(),
                                            definition_.providers.end(),
                                            [&](const auto& provider) { return direct_.contains(provider.id); });
            definition_.routes.push_back(one_target_route("default", first->id));
        }
        for (const auto& route : definition_.routes) {
            auto wired = wire(route);
            if (!wired) {
                return wired.error();
            }
            routes_.push_back(std::move(wired.value()));
        }
        return {};
    }

    RoutedProvider* find(std::string_view model) noexcept override {
        const auto fits = [&](const auto& route) { return glob_matches(route->definition().match, model); };
        const auto found = std::find_if(routes_.begin(), routes_.end(), fits);
        return found == routes_.end() ? nullptr : found->get();
    }
    RoutedProvider* direct(std::string_view instance) noexcept override {
        const auto found = direct_.find(instance);
        return found == direct_.end() ? nullptr : found->second.get();
    }
    ProviderDoor& by_model() noexcept override { return by_model_; }
    const RoutingDefinition& definition() const noexcept override { return definition_; }
    TargetBoard& board() noexcept override { return *board_; }

private:
    class ByModel final : public ProviderDoor {
    public:
        explicit ByModel(RouteTable& table) : table_(table) {}
        StartedCall generate(std::shared_ptr<const GenerateRequest> request, CallObserver& observer) override {
            auto* route = table_.find(request->model);
            if (route == nullptr) {
                return fail(Errc::unsupported_model, "no route for model \"" + request->model + "\"");
            }
            return route->generate(std::move(request), observer);
        }
        std::string_view name() const noexcept override { return "routes"; }

    private:
        RouteTable& table_;
    };

    /// For what no [[route]] names: a fault is told soon, and limits are waited for only where they are configured.
    RouteDefinition one_target_route(std::string name, std::string provider) const {
        const bool has_quota =
            !definition_.accounts.empty() || std::any_of(definition_.providers.begin(),
                                                         definition_.providers.end(),
                                                         [](const ProviderDefinition& one) { return has_key_quota(one); });
        RouteDefinition route;
        route.is_plain = true;
        route.policy.attempts = 2;
        route.policy.backoff_base = kPlainBackoff;
        // Leaving a slow provider helps only where another one could answer.
        route.policy.headers = route.policy.first_content = route.policy.between_contents = route.policy.whole =
            route.policy.total;
        route.policy.queue_max = has_quota ? route.policy.queue_max : 0;
        route.name = std::move(name);
        route.match.assign(1, '*');  // an assigned literal makes g++ 12 warn of an overlap
        route.targets.push_back({.provider = std::move(provider), .model = {}});
        return route;
    }

    Result<std::unique_ptr<Route>> wire(RouteDefinition route) {
        if (route.targets.empty()) {
            return fail(Errc::config_invalid, "route " + route.name + " has no targets");
        }
        std::vector<ProviderDoor*> providers;
        if (std::any_of(route.targets.begin(), route.targets.end(), [&](const auto& to) { return !is_missing(to); })) {
            std::erase_if(route.targets, [&](const auto& to) { return is_missing(to); });
        }
        for (const auto& target : route.targets) {
            auto* provider = doors_.provider(target.provider);
            if (provider == nullptr) {
                return fail(Errc::plugin_missing,
                            "route " + route.name + " needs plugin instance \"" + target.provider +
                                "\", which is not started or is no provider");
            }
            providers.push_back(provider);
        }
        RouterDoor* router = route.router.empty() ? nullptr : doors_.router(route.router);
        if (router == nullptr && !route.router.empty()) {
            return fail(Errc::plugin_missing,
                        "route " + route.name + " needs plugin instance \"" + route.router +
                            "\", which is not started or orders no targets");
        }
        auto wired =
            std::make_shared<WiredRoute>(WiredRoute{std::move(route), std::move(providers), router, *board_, prices_, doors_});
        return std::make_unique<Route>(std::move(wired));
    }

    bool is_missing(const RouteTarget& target) const {
        return doors_.provider(target.provider) == nullptr && doors_.may_be_missing(target.provider);
    }

    RoutingDefinition definition_;
    const std::shared_ptr<TargetBoard> board_;
    const RouteDoors doors_;
    const PriceBook prices_;
    ByModel by_model_;
    std::vector<std::unique_ptr<Route>> routes_;
    std::map<std::string, std::unique_ptr<Route>, std::less<>> direct_;
};

}  // namespace

Result<std::shared_ptr<Routes>> Routes::make(RoutingDefinition definition,
                                             std::shared_ptr<TargetBoard> board,
                                             RouteDoors doors) {
    auto table = std::make_shared<RouteTable>(std::move(definition), std::move(board), std::move(doors));
    if (auto wired = table->wire(); !wired) {
        return wired.error();
    }
    return std::shared_ptr<Routes>(std::move(table));
}

}  // namespace eco2::routing
