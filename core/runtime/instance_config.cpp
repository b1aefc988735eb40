#include "runtime/instance_config.hpp"

#include "base/text.hpp"
#include "net/url_guard.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <string>
#include <string_view>

namespace eco2::runtime {
namespace {

/// The host part of "scheme://host[:port]/...", or empty.
std::string host_of(std::string_view url) {
    const auto scheme = url.find("://");
    if (scheme == std::string_view::npos) {
        return {};
    }
    url.remove_prefix(scheme + 3);
    url = url.substr(0, url.find_first_of("/?#"));
    if (url.starts_with('[')) {
        return std::string(url.substr(1, url.find(']') - 1));
    }
    return std::string(url.substr(0, url.find(':')));
}

std::string base_url_of(const std::string& config_json) {
    boost::json::error_code ec;
    const auto value = boost::json::parse(config_json, ec);
    const auto* object = ec ? nullptr : value.if_object();
    const auto* url = object == nullptr ? nullptr : object->if_contains("base_url");
    return url != nullptr && url->is_string() ? std::string(url->get_string()) : std::string();
}

}  // namespace

Result<void> check_keys(const config::PluginConfig& plugin) {
    const bool has_key =
        plugin.keys.empty() || std::any_of(plugin.keys.begin(), plugin.keys.end(), [](const auto& key) { return key.value; });
    const auto base_url = base_url_of(plugin.config_json);
    const bool is_near = net::is_loopback_host(host_of(base_url));
    if (!plugin.keys.empty() && has_key && !is_near && to_lower_ascii(base_url).starts_with("http://")) {
        return fail(Errc::config_invalid,
                    "base_url (" + base_url +
                        ") is plain HTTP, over which no key is sent: use https, or list no keys for this instance");
    }
    if (has_key || is_near) {
        return {};
    }
    return fail(Errc::config_invalid,
                "no key: set " + plugin.keys.front().source + ", or point base_url (" + base_url +
                    ") at a server on this machine, for example `eco2 fake-provider`");
}

plugin_host::InstanceConfig instance_config(const config::PluginConfig& plugin) {
    plugin_host::InstanceConfig out;
    out.id = plugin.id;
    out.plugin = plugin.plugin;
    out.is_required = plugin.is_required;
    out.sha256 = plugin.sha256;
    out.config_json = plugin.config_json;
    out.key_origins = plugin.key_origins;
    for (const auto& key : plugin.keys) {
        if (key.value) {
            out.keys.push_back({key.id, *key.value});
        }
    }
    for (const auto& secret : plugin.secrets) {
        if (secret.value) {
            out.secrets.emplace_back(secret.id, *secret.value);
        }
    }
    return out;
}

}  // namespace eco2::runtime
