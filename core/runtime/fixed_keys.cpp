#include "runtime/fixed_keys.hpp"

#include <optional>

namespace eco2::runtime {
namespace {

using config::HostConfig;

bool is_same(const config::HostPort& a, const config::HostPort& b) {
    return a.host == b.host && a.port == b.port;
}
bool is_same(const std::optional<config::TlsFiles>& a, const std::optional<config::TlsFiles>& b) {
    return a.has_value() == b.has_value() && (!a || (a->certificate == b->certificate && a->key == b->key));
}
template <class T>
bool is_same(const T& a, const T& b) {
    return a == b;
}

struct FixedKey {
    std::string_view name;
    bool (*keep)(const HostConfig& running, HostConfig& config);  // whether it was different
};

template <auto Get>
bool keep(const HostConfig& running, HostConfig& config) {
    const auto& old = Get(const_cast<HostConfig&>(running));  // the one function finds the value in either
    auto& fresh = Get(config);
    const bool is_changed = !is_same(old, fresh);
    fresh = old;
    return is_changed;
}

constexpr FixedKey kKeys[] = {{"server.listen", keep < [](HostConfig& c) -> auto& {return c.server.listen;
}  // namespace
>
}  // namespace eco2::runtime
, {"server.io_threads", keep < [](HostConfig& c) -> auto& {return c.server.io_threads;
}
>
}
, {"server.connections_max", keep < [](HostConfig& c) -> auto& {return c.server.connections_max;
}
>
}
, {"server.request_body_bytes_max", keep < [](HostConfig& c) -> auto& {return c.server.request_body_bytes_max;
}
>
}
, {"server.tls", keep < [](HostConfig& c) -> auto& {return c.server.tls;
}
>
}
, {"data.dir", keep < [](HostConfig& c) -> auto& {return c.data_dir;
}
>
}
, {"runs.result_lifetime_s", keep < [](HostConfig& c) -> auto& {return c.runs.result_lifetime;
}
>
}
, {"runs.dead_letter_lifetime_s", keep < [](HostConfig& c) -> auto& {return c.runs.dead_letter_lifetime;
}
>
}
, {"runs.keep_photos", keep < [](HostConfig& c) -> auto& {return c.runs.keep_photos;
}
>
}
, {"runs.memory_bytes_max", keep < [](HostConfig& c) -> auto& {return c.runs.memory_bytes_max;
}
>
}
, {"grants.lifetime_s", keep < [](HostConfig& c) -> auto& {return c.grants.lifetime;
}
>
}
, {"http.ca_file", keep < [](HostConfig& c) -> auto& {return c.http.ca_file;
}
>
}
, {"http.proxy", keep < [](HostConfig& c) -> auto& {return c.http.proxy;
}
>
}
, {"http.no_proxy", keep < [](HostConfig& c) -> auto& {return c.http.no_proxy;
}
>
}
, {"http.connect_timeout_ms", keep < [](HostConfig& c) -> auto& {return c.http.connect_timeout;
}
>
}
, {"http.idle_timeout_ms", keep < [](HostConfig& c) -> auto& {return c.http.idle_timeout;
}
>
}
, {"plugins.dirs", keep < [](HostConfig& c) -> auto& {return c.plugin_dirs;
}
>
}
, {"plugins.profile", keep < [](HostConfig& c) -> auto& {return c.is_production;
}
>
}
,
}
;

}  // namespace

std::vector<std::string_view> fixed_keys() {
    std::vector<std::string_view> names;
    for (const auto& key : kKeys) {
        names.push_back(key.name);
    }
    return names;
}

std::vector<std::string> keep_fixed_keys(const HostConfig& running, HostConfig& config) {
    std::vector<std::string> changed;
    for (const auto& key : kKeys) {
        if (key.keep(running, config)) {
            changed.emplace_back(key.name);
        }
    }
    return changed;
}

}  // namespace eco2::runtime
