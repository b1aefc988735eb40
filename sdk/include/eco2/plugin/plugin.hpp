#pragma once

#include "eco2/abi/plugin.h"
#include "eco2/plugin/detail/boundary.hpp"
#include "eco2/plugin/host.hpp"
#include "eco2/plugin/result.hpp"

#include <array>
#include <concepts>
#include <memory>
#include <string_view>
#include <utility>

namespace eco2::plugin {
inline namespace draft_2 {

/// The base of a plugin: its life, and the interfaces that it implements (SyncRuleStore, SyncReward, SyncProvider, HttpDialect,
/// HealthCheck, ...), all by type:
///
///     class Answers final : public Plugin<SyncProvider, HealthCheck> {
///     public:
///         static constexpr std::string_view kId = "answers";
///         static constexpr std::string_view kVersion = "1.0.0";
///         static constexpr std::string_view kSchema = R"({"type":"object","additionalProperties":false})";
///         static Result<std::unique_ptr<Answers>> create(const Host& host, std::string_view config_json);
///         ...
///     };
///     ECO2_PLUGIN(Answers)
///
/// `config_json` has passed kSchema (JSON Schema, draft 4). No exception leaves the plugin: what escapes becomes a Failure.
///
/// Thread-safety: create, start, stop and the destructor run on the control thread, never two at once; the interfaces'
/// functions
///                on many threads at once.
template <class... Interfaces>
class Plugin : public Interfaces... {
public:
    static constexpr std::size_t kInterfaceCount = sizeof...(Interfaces);
    static constexpr std::array<eco2_str, kInterfaceCount> kInterfaces{to_abi(Interfaces::kInterfaceId)...};

    explicit Plugin(const Host& host) : Interfaces(host)..., host_(host) {}
    Plugin(const Plugin&) = delete;
    Plugin& operator=(const Plugin&) = delete;
    virtual ~Plugin() = default;

    /// After it the instance takes calls.
    virtual Result<void> start() { return {}; }
    /// No code of the plugin may run on a thread of its own afterwards. No call is open when it comes.
    virtual void stop() {}

    const void* interface_table(std::string_view id) const noexcept {
        const void* found = nullptr;
        ((id == Interfaces::kInterfaceId ? void(found = static_cast<const Interfaces*>(this)->table()) : void()), ...);
        return found;
    }

protected:
    const Host& host() const noexcept { return host_; }

private:
    Host host_;
};

template <class T>
concept PluginType = requires(const Host& host, std::string_view config) {
    { T::kId } -> std::convertible_to<std::string_view>;
    { T::kVersion } -> std::convertible_to<std::string_view>;
    { T::kSchema } -> std::convertible_to<std::string_view>;
    { T::create(host, config) } -> std::same_as<Result<std::unique_ptr<T>>>;
    {T::kInterfaces.size()};
};

namespace detail {

/// One instance behind its eco2_plugin table.
template <PluginType T>
class Instance {
public:
    explicit Instance(const Host& host, std::unique_ptr<T> plugin) : host_(host), plugin_(std::move(plugin)) {
        table_.self = this;
        table_.start = [](void* self) noexcept { return from(self).start(); };
        table_.stop = [](void* self) noexcept { swallowed([&] { from(self).plugin_->stop(); }); };
        table_.destroy = [](void* self) noexcept { swallowed([&] { delete &from(self); }); };
        table_.get_interface = [](void* self, const char* id) noexcept { return from(self).plugin_->interface_table(id); };
    }

    static eco2_status create(const eco2_host* abi_host,
                              eco2_str config,
                              void* error_ctx,
                              void (*on_error)(void*, const eco2_error*),
                              const eco2_plugin** out) noexcept {
        *out = nullptr;
        const Result<Instance*> made = caught([&]() -> Result<Instance*> { return make(abi_host, from_abi(config)); });
        if (!made) {
            const eco2_error error = to_abi(made.error());
            on_error(error_ctx, &error);
            return error.status;
        }
        *out = &(*made)->table_;
        return ECO2_OK;
    }

private:
    static Result<Instance*> make(const eco2_host* abi_host, std::string_view config) {
        if (!covers(abi_host) || abi_host->abi_draft != ECO2_ABI_DRAFT) {
            return fail(Status::unsupported, "abi_draft", "the host speaks another draft of the plugin ABI");
        }
        const Host host(abi_host);
        Result<std::unique_ptr<T>> plugin = T::create(host, config);
        if (!plugin) {
            return std::move(plugin).error();
        }
        return new Instance(host, *std::move(plugin));
    }
    static Instance& from(void* self) noexcept { return *static_cast<Instance*>(self); }

    eco2_status start() noexcept {
        const Result<void> started = caught([&] { return plugin_->start(); });
        if (!started) {
            host_.log().error("the plugin could not start",
                              {{"code", started.error().code}, {"reason", started.error().message}});
            return to_abi(started.error()).status;
        }
        return ECO2_OK;
    }

    eco2_plugin table_ = sized<eco2_plugin>();
    Host host_;
    std::unique_ptr<T> plugin_;
};

template <PluginType T>
inline constexpr eco2_descriptor kDescriptor{sizeof(eco2_descriptor),
                                             ECO2_ABI_DRAFT,
                                             to_abi(std::string_view(T::kId)),
                                             to_abi(std::string_view(T::kVersion)),
                                             to_abi(std::string_view(T::kSchema)),
                                             T::kInterfaces.data(),
                                             T::kInterfaces.size(),
                                             &Instance<T>::create};

}  // namespace detail

/// The static descriptor of a plugin type; ECO2_PLUGIN exports it, tests use it directly.
template <PluginType T>
constexpr const eco2_descriptor* descriptor() noexcept {
    return &detail::kDescriptor<T>;
}

}  // namespace draft_2
}  // namespace eco2::plugin

/// Exports the two symbols of a plugin library. Once per library, at global scope.
#define ECO2_PLUGIN(Type)                                       \
    extern "C" {                                                \
    ECO2_EXPORT const eco2_descriptor* ECO2_PLUGIN_ENTRY(void); \
    ECO2_EXPORT extern const std::uint32_t ECO2_ABI_MARKER;     \
    const std::uint32_t ECO2_ABI_MARKER = ECO2_ABI_DRAFT;       \
    const eco2_descriptor* ECO2_PLUGIN_ENTRY(void) {            \
        return ::eco2::plugin::descriptor<Type>();              \
    }                                                           \
    }                                                           \
    static_assert(true, "takes the semicolon")
