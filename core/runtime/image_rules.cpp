#include "runtime/image_rules.hpp"

namespace eco2::runtime {

net::UrlRules image_url_rules(const config::HostConfig& config) {
    const auto& url = config.image.url;
    net::UrlRules rules = url.is_seed_profile ? net::seed_url_rules() : net::UrlRules{};
    rules.hosts = config.image.hosts;
    rules.allow_private = config.image.allow_private;
    rules.needs_listed_host = config.is_production;
    if (!url.is_seed_profile) {
        rules.channels = url.channels;
        rules.extensions = url.extensions;
        rules.needs_hex_name = url.needs_hex_name;
    }
    return rules;
}

}  // namespace eco2::runtime
