#include "plugin_host/instance.hpp"

#include "base/assert.hpp"
#include "base/json_schema.hpp"
#include "plugin_host/abi_values.hpp"
#include "plugin_host/health_probe.hpp"
#include "plugin_host/plugin_frame.hpp"

#include <string>
#include <utility>

namespace eco2::plugin_host {
namespace {

/// The one error that create tells.
struct CreateError {
    std::string text;

    static void take(void* self, const eco2_error* error) noexcept {
        const AbiView<eco2_error> view(error);
        static_cast<CreateError*>(self)->text = describe(view ? view->status : ECO2_INTERNAL, error);
    }
};

template <class Table>
const Table* table_of(const void* raw) noexcept {
    const auto* table = static_cast<const Table*>(raw);
    return table->struct_size < sizeof(Table) ? nullptr : table;
}

}  // namespace

Instance::Instance(Doors doors, InstanceConfig config, std::shared_ptr<const LoadedLibrary> library)
    : context_(std::make_shared<InstanceContext>(doors, std::move(config))),
      services_(std::make_shared<HostServices>(*context_)),
      library_(std::move(library)) {
    context_->keep(services_);
}

template <class Function>
bool Instance::guarded(std::string_view name, Function&& function) {
    try {
        const PluginFrame frame(*context_, name);
        function();
        return true;
    } catch (...) {
        context_->note_violation("an exception crossed the boundary", name);
        return false;
    }
}

void Instance::move_to(InstanceState to) noexcept {
    ECO2_ASSERT(is_legal(state_, to), "the life-cycle has one order");
    state_ = to;
}

Result<void> Instance::start_up() {
    for (const auto step : {&Instance::create, &Instance::take_interfaces, &Instance::start}) {
        if (auto done = (this->*step)(); !done) {
            return give_up(done.error());
        }
    }
    return {};
}

Result<void> Instance::check_config() const {
    const auto schema_text = text_of(library_->descriptor().config_schema_json);
    const auto& config = context_->config();
    const std::string_view json = config.config_json.empty() ? std::string_view("{}") : std::string_view(config.config_json);
    if (schema_text.empty()) {
        return fail(Errc::plugin_refused, "plugin " + config.plugin + " has no schema for its configuration");
    }
    const auto schema = JsonSchema::compile(schema_text);
    if (!schema) {
        return fail(Errc::plugin_refused, "the schema of plugin " + config.plugin + ": " + schema.error().detail);
    }
    if (const auto checked = (*schema)->check(json); !checked) {
        return fail(Errc::config_invalid, "instance " + config.id + ": " + checked.error().detail);
    }
    return {};
}

Result<void> Instance::create() {
    if (auto checked = check_config(); !checked) {
        return checked;
    }
    const auto& config = context_->config();
    const std::string_view json = config.config_json.empty() ? std::string_view("{}") : std::string_view(config.config_json);
    CreateError reason;
    eco2_status status = ECO2_INTERNAL;
    const bool has_returned = guarded("create", [&] {
        status = library_->descriptor().create(&services_->host(), abi_text(json), &reason, &CreateError::take, &plugin_);
    });
    services_->close_definitions();
    if (!has_returned || status != ECO2_OK || plugin_ == nullptr) {
        const bool has_plugin = std::exchange(plugin_, nullptr) != nullptr;
        if (has_returned && (status == ECO2_OK) != has_plugin) {
            context_->note_violation("create's status and its plugin disagree", "create");
        }
        const auto why = !has_returned ? "it threw" : reason.text.empty() ? std::string(status_name(status)) : reason.text;
        return fail(Errc::plugin_failed, "instance " + config.id + " could not be created: " + why);
    }
    if (plugin_->struct_size < sizeof(eco2_plugin) || plugin_->destroy == nullptr || plugin_->get_interface == nullptr ||
        plugin_->start == nullptr || plugin_->stop == nullptr) {
        context_->note_violation("an incomplete eco2_plugin", "create");
        plugin_ = nullptr;
        return fail(Errc::plugin_contract, "instance " + config.id + " gave an incomplete eco2_plugin");
    }
    move_to(InstanceState::created);
    return {};
}

Result<void> Instance::take_interfaces() {
    for (const auto& id : library_->manifest().interfaces) {
        const void* table = nullptr;
        guarded("get_interface", [&] { table = plugin_->get_interface(plugin_->self, id.c_str()); });
        if (table == nullptr) {
            return fail(Errc::plugin_failed, "instance " + context_->id() + " declares " + id + " but does not answer it");
        }
        if (auto taken = take_interface(id, table); !taken) {
            return taken;
        }
    }
    if (rule_table_ != nullptr) {
        rule_store_.emplace(context_, *rule_table_, import_table_);
    }
    return read_capabilities();
}

Result<void> Instance::read_capabilities() {
    if (batch_provider_) {
        if (auto read = batch_provider_->read_capabilities(); !read) {
            return read;
        }
    }
    if (!provider_ || info_table_ == nullptr) {
        return {};
    }
    const eco2_str* described = nullptr;
    guarded("describe", [&] { described = info_table_->describe(info_table_->self); });
    const auto capabilities = described == nullptr ? std::nullopt : capabilities_of(text_of(*described));
    if (!capabilities) {
        context_->note_violation("a description that is no JSON object with capabilities", "describe");
        return fail(Errc::plugin_contract, "instance " + context_->id() + " describes its capabilities wrongly");
    }
    provider_->set_capabilities(*capabilities);
    return {};
}

Result<void> Instance::take_interface(const std::string& id, const void* raw) {
    bool is_whole = true;
    if (id == ECO2_PROVIDER_ID) {
        const auto* table = table_of<eco2_provider>(raw);
        is_whole = table != nullptr && table->generate != nullptr;
        if (is_whole) {
            provider_.emplace(context_, *table);
        }
    } else if (id == ECO2_RULE_STORE_ID) {
        rule_table_ = table_of<eco2_rule_store>(raw);
        is_whole = rule_table_ != nullptr && rule_table_->acquire != nullptr && rule_table_->drop != nullptr &&
                   rule_table_->lookup != nullptr;
    } else if (id == ECO2_RULE_IMPORT_ID) {
        import_table_ = table_of<eco2_rule_import>(raw);
        is_whole = import_table_ != nullptr && import_table_->import_directory != nullptr;
    } else if (id == ECO2_REWARD_ID) {
        const auto* table = table_of<eco2_reward>(raw);
        is_whole = table != nullptr && table->decide != nullptr;
        if (is_whole) {
            reward_.emplace(context_, *table);
        }
    } else if (id == ECO2_ROUTER_ID) {
        const auto* table = table_of<eco2_router>(raw);
        is_whole = table != nullptr && table->order != nullptr;
        if (is_whole) {
            router_.emplace(context_, *table);
        }
    } else if (id == ECO2_BATCH_PROVIDER_ID) {
        const auto* table = table_of<eco2_batch_provider>(raw);
        is_whole = table != nullptr && table->describe != nullptr && table->encode_line != nullptr &&
                   table->read_line != nullptr && table->write_step != nullptr && table->read_reply != nullptr;
        if (is_whole) {
            batch_provider_.emplace(context_, *table);
        }
    } else if (id == ECO2_PROVIDER_INFO_ID) {
        info_table_ = table_of<eco2_provider_info>(raw);
        is_whole = info_table_ != nullptr && info_table_->describe != nullptr;
    } else if (id == ECO2_HEALTH_ID) {
        health_ = table_of<eco2_health>(raw);
        is_whole = health_ != nullptr && health_->check != nullptr;
    }
    if (!is_whole) {
        context_->note_violation("an incomplete table", id);
        return fail(Errc::plugin_contract, "instance " + context_->id() + " answers " + id + " with an incomplete table");
    }
    return {};
}

Result<void> Instance::start() {
    eco2_status status = ECO2_INTERNAL;
    guarded("start", [&] { status = plugin_->start(plugin_->self); });
    if (status != ECO2_OK) {
        return fail(Errc::plugin_failed,
                    "instance " + context_->id() + " could not start: " + std::string(status_name(status)));
    }
    move_to(InstanceState::started);
    return health_ == nullptr ? Result<void>() : probe_health(context_, *health_, limits::kPluginHealthTimeout);
}

void Instance::drain() {
    if (state_ == InstanceState::started) {
        move_to(InstanceState::draining);
    }
    context_->calls().close();
}

/// Ends tasks and exchanges. False: frames are inside the plugin.
bool Instance::is_quiet() {
    context_->frames().close();
    context_->cancel_tasks();
    services_->cancel();
    return context_->frames().wait_until(std::chrono::steady_clock::now() + limits::kCancelGrace);
}

/// After a failed start: takes down what exists, where nobody is inside.
Error Instance::give_up(Error error) {
    const bool was_started = state_ == InstanceState::started;
    move_to(InstanceState::failed);
    context_->calls().close();
    if (context_->calls().inside() != 0 || !is_quiet()) {
        return error;
    }
    if (const auto* plugin = std::exchange(plugin_, nullptr); plugin != nullptr) {
        if (was_started) {
            guarded("stop", [&] { plugin->stop(plugin->self); });
        }
        guarded("destroy", [&] { plugin->destroy(plugin->self); });
    }
    return error;
}

Result<void> Instance::finish() {
    if (state_ != InstanceState::draining) {
        return {};
    }
    if (context_->calls().inside() != 0 || !is_quiet()) {
        const auto open =
            std::to_string(context_->calls().inside()) + " calls and " + std::to_string(context_->frames().inside()) + " tasks";
        move_to(InstanceState::failed);
        return fail(Errc::limit_exceeded, "instance " + context_->id() + " would not end: " + open + " are still inside");
    }
    guarded("stop", [&] { plugin_->stop(plugin_->self); });
    move_to(InstanceState::stopped);
    const auto* plugin = std::exchange(plugin_, nullptr);
    guarded("destroy", [&] { plugin->destroy(plugin->self); });
    context_->forget_retired();
    move_to(InstanceState::destroyed);
    return {};
}

}  // namespace eco2::plugin_host
