#include "plugin_host/outgoing_headers.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "plugin_host/abi_values.hpp"
#include "plugin_host/origin.hpp"

#include <eco2/abi/services.h>

#include <boost/json.hpp>

#include <algorithm>
#include <array>

namespace eco2::plugin_host {
namespace {

constexpr std::array<std::string_view, 5> kOwnedByHost = {
    "host", "content-length", "connection", "transfer-encoding", "upgrade"};

bool is_header_value(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char letter) {
        const auto byte = static_cast<unsigned char>(letter);
        return (byte < 0x20 && byte != '\t') || byte == 0x7F;
    });
}

std::vector<std::string> key_origins_of(const InstanceConfig& config) {
    std::vector<std::string> origins;
    for (const auto& text : config.key_origins) {
        if (const auto origin = origin_of(text)) {
            origins.push_back(origin->text);
        }
    }
    if (!config.key_origins.empty()) {
        return origins;
    }
    boost::system::error_code ec;
    const auto json = boost::json::parse(config.config_json, ec);
    const auto* object = ec ? nullptr : json.if_object();
    const auto* url = object == nullptr ? nullptr : object->if_contains("base_url");
    if (url != nullptr && url->is_string()) {
        const auto& text = url->get_string();
        if (const auto origin = origin_of({text.data(), text.size()})) {
            origins.push_back(origin->text);
        }
    }
    return origins;
}

}  // namespace

bool is_token(std::string_view text) {
    constexpr std::string_view kToken = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return !text.empty() && text.find_first_not_of(kToken) == std::string_view::npos;
}

OutgoingHeaders::OutgoingHeaders(const InstanceConfig& config) : config_(config), key_origins_(key_origins_of(config)) {}

Result<OutgoingHeaders::List> OutgoingHeaders::read(const eco2_str* headers,
                                                    std::size_t count,
                                                    std::uint64_t key,
                                                    std::string_view url) const {
    if (count > limits::kPluginHttpHeadersMax || (count > 0 && headers == nullptr)) {
        return fail(Errc::bad_request, "too many headers");
    }
    List list;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto name = text_of(headers[2 * i]);
        const bool is_owned = std::find(kOwnedByHost.begin(), kOwnedByHost.end(), to_lower_ascii(name)) != kOwnedByHost.end();
        if (!is_token(name) || is_owned) {
            return fail(Errc::bad_request, "header name not allowed: " + shorten(name, 60));
        }
        auto value = with_key(text_of(headers[2 * i + 1]), key, url);
        if (!value) {
            return value.error();
        }
        if (!is_header_value(*value)) {
            return fail(Errc::bad_request, "control characters in the value of header " + std::string(name));
        }
        bytes += name.size() + value->size();
        list.emplace_back(name, std::move(*value));
    }
    if (bytes > limits::kUpstreamHeadBytesMax) {
        return fail(Errc::bad_request, "headers too long");
    }
    return list;
}

Result<std::string> OutgoingHeaders::with_key(std::string_view value, std::uint64_t key, std::string_view url) const {
    constexpr std::string_view kPlaceholder = ECO2_KEY_PLACEHOLDER;
    std::string out(value);
    auto at = out.find(kPlaceholder);
    if (key == 0 || at == std::string::npos) {
        return out;
    }
    const auto& keys = config_.keys;
    if (key > keys.size()) {
        return fail(Errc::bad_request, "no key has this handle");
    }
    if (auto allowed = check_key_target(url); !allowed) {
        return allowed.error();
    }
    const auto& secret = keys[key - 1].secret;
    for (; at != std::string::npos; at = out.find(kPlaceholder, at + secret.size())) {
        out.replace(at, kPlaceholder.size(), secret);
    }
    return out;
}

Result<void> OutgoingHeaders::check_key_target(std::string_view url) const {
    const auto origin = origin_of(url);
    if (!origin) {
        return origin.error();
    }
    if (origin->has_user) {
        return fail(Errc::bad_request, "a key is not sent to a URL that carries a user name");
    }
    if (std::find(key_origins_.begin(), key_origins_.end(), origin->text) == key_origins_.end()) {
        return fail(Errc::bad_request, "the instance's keys are not bound to " + origin->text);
    }
    if (origin->is_plain_http && !origin->is_loopback) {
        return fail(Errc::bad_request, "a key is not sent over plain HTTP to " + origin->text);
    }
    return {};
}

}  // namespace eco2::plugin_host
