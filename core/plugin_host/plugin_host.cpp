#include "plugin_host/plugin_host.hpp"

#include "base/io_thread.hpp"
#include "base/limits.hpp"
#include "plugin_host/instance.hpp"
#include "plugin_host/instance_record.hpp"
#include "plugin_host/loaded_library.hpp"
#include "plugin_host/plugin_file.hpp"

#include <system_error>

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>

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

bool wait_for_calls(const std::vector<RecordPtr>& records, std::chrono::steady_clock::time_point deadline) {
    bool are_empty = true;
    for (const auto& record : records) {
        are_empty = record->instance->wait_for_calls(deadline) && are_empty;
    }
    return are_empty;
}

}  // namespace

class PluginHost::Impl {
public:
    Impl(Doors doors, Options options) : doors_(doors), options_(std::move(options)) {}

    Result<void> load(InstanceConfig config) {
        assert_may_block();
        const auto has_id = [&](const auto& record) { return record->config.id == config.id; };
        if (config.id.empty() || std::any_of(records_.begin(), records_.end(), has_id)) {
            return fail(Errc::config_invalid, "there are two plugin instances named \"" + config.id + "\"");
        }
        auto obtained = obtain(std::move(config));
        if (!obtained) {
            return obtained.error();
        }
        loaded_.push_back(std::move(obtained.value()));
        return {};
    }

    Result<SharePtr> obtain(InstanceConfig config) {
        assert_may_block();
        auto library = library_for(config);
        if (library) {
            if (auto share = share_of_running(config, library->get())) {
                return share;
            }
        }
        auto record = std::make_shared<Record>();
        record->config = std::move(config);
        auto started = library ? start(*record, std::move(*library)) : Result<void>(library.error());
        if (!started) {
            record->error = started.error();
            note_failed(std::move(record));
            return started.error();
        }
        const std::unique_lock lock(mutex_);
        erase_failed(record->config.id);
        record->generation = ++generations_[record->config.id];
        records_.push_back(record);
        return share_of(record);
    }

    void replace(const std::vector<SharePtr>& instances, std::chrono::milliseconds drain_time) {
        const auto drained_at = std::chrono::steady_clock::now() + drain_time;
        const std::unique_lock lock(mutex_);
        for (const auto& record : records_) {
            const auto share = record->share.lock();
            const bool stays = share != nullptr && std::find(instances.begin(), instances.end(), share) != instances.end();
            if (stays) {
                record->is_leaving = false;
            } else if (!std::exchange(record->is_leaving, true)) {
                record->drained_at = drained_at;
            }
        }
    }

    std::size_t tend() {
        assert_may_block();
        std::size_t left = 0;
        for (const auto& record : records_in({InstanceState::started, InstanceState::draining})) {
            const bool is_held = !record->share.expired();
            if (record->is_leaving || !is_held) {
                left += take_down(record, is_held) ? 0U : 1U;
            }
        }
        return left;
    }

    std::map<std::string, std::uint64_t> contract_violations() const {
        const std::shared_lock lock(mutex_);
        auto all = past_violations_;
        for (const auto& record : records_) {
            all[record->config.id] += record->instance == nullptr ? 0 : record->instance->context().violations();
        }
        return all;
    }

    template <class Door>
    Door* door(std::string_view id, Door* (Instance::*get)() noexcept) const {
        const std::shared_lock lock(mutex_);
        const auto found = std::find_if(records_.rbegin(), records_.rend(), [&](const auto& record) {
            return record->config.id == id && record->is_in(InstanceState::started);
        });
        return found == records_.rend() ? nullptr : ((*found)->instance.get()->*get)();
    }

    std::vector<InstanceStatus> status() const {
        const std::shared_lock lock(mutex_);
        std::vector<InstanceStatus> all;
        for (const auto& record : records_) {
            all.push_back(status_of(*record));
        }
        std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
        return all;
    }

    Result<void> stop(std::chrono::milliseconds timeout) {
        assert_may_block();
        const auto records = records_in({InstanceState::started, InstanceState::draining});
        for (const auto& record : records) {
            record->instance->drain();
        }
        const auto deadline = std::chrono::steady_clock::now() + timeout;
        if (!wait_for_calls(records, deadline)) {
            for (const auto& record : records) {
                record->instance->cancel_calls();
            }
            wait_for_calls(records, std::chrono::steady_clock::now() + limits::kCancelGrace + kTellingTime);
        }
        std::string left_alone;
        for (const auto& record : records) {
            if (const auto finished = finish(*record); !finished) {
                left_alone += (left_alone.empty() ? "" : "; ") + finished.error().detail;
            }
        }
        return left_alone.empty() ? Result<void>() : fail(Errc::limit_exceeded, left_alone);
    }

private:
    Result<void> start(Record& record, std::shared_ptr<const LoadedLibrary> library) {
        record.library = library;
        record.instance = std::make_unique<Instance>(doors_, record.config, std::move(library));
        return record.instance->start_up();
    }

    /// The manifest is read each time: an upgraded library has another hash there, and is mapped beside the old one.
    Result<std::shared_ptr<const LoadedLibrary>> library_for(const InstanceConfig& config) {
        const FileRules rules = {.is_production = options_.is_production, .configured_sha256 = config.sha256};
        auto file = find_plugin(options_, config.plugin, rules);
        if (!file) {
            return file.error();
        }
        const auto key = std::pair(config.plugin, file->manifest.sha256);
        if (const auto known = libraries_.find(key); known != libraries_.end()) {
            const auto& manifest = known->second->manifest();
            if (const auto problem = hash_problem(manifest.sha256, manifest, config.sha256); !problem.empty()) {
                return fail(Errc::plugin_refused, "plugin " + config.plugin + ": " + problem);
            }
            return known->second;
        }
        if (auto opened = open_library(*file, rules); !opened) {
            return opened.error();
        }
        for (const auto& warning : file->warnings) {
            doors_.log.warn("plugin file", {{"plugin", config.plugin}, {"warning", warning}});
        }
        auto library = LoadedLibrary::load(std::move(*file));
        if (library) {
            libraries_.emplace(key, *library);
        }
        return library;
    }

    /// Null: none that runs fits. One that leaves but still takes calls may come back.
    SharePtr share_of_running(const InstanceConfig& config, const LoadedLibrary* library) {
        const auto found = std::find_if(records_.rbegin(), records_.rend(), [&](const auto& record) {
            return record->is_in(InstanceState::started) && is_same(*record, config, library);
        });
        return found == records_.rend() ? nullptr : share_of(*found);
    }

    /// Kept for `status` where no other generation runs.
    void note_failed(RecordPtr record) {
        const std::unique_lock lock(mutex_);
        erase_failed(record->config.id);
        const bool has_other = std::any_of(
            records_.begin(), records_.end(), [&](const auto& other) { return other->config.id == record->config.id; });
        if (!has_other) {
            records_.push_back(std::move(record));
        }
    }

    void erase_failed(const std::string& id) {
        std::erase_if(records_, [&](const auto& record) {
            const bool is_failed = record->instance == nullptr || record->is_in(InstanceState::failed);
            if (record->config.id != id || !is_failed) {
                return false;
            }
            past_violations_[id] += record->instance == nullptr ? 0 : record->instance->context().violations();
            return true;
        });
    }

    std::vector<RecordPtr> records_in(std::initializer_list<InstanceState> states) const {
        const std::shared_lock lock(mutex_);
        std::vector<RecordPtr> found;
        for (const auto& record : records_) {
            if (std::any_of(states.begin(), states.end(), [&](auto state) { return record->is_in(state); })) {
                found.push_back(record);
            }
        }
        return found;
    }

    /// True: it is gone, or will never go.
    bool take_down(const RecordPtr& record, bool is_held) {
        auto& instance = *record->instance;
        const bool is_over = std::chrono::steady_clock::now() >= record->drained_at;
        if (is_held && !is_over) {
            return false;
        }
        instance.drain();
        if (instance.context().calls().inside() != 0) {
            if (is_over && !std::exchange(record->are_calls_cancelled, true)) {
                doors_.log.warn("calls of a replaced instance cut off",
                                {{"instance", record->config.id},
                                 {"generation", std::to_string(record->generation)},
                                 {"calls", std::to_string(instance.context().calls().inside())}});
                instance.cancel_calls();
            }
            return false;
        }
        if (finish(*record)) {
            forget(record);
        }
        return true;
    }

    void forget(const RecordPtr& record) {
        doors_.log.info("plugin stopped",
                        {{"instance", record->config.id}, {"generation", std::to_string(record->generation)}});
        const std::unique_lock lock(mutex_);
        past_violations_[record->config.id] += record->instance->context().violations();
        std::erase(records_, record);
    }

    Result<void> finish(Record& record) {
        auto finished = record.instance->finish();
        if (!finished) {
            doors_.log.error("plugin instance left alone",
                             {{"instance", record.config.id}, {"reason", finished.error().detail}});
            const std::unique_lock lock(mutex_);
            record.error = finished.error();
        }
        return finished;
    }

    Doors doors_;
    Options options_;
    std::map<std::pair<std::string, std::string>, std::shared_ptr<const LoadedLibrary>> libraries_;  // control thread
    std::vector<SharePtr> loaded_;                                                                   // by `load`
    std::map<std::string, std::uint64_t> generations_;
    mutable std::shared_mutex mutex_;  // guards what follows for those that are not the control thread
    std::vector<RecordPtr> records_;   // oldest first
    std::map<std::string, std::uint64_t> past_violations_;
};

PluginHost::PluginHost(Doors doors, Options options) : impl_(std::make_unique<Impl>(doors, std::move(options))) {}

PluginHost::~PluginHost() {
    impl_->stop(std::chrono::milliseconds(0));
}

Result<void> PluginHost::load(InstanceConfig config) {
    return impl_->load(std::move(config));
}

Result<SharePtr> PluginHost::obtain(InstanceConfig config) {
    return impl_->obtain(std::move(config));
}

void PluginHost::replace(const std::vector<SharePtr>& instances, std::chrono::milliseconds drain_time) {
    impl_->replace(instances, drain_time);
}

std::size_t PluginHost::tend() {
    return impl_->tend();
}

std::map<std::string, std::uint64_t> PluginHost::contract_violations() const {
    return impl_->contract_violations();
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

BatchProviderDoor* PluginHost::batch_provider(std::string_view instance_id) noexcept {
    return impl_->door(instance_id, &Instance::batch_provider);
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
