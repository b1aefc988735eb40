#pragma once

#include <eco2/abi/plugin.h>
#include <eco2/abi/services.h>

#include <string>
#include <string_view>

/// What every contract plugin in C++ needs around its one odd thing. Part of the plugin: sees the ABI headers only.
namespace scaffold {

inline eco2_str text(std::string_view from) {
    return {from.data(), from.size()};
}
inline std::string_view view(eco2_str from) {
    return {from.data, from.size};
}

inline constexpr std::string_view kSchema =
    R"({"type":"object","additionalProperties":false,"properties":{"behaviour":{"type":"string"},"base_url":{"type":"string"}}})";

/// The value of a string member of a flat JSON object without escapes.
inline std::string member(std::string_view json, std::string_view name) {
    const auto quoted = "\"" + std::string(name) + "\":\"";
    const auto at = json.find(quoted);
    if (at == std::string_view::npos) {
        return {};
    }
    const auto from = at + quoted.size();
    return std::string(json.substr(from, json.find('"', from) - from));
}

template <class Table>
const Table* service(const eco2_host* host, const char* id) {
    return static_cast<const Table*>(host->get_service(host->ctx, id));
}

/// An eco2_plugin over a class with start(), stop() and interface(id).
template <class Instance>
struct Plugin {
    Instance instance;
    eco2_plugin table;

    Plugin(const eco2_host* host, std::string_view config)
        : instance(host, config),
          table{sizeof(eco2_plugin),
                0,
                this,
                [](void* self) { return static_cast<Plugin*>(self)->instance.start(); },
                [](void* self) { static_cast<Plugin*>(self)->instance.stop(); },
                [](void* self) { delete static_cast<Plugin*>(self); },
                [](void* self, const char* id) { return static_cast<Plugin*>(self)->instance.interface(id); }} {}

    static eco2_status create(
        const eco2_host* host, eco2_str config, void*, void (*)(void*, const eco2_error*), const eco2_plugin** out) {
        *out = &(new Plugin(host, view(config)))->table;
        return ECO2_OK;
    }
};

}  // namespace scaffold

extern "C" ECO2_EXPORT const int32_t ECO2_ABI_MARKER;
extern "C" ECO2_EXPORT const eco2_descriptor* ECO2_PLUGIN_ENTRY();
