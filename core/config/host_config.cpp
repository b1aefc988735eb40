#include "config/host_config.hpp"

#include "base/text.hpp"
#include "config/access_config.hpp"
#include "config/host_config_checks.hpp"
#include "config/routing_config.hpp"
#include "config/section.hpp"
#include "config/toml_file.hpp"

#include <algorithm>
#include <set>

namespace eco2::config {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMillion = 1'000'000;
constexpr std::int64_t kBillion = 1'000'000'000;
constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kDayMs = 24 * kHourMs;

/// Reads one file into one HostConfig; a member function a section.
class Reader {
public:
    Reader(Reading& reading, const Node* root, const Environment& environment, const Overrides& overrides)
        : reading_(reading), root_(reading, root, ""), environment_(environment), overrides_(overrides) {}

    HostConfig read(const fs::path& file) {
        config_.file = fs::absolute(file).lexically_normal();
        dir_ = config_.file.parent_path();
        reading_.names.environment = &environment_;
        reading_.names.own["config_dir"] = dir_.string();
        read_data();
        read_server();
        read_access(reading_, root_, dir_, config_);
        read_log();
        read_image();
        read_runs();
        read_grants();
        read_batch();
        read_http();
        read_plugins();
        read_accounts(reading_, root_, config_.routing);
        read_instances();
        read_routing(reading_, root_, config_.routing);
        read_pipelines();
        root_.finish();
        check_together(reading_.problems, config_, root_);
        return std::move(config_);
    }

private:
    Problems& problems() { return reading_.problems; }
    fs::path beside_file(const std::string& path) const { return (dir_ / path).lexically_normal(); }

    void read_data() {
        Section section = root_.table("data");
        const auto dir = strongest(section.text("dir"), environment_, "ECO2_DATA", overrides_.data_dir, "--data");
        section.finish();
        if (dir && dir->text.empty()) {
            problems().add(dir->place, dir->path, "is empty; must be a folder");
        }
        config_.data_dir = fs::absolute(dir ? dir->text : "data").lexically_normal();
        reading_.names.own["data_dir"] = config_.data_dir.string();
    }

    void read_server() {
        Section section = root_.table("server");
        ServerConfig& to = config_.server;
        if (const auto listen = strongest(section.text("listen"), environment_, "ECO2_LISTEN", overrides_.listen, "--listen")) {
            to.listen = check_listen(problems(), *listen).value_or(to.listen);
        }
        section.set_count("io_threads", to.io_threads, 0, 256);
        section.set_count("connections_max", to.connections_max, 1, kMillion);
        section.set_count("max_runs", to.runs_max, 1, kMillion);
        section.set_count("request_body_bytes_max", to.request_body_bytes_max, 1'024, 256 * 1'024 * 1'024);
        section.set_duration("drain_timeout_ms", to.drain_timeout, 0, kHourMs);
        read_tls(section);
        section.finish();
    }

    void read_tls(Section& server) {
        Section section = server.table("tls");
        if (!section.is_present()) {
            section.text("certificate");
            section.text("key");
            return;
        }
        const auto certificate = section.required("certificate");
        const auto key = section.required("key");
        section.finish();
        config_.server.tls = TlsFiles{beside_file(certificate.text), beside_file(key.text)};
    }

    void read_log() {
        Section section = root_.table("log");
        if (const auto level =
                strongest(section.text("level"), environment_, "ECO2_LOG_LEVEL", overrides_.log_level, "--log-level")) {
            config_.log.level = check_log_level(problems(), *level).value_or(config_.log.level);
        }
        if (const auto format = section.choice("format", {"json", "text"})) {
            config_.log.format = *format == 0 ? LogFormat::json : LogFormat::text;
        }
        section.finish();
    }

    std::vector<PlacedText> image_hosts(Section& section) {
        auto hosts = section.texts("hosts").value_or(std::vector<PlacedText>{});
        const auto list = environment_("ECO2_IMAGE_HOSTS");
        if (!list) {
            return hosts;
        }
        hosts.clear();
        std::string_view rest = *list;
        while (!trim(rest).empty()) {
            const auto comma = rest.find(',');
            if (const auto host = trim(rest.substr(0, comma)); !host.empty()) {
                hosts.push_back(PlacedText{std::string(host), {}, "ECO2_IMAGE_HOSTS"});
            }
            rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
        }
        return hosts;
    }

    std::vector<std::string> plain_texts(Section& section, std::string_view key) {
        std::vector<std::string> out;
        for (const PlacedText& text : section.texts(key).value_or(std::vector<PlacedText>{})) {
            out.push_back(text.text);
        }
        return out;
    }

    void read_image_url(Section section) {
        ImageUrlConfig& to = config_.image.url;
        if (const auto profile = section.choice("profile", {"open", "seed"})) {
            to.is_seed_profile = *profile == 1;
        }
        to.channels = plain_texts(section, "channels");
        to.extensions = plain_texts(section, "extensions");
        section.set_boolean("hex_names", to.needs_hex_name);
        for (const auto& extension : to.extensions) {
            if (extension.size() < 2 || extension.front() != '.' || extension != to_lower_ascii(extension)) {
                section.problem("extensions",
                                "\"" + shorten(extension, 40) + "\" is none; must be such as \".jpg\", in lower case");
            }
        }
        section.finish();
    }

    void read_image() {
        Section section = root_.table("image");
        ImageConfig& to = config_.image;
        for (const PlacedText& host : image_hosts(section)) {
            if (auto name = check_host_name(problems(), host)) {
                to.hosts.push_back(std::move(*name));
            }
        }
        section.set_boolean("allow_private", to.allow_private);
        if (const auto mode = section.choice("url_mode", {"pass", "fetch"})) {
            to.url_mode = *mode == 0 ? ImageUrlMode::pass : ImageUrlMode::fetch;
        }
        section.set_duration("fetch_timeout_ms", to.fetch_timeout, 100, 120'000);
        read_image_url(section.table("url"));
        section.set_count("bytes_max", to.bytes_max, 1'024, 128 * 1'024 * 1'024);
        section.set_count("pixels_max", to.pixels_max, 1'024, 400 * kMillion);
        section.set_count("side_max", to.side_max, limits::kImageSideMin, 65'535);
        section.set_count("side_target", to.side_target, limits::kImageSideMin, 8'192);
        section.finish();
    }

    void set_seconds(Section& section, std::string_view key, std::chrono::seconds& to, std::int64_t least) {
        if (const auto seconds = section.integer(key, least, 10LL * 365 * 24 * 3'600)) {
            to = std::chrono::seconds(*seconds);
        }
    }

    void read_runs() {
        Section section = root_.table("runs");
        RunsConfig& to = config_.runs;
        set_seconds(section, "result_lifetime_s", to.result_lifetime, 60);
        set_seconds(section, "dead_letter_lifetime_s", to.dead_letter_lifetime, 60);
        if (const auto keep = section.choice("keep_photos", {"never", "dead_letters", "always"})) {
            to.keep_photos = static_cast<RunsConfig::KeepPhotos>(*keep);
        }
        section.set_count("memory_bytes_max", to.memory_bytes_max, 1'024 * 1'024, 64LL * 1'024 * 1'024 * 1'024);
        section.finish();
    }

    void read_grants() {
        Section section = root_.table("grants");
        set_seconds(section, "lifetime_s", config_.grants.lifetime, 0);
        section.finish();
    }

    void read_batch() {
        Section section = root_.table("batch");
        BatchConfig& to = config_.batch;
        if (const auto provider = section.text("provider")) {
            check_id(problems(), *provider);
            to.provider = provider->text;
        }
        section.set_duration("poll_min_ms", to.poll_min, 100, kDayMs);
        section.set_duration("poll_max_ms", to.poll_max, 100, kDayMs);
        section.set_duration("visibility_grace_ms", to.visibility_grace, 100, kDayMs);
        section.set_duration("retry_base_ms", to.retry_base, 100, kHourMs);
        section.set_duration("retry_max_ms", to.retry_max, 100, kHourMs);
        section.set_duration("lease_ms", to.lease, 100, kHourMs);
        section.set_duration("call_timeout_ms", to.call_timeout, 100, kHourMs);
        section.set_duration("idle_timeout_ms", to.idle_timeout, 100, kHourMs);
        section.set_count("attempts", to.attempts, 1, 100);
        section.set_count("content_attempts", to.content_attempts, 1, 100);
        if (const auto cap = section.real("cost_cap_usd", 0, static_cast<double>(kMillion))) {
            to.cost_cap_usd = *cap;
        }
        section.set_count("output_tokens_assumed", to.output_tokens_assumed, 1, 10 * kMillion);
        section.set_count("enqueued_tokens_max", to.enqueued_tokens_max, 0, 1'000 * kBillion);
        section.set_count("requests_max", to.requests_max, 0, kMillion);
        section.set_boolean("echo", to.has_echo);
        section.set_boolean("cleanup", to.cleans_up);
        section.set_boolean("supervise", to.is_supervised);
        section.set_boolean("allow_past_review", to.allows_past_review);
        if (const auto action = section.choice("deadline_action", {"stop", "live", "resubmit"})) {
            to.deadline_action = static_cast<BatchConfig::DeadlineAction>(*action);
        }
        section.set_count("live_concurrency", to.live_concurrency, 1, 1'000);
        section.set_count("pilot_items", to.pilot_items, 0, kMillion);
        section.finish();
    }

    void read_http() {
        Section section = root_.table("http");
        HttpConfig& to = config_.http;
        if (const auto ca_file = section.text("ca_file"); ca_file && !ca_file->text.empty()) {
            to.ca_file = beside_file(ca_file->text);
        }
        auto proxy = section.text("proxy");
        auto no_proxy = section.text("no_proxy");
        if (!proxy) {
            proxy =
                PlacedText{environment_("HTTPS_PROXY").value_or(environment_("https_proxy").value_or("")), {}, "HTTPS_PROXY"};
        }
        check_proxy(problems(), *proxy);
        to.proxy = std::move(proxy->text);
        to.no_proxy = no_proxy ? no_proxy->text : environment_("NO_PROXY").value_or(environment_("no_proxy").value_or(""));
        section.set_duration("connect_timeout_ms", to.connect_timeout, 10, 120'000);
        section.set_duration("idle_timeout_ms", to.idle_timeout, 0, kHourMs);
        section.finish();
    }

    void read_plugins() {
        Section section = root_.table("plugins");
        for (const PlacedText& dir : section.texts("dirs").value_or(std::vector<PlacedText>{})) {
            if (dir.text.empty()) {
                problems().add(dir.place, dir.path, "is empty; must be a folder");
            }
            config_.plugin_dirs.push_back(beside_file(dir.text));
        }
        if (const auto profile = section.choice("profile", {"development", "production"})) {
            config_.is_production = *profile == 1;
        }
        section.finish();
    }

    void read_instances() {
        std::set<std::string> ids;
        for (Section& section : root_.tables("plugin")) {
            PluginConfig plugin;
            const auto id = section.required("id");
            check_id(problems(), id);
            if (!id.text.empty() && !ids.insert(id.text).second) {
                problems().add(id.place, id.path, "\"" + id.text + "\" is there already; every plugin needs an id of its own");
            }
            plugin.id = id.text;
            const auto name = section.text("plugin").value_or(id);
            check_id(problems(), name);
            plugin.plugin = name.text;
            ProviderDefinition provider{plugin.id, {}};
            read_instance(section, plugin, provider);
            if (section.boolean("enabled").value_or(true)) {
                config_.routing.providers.push_back(std::move(provider));
                config_.plugins.push_back(std::move(plugin));
            }
            section.finish();
        }
    }

    void read_instance(Section& section, PluginConfig& to, ProviderDefinition& provider) {
        section.set_boolean("required", to.is_required);
        if (const auto sha256 = section.text("sha256")) {
            check_sha256(problems(), *sha256);
            to.sha256 = sha256->text;
        }
        read_keys(section, to, provider);
        for (const PlacedText& origin : section.texts("key_origins").value_or(std::vector<PlacedText>{})) {
            check_origin(problems(), origin);
            to.key_origins.push_back(origin.text);
        }
        read_secrets(section, to);
        if (Section table = section.table("config"); table.is_present()) {
            refuse_secrets(problems(), *table.node(), section.path_of("config"));
            to.config_json = to_json(reading_, *table.node(), section.path_of("config"));
        }
    }

    // A key without a value is left out of both lists that calls go by, the plugin host's and the routes', so that a place in
    // one is the same place in the other.
    void read_keys(Section& section, PluginConfig& to, ProviderDefinition& provider) {
        std::set<std::string> ids;
        for (Section& key : section.tables("keys")) {
            const auto id = key.required("id");
            check_id(problems(), id);
            if (!id.text.empty() && !ids.insert(id.text).second) {
                problems().add(id.place, id.path, "\"" + id.text + "\" is there already; every key needs an id of its own");
            }
            auto definition = read_key(reading_, key, id.text, config_.routing);
            to.keys.push_back(read_secret(key, id.text, reading_.names, dir_, problems()));
            if (to.keys.back().value) {
                provider.keys.push_back(std::move(definition));
            }
            key.finish();
        }
    }

    void read_secrets(Section& section, PluginConfig& to) {
        Section table = section.table("secrets");
        if (!table.is_present()) {
            return;
        }
        for (const Node::Member& member : table.node()->members) {
            if (member.value.kind != Node::Kind::table) {
                table.raw(member.key);
                table.problem(
                    member.key,
                    "a secret may not be written here; put it into an environment variable and write { env = \"NAME\" }");
                continue;
            }
            Section secret = table.table(member.key);
            to.secrets.push_back(read_secret(secret, member.key, reading_.names, dir_, problems()));
            secret.finish();
        }
    }

    void read_pipelines() {
        Section section = root_.table("pipelines");
        const auto files = section.texts("files");
        for (const PlacedText& file : files.value_or(std::vector<PlacedText>{})) {
            config_.pipelines.push_back(beside_file(file.text));
        }
        if (!files && !section.has("files")) {
            config_.pipelines.push_back(beside_file("pipelines/scan.toml"));
        }
        section.finish();
    }

    Reading& reading_;
    Section root_;
    const Environment& environment_;
    const Overrides& overrides_;
    fs::path dir_;
    HostConfig config_;
};

std::string without_indices(std::string_view path) {
    std::string out;
    bool is_inside = false;
    for (const char c : path) {
        is_inside = is_inside || c == '[';
        if (!is_inside) {
            out += c;
        }
        is_inside = is_inside && c != ']';
    }
    return out;
}

}  // namespace

Result<HostConfig> load_host_config(const fs::path& file, const Environment& environment, const Overrides& overrides) {
    auto root = read_toml(file);
    if (!root) {
        return root.error();
    }
    Reading reading{Problems(file.string()), {}, nullptr};
    auto config = Reader(reading, &*root, environment, overrides).read(file);
    if (!reading.problems.empty()) {
        return reading.problems.error();
    }
    return config;
}

std::vector<std::string> known_host_keys() {
    const auto sample = parse_toml(
        "[[plugin]]\nid = \"a\"\nkeys = [{ id = \"a\", env = \"A\" }]\nsecrets.NAME = { env = \"A\" }\n"
        "[[account]]\nid = \"a\"\n[[account.model]]\n[[route]]\ntargets = [{}]\n[prices]\n[[prices.model]]\n",
        "sample");
    std::set<std::string> keys;
    Reading reading{Problems("sample"), {}, &keys};
    const Environment nothing = [](std::string_view) { return std::nullopt; };
    Reader(reading, &sample.value(), nothing, {}).read("sample");
    std::set<std::string> plain;
    for (const auto& key : keys) {
        plain.insert(without_indices(key));
    }
    return {plain.begin(), plain.end()};
}

}  // namespace eco2::config
