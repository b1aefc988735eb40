#include "config/host_config_checks.hpp"

#include "base/text.hpp"
#include "config/text_file.hpp"

#include <algorithm>
#include <array>

namespace eco2::config {
namespace {

bool is_host_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

std::string shown(const PlacedText& value) {
    return "\"" + shorten(value.text, 80) + "\"";
}

bool is_loopback(std::string_view host) {
    static const auto v4 = AddressRange::parse("127.0.0.0/8");
    static const auto v6 = AddressRange::parse("::1");
    return v4->contains(host) || v6->contains(host);
}

bool names_a_secret(std::string_view key) {
    static constexpr std::array<std::string_view, 14> kNames = {"api_key",
                                                                "apikey",
                                                                "key",
                                                                "secret",
                                                                "password",
                                                                "passwd",
                                                                "token",
                                                                "access_token",
                                                                "client_secret",
                                                                "secret_key",
                                                                "private_key",
                                                                "credentials",
                                                                "authorization",
                                                                "bearer"};
    const std::string lower = to_lower_ascii(key);
    return std::find(kNames.begin(), kNames.end(), lower) != kNames.end();
}

bool looks_like_a_secret(std::string_view value) {
    return value.starts_with("sk-") && value.size() >= 20;
}

}  // namespace

std::optional<PlacedText> strongest(std::optional<PlacedText> from_file,
                                    const Environment& environment,
                                    std::string_view variable,
                                    const std::optional<std::string>& from_command_line,
                                    std::string_view option) {
    if (from_command_line) {
        return PlacedText{*from_command_line, {}, std::string(option)};
    }
    if (auto value = environment(variable); value && !value->empty()) {
        return PlacedText{std::move(*value), {}, std::string(variable)};
    }
    return from_file;
}

std::optional<HostPort> check_listen(Problems& problems, const PlacedText& value) {
    auto parsed = parse_host_port(value.text);
    if (!parsed) {
        problems.add(value.place,
                     value.path,
                     shown(value) + " is no listening address; must be an address and a port, such as \"127.0.0.1:8080\", " +
                         "\"0.0.0.0:8080\" or \"[::1]:8080\"");
    }
    return parsed;
}

std::optional<LogLevel> check_log_level(Problems& problems, const PlacedText& value) {
    static constexpr std::array<std::pair<std::string_view, LogLevel>, 4> kLevels = {
        {{"debug", LogLevel::debug}, {"info", LogLevel::info}, {"warn", LogLevel::warn}, {"error", LogLevel::error}}};
    for (const auto& [name, level] : kLevels) {
        if (name == value.text) {
            return level;
        }
    }
    problems.add(value.place, value.path, shown(value) + R"( is not known; must be one of "debug", "info", "warn", "error")");
    return std::nullopt;
}

std::optional<std::string> check_host_name(Problems& problems, const PlacedText& value) {
    std::string host = to_lower_ascii(trim(value.text));
    if (host.empty() || host.size() > 253 || !std::all_of(host.begin(), host.end(), is_host_character)) {
        problems.add(
            value.place,
            value.path,
            shown(value) + " is no host name; must be a whole name such as \"images.example.com\", without scheme, port or *");
        return std::nullopt;
    }
    return host;
}

void check_origin(Problems& problems, const PlacedText& value) {
    const std::string_view text = value.text;
    const std::size_t scheme = text.starts_with("https://") ? 8 : text.starts_with("http://") ? 7 : 0;
    const auto authority = text.substr(scheme);
    if (scheme == 0 || authority.empty() || authority.find_first_of("/?#@ ") != std::string_view::npos) {
        problems.add(value.place,
                     value.path,
                     shown(value) + " is no origin; must be such as \"https://api.openai.com\", without a path");
    }
}

void check_proxy(Problems& problems, const PlacedText& value) {
    const std::string_view text = value.text;
    if (!text.empty() && (!text.starts_with("http://") || text.size() == 7)) {
        problems.add(
            value.place, value.path, "is no proxy address; must be such as \"http://proxy.example:3128\", or empty for none");
    }
}

void check_sha256(Problems& problems, const PlacedText& value) {
    const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    if (!value.text.empty() && (value.text.size() != 64 || !std::all_of(value.text.begin(), value.text.end(), is_hex))) {
        problems.add(value.place, value.path, "is no SHA-256; must be 64 hex digits in lower case");
    }
}

void check_id(Problems& problems, const PlacedText& value) {
    const auto is_good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; };
    if (!value.text.empty() && (value.text.size() > 64 || !std::all_of(value.text.begin(), value.text.end(), is_good))) {
        problems.add(value.place, value.path, shown(value) + " is no id; must be up to 64 of a-z, 0-9, _ and -");
    }
}

Secret read_secret(
    Section& section, std::string id, const Names& names, const std::filesystem::path& config_dir, Problems& problems) {
    Secret secret;
    secret.id = std::move(id);
    const auto variable = section.text("env");
    const auto file = section.text("file");
    for (const std::string_view literal : {"value", "key", "secret", "literal", "text"}) {
        if (section.has(literal)) {
            section.raw(literal);
            section.problem(
                literal, "a secret may not be written here; put it into an environment variable and write { env = \"NAME\" }");
            return secret;
        }
    }
    if (section.is_present() && variable.has_value() == file.has_value()) {
        section.problem_here("must have exactly one of env = \"NAME\" and file = \"path\"");
    } else if (variable) {
        secret.source = "environment variable " + variable->text;
        if (looks_like_a_secret(variable->text)) {
            secret.source.clear();
            section.problem("env", "looks like a secret itself; must be the name of the environment variable that holds it");
        } else if (auto value = (*names.environment)(variable->text); value && !trim(*value).empty()) {
            secret.value = std::string(trim(*value));
        }
    } else if (file) {
        const auto path = config_dir / file->text;
        secret.source = "file " + path.string();
        auto text = read_text_file(path);
        if (!text) {
            problems.add(file->place, file->path, text.error().detail);
        } else if (trim(*text).empty()) {
            problems.add(file->place, file->path, path.string() + ": is empty; must hold the secret");
        } else {
            secret.value = std::string(trim(*text));
        }
    }
    return secret;
}

void refuse_secrets(Problems& problems, const Node& node, const std::string& path) {
    for (const Node::Member& member : node.members) {
        const std::string member_path = path + "." + member.key;
        const bool is_text = member.value.kind == Node::Kind::text && !member.value.text.empty();
        if (is_text && (names_a_secret(member.key) || looks_like_a_secret(member.value.text))) {
            problems.add(member.place,
                         member_path,
                         "looks like a secret, which has no place in config; use keys = [{ id = \"main\", env = \"NAME\" }] or "
                         "secrets = { name = { env = \"NAME\" } } of the plugin");
        }
        refuse_secrets(problems, member.value, member_path);
    }
    for (std::size_t i = 0; i < node.items.size(); ++i) {
        refuse_secrets(problems, node.items[i], path + "[" + std::to_string(i) + "]");
    }
}

void check_together(Problems& problems, const HostConfig& config, const Section& root) {
    const auto place_in = [&root](std::string_view table, std::string_view key) {
        const Node* section = root.is_present() ? root.node()->find(table) : nullptr;
        const Node* value = section != nullptr ? section->find(key) : nullptr;
        return value != nullptr ? value->place : Place{};
    };
    if (config.auth.lets_everybody_in() && !is_loopback(config.server.listen.host)) {
        problems.add(place_in("auth", "mode"),
                     "auth.mode",
                     "\"none\" lets everybody in, so it needs a loopback listener, and server.listen is " +
                         config.server.listen.host +
                         "; use auth.mode = \"key\", \"jwt\" or \"header\", or listen on 127.0.0.1");
    }
    if (config.is_production && config.auth.lets_everybody_in()) {
        problems.add(place_in("auth", "mode"),
                     "auth.mode",
                     "\"none\" is refused where plugins.profile is \"production\"; use \"key\", \"jwt\" or \"header\"");
    }
    if (config.is_production && config.image.allow_private) {
        problems.add(place_in("image", "allow_private"),
                     "image.allow_private",
                     "is for tests and refused where plugins.profile is \"production\"; must be false");
    }
    if (config.is_production && config.image.url_mode == ImageUrlMode::fetch && !config.http.proxy.empty()) {
        problems.add(
            place_in("image", "url_mode"),
            "image.url_mode",
            "\"fetch\" never uses http.proxy, since a proxy would look names up itself: this host must reach the image "
            "hosts directly; use \"pass\" or no proxy");
    }
    if (config.image.side_target > config.image.side_max) {
        problems.add(
            place_in("image", "side_target"), "image.side_target", "is larger than image.side_max; must be at most as large");
    }
    if (config.batch.poll_min > config.batch.poll_max) {
        problems.add(
            place_in("batch", "poll_min_ms"), "batch.poll_min_ms", "is more than batch.poll_max_ms; must be at most as much");
    }
    if (config.batch.retry_base > config.batch.retry_max) {
        problems.add(place_in("batch", "retry_base_ms"),
                     "batch.retry_base_ms",
                     "is more than batch.retry_max_ms; must be at most as much");
    }
    const auto is_provider = [&config](const PluginConfig& plugin) { return plugin.id == config.batch.provider; };
    if (!config.batch.provider.empty() && std::none_of(config.plugins.begin(), config.plugins.end(), is_provider)) {
        problems.add(place_in("batch", "provider"),
                     "batch.provider",
                     "\"" + shorten(config.batch.provider, 80) +
                         "\" is no enabled [[plugin]]; must be the id of one, or empty for the only one with a Batch API");
    }
}

}  // namespace eco2::config
