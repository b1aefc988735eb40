#include "app/auth.hpp"
#include "app/commands.hpp"
#include "base/text.hpp"
#include "base/utc.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <utility>

namespace eco2::app {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr double kPicousdPerUsd = 1e12;

int tell(const Error& error) {
    print_error(error);
    return error.code == Errc::not_found || error.code == Errc::invalid_field ? kUsage : kFailed;
}

/// When a key ends; 0: never. Errors: invalid_field.
Result<std::int64_t> read_expiry(const std::string& text) {
    if (text == "never") {
        return 0;
    }
    const auto now = system_clock().wall_ns();
    int days = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), days);
    if (ec == std::errc() && std::string_view(end) == "d" && days > 0 && days <= 36'500) {
        return now + days * 24LL * 3'600 * kSecondNs;
    }
    std::tm date{};
    const char* rest = ::strptime(text.c_str(), "%Y-%m-%d", &date);
    const auto when = rest != nullptr && *rest == '\0' ? static_cast<std::int64_t>(::timegm(&date)) * kSecondNs : 0;
    if (when <= now) {
        return fail(Errc::invalid_field, "--expires must be a number of days (30d), a date to come (2027-01-31) or never");
    }
    return when;
}

Result<store::NewKey> key_of(const KeyOptions& options) {
    auto made = store::make_key(system_clock());
    auto& key = made.key;
    auto expiry = read_expiry(options.expires);
    if (!expiry) {
        return expiry.error();
    }
    if (options.name.empty() || options.name.size() > 100 || !is_valid_utf8(options.name)) {
        return fail(Errc::invalid_field, "--name must have 1 to 100 bytes");
    }
    if (!options.user.empty() && !is_uuid(options.user)) {
        return fail(Errc::invalid_field, "--user must be a UUID");
    }
    // An empty list is all of them: an unset variable of a script must not open the door wide.
    const auto has_blank = [](const std::vector<std::string>& names) {
        return std::any_of(names.begin(), names.end(), [](const std::string& name) { return name.empty(); });
    };
    if (has_blank(options.models) || has_blank(options.pipelines)) {
        return fail(Errc::invalid_field, "--models and --pipeline need names; leave them out to allow all");
    }
    for (const auto& scope : options.scopes) {
        if (scope != kScopeRun && scope != kScopeRead && scope != kScopeChat) {
            return fail(Errc::invalid_field,
                        "--scope \"" + shorten(scope, 40) + "\" is not known; there are run, read and chat");
        }
    }
    key.name = options.name;
    key.user_id = options.user.empty() ? key.user_id : to_lower_ascii(options.user);
    key.is_for_users = options.is_for_users;
    key.scopes = options.scopes;
    key.pipelines = options.pipelines;
    key.expires_ns = *expiry;
    key.models = options.models;
    key.requests_per_minute = options.requests_per_minute;
    key.tokens_per_minute = options.tokens_per_minute;
    key.spend_max_picousd = std::llround(options.spend_max_usd * kPicousdPerUsd);
    return made;
}

std::string list_json(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names) {
        out += (out.empty() ? "" : ",") + json_quote(name);
    }
    return names.empty() ? "null" : "[" + out + "]";
}

std::string time_json(std::int64_t wall_ns) {
    return wall_ns == 0 ? "null" : json_quote(utc_text(wall_ns));
}

std::string limit_json(std::int64_t limit) {
    return limit == 0 ? "null" : std::to_string(limit);
}

std::string usd_text(std::int64_t picousd) {
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%.6f", static_cast<double>(picousd) / kPicousdPerUsd);
    return text.data();
}

/// What a key may do at the front door, in words; empty: all.
std::string chat_words(const store::ApiKey& key) {
    std::string out;
    if (!key.models.empty()) {
        out += ", models";
        for (const auto& model : key.models) {
            out += " " + model;
        }
    }
    out += key.requests_per_minute == 0 ? "" : ", rpm " + std::to_string(key.requests_per_minute);
    out += key.tokens_per_minute == 0 ? "" : ", tpm " + std::to_string(key.tokens_per_minute);
    return out + (key.spend_max_picousd == 0 ? "" : ", cap USD " + usd_text(key.spend_max_picousd));
}

std::string key_json(const store::ApiKey& key, const std::string& text) {
    std::string out = "{\"id\":" + json_quote(key.id);
    out += text.empty() ? "" : ",\"key\":" + json_quote(text);
    out += ",\"name\":" + json_quote(key.name) + ",\"ending\":" + json_quote(key.ending) +
           ",\"user_id\":" + json_quote(key.user_id);
    out += std::string(",\"for_users\":") + (key.is_for_users ? "true" : "false");
    out += ",\"scopes\":" + list_json(key.scopes) + ",\"pipelines\":" + list_json(key.pipelines);
    out += ",\"models\":" + list_json(key.models) + ",\"requests_per_minute\":" + limit_json(key.requests_per_minute) +
           ",\"tokens_per_minute\":" + limit_json(key.tokens_per_minute);
    out += ",\"usd_cap\":" + (key.spend_max_picousd == 0 ? "null" : usd_text(key.spend_max_picousd));
    out += ",\"created_at\":" + time_json(key.created_ns) + ",\"expires_at\":" + time_json(key.expires_ns);
    return out + ",\"revoked_at\":" + time_json(key.revoked_ns) + "}";
}

std::string state_of(const store::ApiKey& key) {
    if (key.revoked_ns != 0) {
        return "revoked";
    }
    if (key.expires_ns == 0) {
        return "good for ever";
    }
    return (key.expires_ns <= system_clock().wall_ns() ? "expired " : "until ") + utc_text(key.expires_ns).substr(0, 10);
}

std::string words(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names) {
        out += (out.empty() ? "" : ",") + name;
    }
    return out.empty() ? "all" : out;
}

/// Opens the key file of the configured data directory and does something with it.
template <class Work>
int with_keys(const CommonOptions& common, Work&& work) {
    auto config = load_config(common);
    if (!config) {
        print_error(config.error());
        return kConfig;
    }
    store::KeyFile file(config->data_dir / "keys.db");
    if (auto prepared = file.prepare(); !prepared) {
        print_error(prepared.error());
        return kConfig;
    }
    return work(file, *config);
}

}  // namespace

int create_key(const CommonOptions& common, const KeyOptions& options) {
    auto made = key_of(options);
    if (!made) {
        return tell(made.error());
    }
    return with_keys(common, [&](store::KeyFile& file, const config::HostConfig& config) {
        if (auto added = file.add(made->key); !added) {
            return tell(added.error());
        }
        if (common.is_json) {
            std::printf("%s\n", key_json(made->key, made->text).c_str());
        } else {
            std::printf("%s\n", made->text.c_str());
            std::fprintf(stderr,
                         "key %s for user %s, %s; it is not shown again\n",
                         made->key.id.c_str(),
                         made->key.user_id.c_str(),
                         state_of(made->key).c_str());
        }
        if (!config.auth.accepts_keys) {
            std::fprintf(stderr, "note: auth.mode does not name \"key\" yet, so the host accepts no keys\n");
        }
        return static_cast<int>(kOk);
    });
}

int list_keys(const CommonOptions& common) {
    return with_keys(common, [&](store::KeyFile& file, const config::HostConfig&) {
        const auto keys = file.all();
        if (!keys) {
            return tell(keys.error());
        }
        for (const auto& key : *keys) {
            if (common.is_json) {
                std::printf("%s\n", key_json(key, {}).c_str());
            } else {
                std::printf("%s  ...%s  %-22s  %-20s  scopes %s, pipelines %s%s, user %s%s\n",
                            key.id.c_str(),
                            key.ending.c_str(),
                            state_of(key).c_str(),
                            key.name.c_str(),
                            words(key.scopes).c_str(),
                            words(key.pipelines).c_str(),
                            chat_words(key).c_str(),
                            key.user_id.c_str(),
                            key.is_for_users ? " and others" : "");
            }
        }
        if (keys->empty() && !common.is_json) {
            std::fprintf(stderr, "no keys yet; make one with `eco2 keys create --name NAME`\n");
        }
        return static_cast<int>(kOk);
    });
}

int revoke_key(const CommonOptions& common, const std::string& id) {
    return with_keys(common, [&](store::KeyFile& file, const config::HostConfig&) {
        if (auto revoked = file.revoke(id, system_clock().wall_ns()); !revoked) {
            return tell(revoked.error());
        }
        std::printf(common.is_json ? "{\"id\":\"%s\",\"revoked\":true}\n" : "key %s is revoked\n", id.c_str());
        return static_cast<int>(kOk);
    });
}

}  // namespace eco2::app
