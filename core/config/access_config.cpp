#include "config/access_config.hpp"

#include "base/text.hpp"
#include "config/host_config_checks.hpp"

#include <algorithm>
#include <array>

namespace eco2::config {
namespace {

constexpr std::int64_t kDaySeconds = 24 * 3'600;

void set_seconds(Section& section, std::string_view key, std::chrono::seconds& to, std::int64_t most) {
    if (const auto seconds = section.integer(key, 0, most)) {
        to = std::chrono::seconds(*seconds);
    }
}

/// One word or a list of them. Errors go to the problems.
std::vector<PlacedText> words(Section& section, std::string_view key) {
    const auto* value = section.raw(key);
    if (value != nullptr && value->kind == Node::Kind::list) {
        return section.texts(key).value_or(std::vector<PlacedText>{});
    }
    const auto text = section.text(key);
    return text ? std::vector<PlacedText>{*text} : std::vector<PlacedText>{};
}

class AccessReader {
public:
    AccessReader(Reading& reading, Section& root, const std::filesystem::path& dir, HostConfig& config)
        : reading_(reading), root_(root), dir_(dir), config_(config) {}

    void read_auth() {
        Section section = root_.table("auth");
        const bool has_jwt = read_modes(section);
        read_peers(section);
        Section jwt = section.table("jwt");
        if (has_jwt && !jwt.is_present()) {
            section.problem("mode", "\"jwt\" needs a table [auth.jwt] with algorithm and key");
        }
        JwtConfig config = read_jwt(jwt);
        if (has_jwt) {
            config_.auth.jwt = std::move(config);
        }
        section.finish();
    }

    void read_cors() {
        Section section = root_.table("cors");
        CorsConfig& to = config_.cors;
        for (const PlacedText& origin : section.texts("origins").value_or(std::vector<PlacedText>{})) {
            if (origin.text != "*") {
                check_origin(reading_.problems, origin);
            }
            to.origins.push_back(origin.text);
        }
        section.set_boolean("credentials", to.allows_credentials);
        set_seconds(section, "max_age_s", to.max_age, kDaySeconds);
        if (to.allows_credentials && std::find(to.origins.begin(), to.origins.end(), "*") != to.origins.end()) {
            section.problem("credentials",
                            "may not be true where origins holds \"*\": any site could use its visitors' cookies");
        }
        section.finish();
    }

    void read_quota() {
        Section section = root_.table("quota");
        QuotaConfig& to = config_.quota;
        section.set_count("runs_concurrent", to.runs_concurrent, 0, 1'000'000);
        section.set_count("runs_per_minute", to.runs_per_minute, 0, 10'000'000);
        section.set_count("photo_bytes_per_minute", to.photo_bytes_per_minute, 0, std::int64_t{1} << 40);
        section.finish();
    }

private:
    /// Whether tokens are accepted.
    bool read_modes(Section& section) {
        bool has_none = false;
        bool has_jwt = false;
        const auto modes = words(section, "mode");
        for (const auto& mode : modes) {
            if (mode.text == "none") {
                has_none = true;
            } else if (mode.text == "header") {
                config_.auth.trusts_header = true;
            } else if (mode.text == "key") {
                config_.auth.accepts_keys = true;
            } else if (mode.text == "jwt") {
                has_jwt = true;
            } else {
                reading_.problems.add(
                    mode.place,
                    mode.path,
                    "\"" + shorten(mode.text, 80) + "\" is not known; must be \"none\", \"header\", \"key\" or \"jwt\"");
            }
        }
        if (has_none && modes.size() > 1) {
            section.problem("mode", "\"none\" lets everybody in and stands alone");
        }
        return has_jwt;
    }

    void read_peers(Section& section) {
        auto peers = section.texts("trusted_peers");
        if (!peers) {
            peers = {PlacedText{"127.0.0.1", {}, ""}, PlacedText{"::1", {}, ""}};
        }
        for (const PlacedText& peer : *peers) {
            if (const auto range = AddressRange::parse(peer.text)) {
                config_.auth.trusted_peers.push_back(*range);
            } else {
                reading_.problems.add(peer.place,
                                      peer.path,
                                      "\"" + shorten(peer.text, 80) +
                                          "\" is no address; must be such as \"10.0.0.7\", \"10.0.0.0/8\" or \"fd00::/8\"");
            }
        }
    }

    JwtConfig read_jwt(Section& section) {
        constexpr std::array<std::string_view, 3> kAlgorithms = {"HS256", "RS256", "ES256"};
        JwtConfig jwt;
        if (const auto algorithm = section.choice("algorithm", {kAlgorithms[0], kAlgorithms[1], kAlgorithms[2]})) {
            jwt.algorithm = kAlgorithms[*algorithm];
        }
        Section key = section.table("key");
        if (section.is_present()) {
            jwt.key = read_secret(key, "key", reading_.names, dir_, reading_.problems);
            if (!jwt.key.value && !jwt.key.source.empty()) {
                section.problem("key", "is empty: " + jwt.key.source + " is not set");
            }
        } else {
            key.text("env");
            key.text("file");
        }
        key.finish();
        section.set_text("issuer", jwt.issuer);
        section.set_text("audience", jwt.audience);
        set_seconds(section, "leeway_s", jwt.leeway, 3'600);
        section.set_text("user_claim", jwt.user_claim);
        section.set_text("cookie", jwt.cookie);
        section.finish();
        return jwt;
    }

    Reading& reading_;
    Section& root_;
    const std::filesystem::path& dir_;
    HostConfig& config_;
};

}  // namespace

void read_access(Reading& reading, Section& root, const std::filesystem::path& dir, HostConfig& config) {
    AccessReader reader(reading, root, dir, config);
    reader.read_auth();
    reader.read_cors();
    reader.read_quota();
}

}  // namespace eco2::config
