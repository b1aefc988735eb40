#include "plugin_host/plugin_host.hpp"

#include "base/io_thread.hpp"
#include "base/limits.hpp"
#include "plugin_host/instance.hpp"
#include "plugin_host/loaded_library.hpp"
#include "plugin_host/plugin_file.hpp"

#include <system_error>

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <shared_mutex>

namespace eco2::plugin_host {
namespace {

/// Beyond the grace, so that observers are told before their instances are given up.
constexpr auto kTellingTime = std::chrono::milliseconds(250);

/// The first directory that holds the plugin decides; what is wrong there is told, not passed over.
Result<PluginFile> find_plugin(const Options& options, const std::string& plugin, const FileRules& rules) {
    for (const auto& directory : options.directories) {
        auto file = open_manifest(directory, plugin, rules);
        if (file || file.error().code != Errc::plugin_missing) {
            return file;
        }
    }
    return fail(
        Errc::plugin_missing,
        "plugin " + plugin + " is in none of the " + std::to_string(options.directories.size()) + " plugin directories");
}

std::string first_problem(PluginFile& file, const FileRules& rules) {
    if (auto opened = open_library(file, rules); !opened) {
        return opened.error().detail;
    }
    const auto inspected = LoadedLibrary::inspect(file);
    return inspected ? std::string{} : inspected.error().detail;
}

PluginSummary summary_of(const std::string& directory, const std::string& plugin, const Options& options) {
    PluginSummary summary;
    summary.id = plugin;
    summary.directory = directory + "/" + plugin;
    // Which hashes the configuration names is not known here.
    auto file = open_manifest(directory, plugin, {.is_production = options.is_production, .configured_sha256 = {}});
    if (!file) {
        summary.problem = file.error().detail;
        return summary;
    }
    summary.version = file->manifest.version;
    summary.interfaces = file->manifest.interfaces;
    summary.licence = file->manifest.licence;
    summary.problem = first_problem(
        *file,
        {.is_production = options.is_production, .configured_sha256 = options.is_production ? file->manifest.sha256 : ""});
    return summary;
}

}  // namespace

class PluginHost::Impl {
public:
    Impl(Doors doors, Options options) : doors_(doors), options_(std::move(options)) {}

    Result<void> load(InstanceConfig config) {
        assert_may_block();
        const auto id = config.id;
        Record record{.config = config, .instance = nullptr, .error = {}};
        {
            const std::shared_lock lock(mutex_);
            if (id.empty() || records_.contains(id)) {
                return fail(Errc::config_invalid, "there are two plugin instances named \"" + id + "\"");
            }
        }
        auto loaded = load_into(record, std::move(config));
        if (!loaded) {
            record.error = loaded.error();
        }
        const std::unique_lock lock(mutex_);
        records_.emplace(id, std::move(record));
        return loaded;
    }

    template <class Door>
    Door* door(std::string_view id, Door* (Instance::*get)() noexcept) const {
        const std::shared_lock lock(mutex_);
        const auto found = records_.find(id);
        if (found == records_.end() || found->second.instance == nullptr ||
            found->second.instance->state() != InstanceState::started) {
            return nullptr;
        }
        return (*found->second.instance.*get)();
    }

    std::vector<InstanceStatus> status() const {
        const std::shared_lock lock(mutex_);
        std::vector<InstanceStatus> all;
        for (const auto& [id, record] : records_) {
            all.push_back(status_of(record));
        }
        return all;
    }

    Result<void> stop(std::chrono::milliseconds timeout) {
        assert_may_block();
        const auto instances = started_instances();
        for (auto* instance : instances) {
            instance->drain();
        }
        const auto deadline = std::chrono::steady_clock::now() + timeout;
        if (!wait_for_calls(instances, deadline)) {
            for (auto* instance : instances) {
                instance->cancel_calls();
            }
            wait_for_calls(instances, std::chrono::steady_clock::now() + limits::kCancelGrace + kTellingTime);
        }
        return finish(instances);
    }

private:
    struct Record {
        InstanceConfig config;
        std::unique_ptr<Instance> instance;  // null: not even loaded
        Error error;
    };

    Result<void> load_into(Record& record, InstanceConfig config) {
        auto library = library_for(config);
        if (!library) {
            return library.error();
        }
        record.instance = std::make_unique<Instance>(doors_, std::move(config), std::move(*library));
        return record.instance->start_up();
    }

    Result<std::shared_ptr<const LoadedLibrary>> library_for(const InstanceConfig& config) {
        if (const auto known = libraries_.find(config.plugin); known != libraries_.end()) {
            const auto& manifest = known->second->manifest();
            if (const auto problem = hash_problem(manifest.sha256, manifest, config.sha256); !problem.empty()) {
                return fail(Errc::plugin_refused, "plugin " + config.plugin + ": " + problem);
            }
            return known->second;
        }
        const FileRules rules = {.is_production = options_.is_production, .configured_sha256 = config.sha256};
        auto file = find_plugin(options_, config.plugin, rules);
        if (!file) {
            return file.error();
        }
        if (auto opened = open_library(*file, rules); !opened) {
            return opened.error();
        }
        for (const auto& warning : file->warnings) {
            doors_.log.warn("plugin file", {{"plugin", config.plugin}, {"warning", warning}});
        }
        auto library = LoadedLibrary::load(std::move(*file));
        if (library) {
            libraries_.emplace(config.plugin, *library);
        }
        return library;
    }

    std::vector<Instance*> started_instances() const {
        const std::shared_lock lock(mutex_);
        std::vector<Instance*> instances;
        for (const auto& [id, record] : records_) {
            if (record.instance != nullptr && record.instance->state() == InstanceState::started) {
                instances.push_back(record.instance.get());
            }
        }
        return instances;
    }

    static bool wait_for_calls(const std::vector<Instance*>& instances, std::chrono::steady_clock::time_point deadline) {
        bool are_empty = true;
        for (auto* instance : instances) {
            are_empty = instance->wait_for_calls(deadline) && are_empty;
        }
        return are_empty;
    }

    Result<void> finish(const std::vector<Instance*>& instances) {
        std::string left_alone;
        for (auto* instance : instances) {
            const auto finished = instance->finish();
            if (!finished) {
                doors_.log.error("plugin instance left alone",
                                 {{"instance", instance->context().id()}, {"reason", finished.error().detail}});
                left_alone += (left_alone.empty() ? "" : "; ") + finished.error().detail;
                const std::unique_lock lock(mutex_);
                records_.find(instance->context().id())->second.error = finished.error();
            }
        }
        if (!left_alone.empty()) {
            return fail(Errc::limit_exceeded, left_alone);
        }
        return {};
    }

    static InstanceStatus status_of(const Record& record) {
        InstanceStatus status;
        status.id = record.config.id;
        status.plugin = record.config.plugin;
        status.is_required = record.config.is_required;
        status.error = record.error;
        if (record.instance != nullptr) {
            auto& context = record.instance->context();
            status.version = record.instance->library().manifest().version;
            status.interfaces = record.instance->library().manifest().interfaces;
            status.state = record.instance->state();
            status.calls_open = context.calls().inside();
            status.contract_violations = context.violations();
            status.slow_calls = context.slow_calls();
            status.is_degraded = context.is_degraded();
        }
        return status;
    }

    Doors doors_;
    Options options_;
    std::map<std::string, std::shared_ptr<const LoadedLibrary>, std::less<>> libraries_;  // control thread
    mutable std::shared_mutex mutex_;
    std::map<std::string, Record, std::less<>> records_;
};

PluginHost::PluginHost(Doors doors, Options options) : impl_(std::make_unique<Impl>(doors, std::move(options))) {}

PluginHost::~PluginHost() {
    impl_->stop(std::chrono::milliseconds(0));
}

Result<void> PluginHost::load(InstanceConfig config) {
    return impl_->load(std::move(config));
}

ProviderDoor* PluginHost::provider(std::string_view instance_id) noexcept {
    return impl_->door(instance_id, &Instance::provider);
}

RuleStoreDoor* PluginHost::rule_store(std::string_view instance_id) noexcept {
    return impl_->door(instance_id, &Instance::rule_store);
}

RewardDoor* PluginHost::reward(std::string_view instance_id) noexcept {
    return impl_->door(instance_id, &Instance::reward);
}

RouterDoor* PluginHost::router(std::string_view instance_id) noexcept {
    return impl_->door(instance_id, &Instance::router);
}

std::vector<InstanceStatus> PluginHost::status() const {
    return impl_->status();
}

Result<void> PluginHost::stop(std::chrono::milliseconds timeout) {
    return impl_->stop(timeout);
}

std::vector<PluginSummary> PluginHost::list(const Options& options) {
    std::vector<PluginSummary> all;
    for (const auto& directory : options.directories) {
        std::vector<std::string> names;
        std::error_code ec;
        for (const auto& entry : std::filesystem::directory_iterator(directory, ec)) {
            if (entry.is_directory(ec) && std::filesystem::exists(entry.path() / "plugin.toml", ec)) {
                names.push_back(entry.path().filename().string());
            }
        }
        std::sort(names.begin(), names.end());
        for (const auto& name : names) {
            all.push_back(summary_of(directory, name, options));
        }
    }
    return all;
}

}  // namespace eco2::plugin_host
