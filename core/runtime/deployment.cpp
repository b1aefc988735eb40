#include "runtime/deployment.hpp"

#include "config/pipeline_file.hpp"
#include "runtime/instance_config.hpp"
#include "runtime/run_watch.hpp"

#include <algorithm>
#include <filesystem>
#include <random>
#include <utility>

namespace eco2::runtime {
namespace {

const std::string& instance_of(const StageDefinition& stage) {
    switch (stage.kind) {
        case StageDefinition::Kind::rules: return stage.store;
        case StageDefinition::Kind::reward: return stage.engine;
        case StageDefinition::Kind::infer: break;
    }
    return stage.provider;
}

const plugin_host::SharePtr* find_share(const std::vector<plugin_host::SharePtr>& shares, std::string_view id) {
    const auto found = std::find_if(shares.begin(), shares.end(), [&](const auto& share) { return share->id() == id; });
    return found == shares.end() ? nullptr : &*found;
}

}  // namespace

/// A loaded pipeline with its watch and its context.
struct Deployment::Wired {
    Wired(std::shared_ptr<const Pipeline> pipeline, std::vector<StageDoors> doors, const Parts& parts)
        : watch(*pipeline, parts.log, parts.metrics),
          context{std::move(pipeline), std::move(doors), parts.grants, parts.executor, system_clock(), watch, parts.redact} {}

    RunWatch watch;
    RunContext context;
};

/// Makes one deployment, step by step.
class Deployment::Builder {
public:
    Builder(config::HostConfig config, const Parts& parts, const Deployment& predecessor)
        : parts_(parts), predecessor_(predecessor), made_(std::make_shared<Deployment>(std::move(config))) {
        made_->generation_ = predecessor.generation_ + 1;
    }

    Result<std::shared_ptr<const Deployment>> build() {
        if (auto obtained = obtain_instances(); !obtained) {
            return obtained.error();
        }
        if (auto routed = make_routes(); !routed) {
            return routed.error();
        }
        for (const auto& file : config().pipelines) {
            if (auto loaded = load_pipeline(file); !loaded) {
                return loaded.error();
            }
        }
        return std::shared_ptr<const Deployment>(std::move(made_));
    }

private:
    const config::HostConfig& config() const noexcept { return *made_->config_; }
    bool is_first() const noexcept { return predecessor_.generation_ == 0; }
    /// Null: not started.
    plugin_host::InstanceShare* share_of(std::string_view id) const {
        const auto* share = find_share(made_->instances_, id);
        return share == nullptr ? nullptr : share->get();
    }

    Result<void> obtain_instances() {
        for (const auto& plugin : config().plugins) {
            if (share_of(plugin.id) != nullptr) {
                return fail(Errc::config_invalid, "there are two plugin instances named \"" + plugin.id + "\"");
            }
            auto obtained = obtain(plugin);
            if (obtained) {
                made_->instances_.push_back(std::move(obtained.value()));
                continue;
            }
            Error error = fail(obtained.error().code, "plugin " + plugin.id + ": " + obtained.error().detail);
            if (plugin.is_required || find_share(predecessor_.instances_, plugin.id) != nullptr) {
                return error;
            }
            parts_.log.error("plugin left out", {{"instance", plugin.id}, {"error", error.name()}, {"detail", error.detail}});
        }
        return {};
    }

    Result<plugin_host::SharePtr> obtain(const config::PluginConfig& plugin) {
        if (auto checked = check_keys(plugin); !checked) {
            return checked.error();
        }
        auto share = parts_.plugins.obtain(instance_config(plugin));
        const auto* before = find_share(predecessor_.instances_, plugin.id);
        if (share && (before == nullptr || *before != *share)) {
            parts_.log.info(
                "plugin started",
                {{"instance", plugin.id}, {"plugin", plugin.plugin}, {"generation", std::to_string((*share)->generation())}});
        }
        return share;
    }

    /// What the old board knows of keys, quotas and breakers goes on: a reload must not send a burst at a limit.
    Result<void> make_routes() {
        made_->board_ = std::make_shared<routing::TargetBoard>(config().routing, system_clock(), std::random_device{}());
        if (predecessor_.board_ != nullptr) {
            made_->board_->inherit(*predecessor_.board_);
        }
        routing::RouteDoors doors{[this](std::string_view id) {
                                      auto* share = share_of(id);
                                      return share == nullptr ? nullptr : share->provider();
                                  },
                                  [this](std::string_view id) {
                                      auto* share = share_of(id);
                                      return share == nullptr ? nullptr : share->router();
                                  },
                                  [this](std::string_view id) { return share_of(id) == nullptr && !is_required(id); },
                                  parts_.executor,
                                  system_clock(),
                                  parts_.attempts,
                                  [made = std::weak_ptr<const Deployment>(made_)] { return made.lock(); }};
        auto routes = routing::Routes::make(config().routing, made_->board_, std::move(doors));
        if (!routes) {
            return routes.error();
        }
        made_->routes_ = std::move(routes.value());
        return {};
    }

    bool is_required(std::string_view id) const {
        const auto& all = config().plugins;
        const auto found = std::find_if(all.begin(), all.end(), [&](const auto& plugin) { return plugin.id == id; });
        return found == all.end() || found->is_required;
    }

    Result<void> load_pipeline(const std::filesystem::path& file) {
        auto definition = config::load_pipeline(file);
        if (!definition) {
            return definition.error();
        }
        auto pipeline = Pipeline::compile(std::move(definition.value()));
        if (!pipeline) {
            return pipeline.error();
        }
        const auto& name = pipeline.value()->definition().name;
        std::vector<StageDoors> doors;
        for (const auto& stage : pipeline.value()->definition().stages) {
            auto found = doors_of(name, stage);
            if (!found) {
                return leave_out(name, stage, found.error());
            }
            doors.push_back(std::move(found.value()));
        }
        parts_.log.info("pipeline ready", {{"pipeline", name}, {"file", file.native()}});
        made_->pipelines_.push_back(std::make_unique<Wired>(std::move(pipeline.value()), std::move(doors), parts_));
        return {};
    }

    Result<StageDoors> doors_of(const std::string& pipeline, const StageDefinition& stage) {
        StageDoors doors;
        if (auto* share = share_of(instance_of(stage)); share != nullptr) {
            switch (stage.kind) {
                case StageDefinition::Kind::infer: break;
                case StageDefinition::Kind::rules: doors.rules = share->rule_store(); break;
                case StageDefinition::Kind::reward: doors.reward = share->reward(); break;
            }
        }
        if (stage.kind == StageDefinition::Kind::infer) {
            doors.provider = provider_of(stage);
        }
        if (doors.provider == nullptr && doors.rules == nullptr && doors.reward == nullptr) {
            if (instance_of(stage).empty()) {
                return fail(Errc::plugin_missing, "stage \"" + stage.name + "\" needs a provider, and none is started");
            }
            return fail(Errc::plugin_missing,
                        "stage \"" + stage.name + "\" needs plugin instance \"" + instance_of(stage) +
                            "\", which is not started or does not offer it");
        }
        doors.gate = gate_of(pipeline, stage);
        return doors;
    }

    /// Every model is asked over a route, so that budgets, quotas and breakers hold for stages too.
    ProviderDoor* provider_of(const StageDefinition& stage) {
        auto& routes = *made_->routes_;
        if (!stage.provider.empty()) {
            return routes.direct(stage.provider);
        }
        return routes.definition().routes.empty() ? nullptr : &routes.by_model();
    }

    /// The predecessor's, where its limits are the same: they hold for the runs of both together.
    std::shared_ptr<StageGate> gate_of(const std::string& pipeline, const StageDefinition& stage) {
        if (const auto* context = predecessor_.find(pipeline); context != nullptr) {
            const auto& stages = context->pipeline->definition().stages;
            for (std::size_t i = 0; i < stages.size(); ++i) {
                if (stages[i].name == stage.name && stages[i].concurrency_max == stage.concurrency_max &&
                    stages[i].queue_max == stage.queue_max) {
                    return context->doors[i].gate;
                }
            }
        }
        return std::make_shared<StageGate>(parts_.executor, stage.concurrency_max, stage.queue_max);
    }

    /// What a missing instance says about the host: one that is not required does not keep it from being ready.
    Result<void> leave_out(const std::string& name, const StageDefinition& stage, const Error& error) {
        const bool is_needed = is_required(instance_of(stage));
        if (!is_first() && (is_needed || predecessor_.find(name) != nullptr)) {
            return fail(error.code, "pipeline \"" + name + "\": " + error.detail);
        }
        parts_.log.error("pipeline left out", {{"pipeline", name}, {"detail", error.detail}});
        made_->left_out_.push_back({name, error.detail, is_needed});
        return {};
    }

    const Parts& parts_;
    const Deployment& predecessor_;
    std::shared_ptr<Deployment> made_;
};

Deployment::Deployment(config::HostConfig config) : config_(std::make_shared<const config::HostConfig>(std::move(config))) {}

Deployment::~Deployment() = default;

Result<std::shared_ptr<const Deployment>> Deployment::build(config::HostConfig config,
                                                            const Parts& parts,
                                                            const Deployment& predecessor) {
    return Builder(std::move(config), parts, predecessor).build();
}

RunContext* Deployment::find(std::string_view name) const noexcept {
    const auto found = std::find_if(pipelines_.begin(), pipelines_.end(), [&](const auto& wired) {
        return wired->context.pipeline->definition().name == name;
    });
    return found == pipelines_.end() ? nullptr : &(*found)->context;
}

std::shared_ptr<RunContext> Deployment::pin(std::shared_ptr<const Deployment> deployment, std::string_view name) {
    auto* context = deployment->find(name);
    return context == nullptr ? nullptr : std::shared_ptr<RunContext>(std::move(deployment), context);
}

std::vector<RunContext*> Deployment::contexts() const {
    std::vector<RunContext*> all;
    for (const auto& wired : pipelines_) {
        all.push_back(&wired->context);
    }
    return all;
}

bool Deployment::is_configured(std::string_view name) const noexcept {
    return find(name) != nullptr ||
           std::any_of(left_out_.begin(), left_out_.end(), [&](const auto& left) { return left.pipeline == name; });
}

}  // namespace eco2::runtime
