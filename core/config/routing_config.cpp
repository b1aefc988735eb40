#include "config/routing_config.hpp"

#include "base/text.hpp"
#include "config/host_config_checks.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>

namespace eco2::config {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kMillion = 1'000'000;
constexpr std::int64_t kTokensMax = 1'000 * kMillion;
constexpr double kUsdMax = 1e6;

std::string shown(std::string_view text) {
    return "\"" + shorten(text, 80) + "\"";
}

void set_int64(Section& section, std::string_view key, std::int64_t& to, std::int64_t least, std::int64_t most) {
    to = section.integer(key, least, most).value_or(to);
}

void set_int(Section& section, std::string_view key, int& to, int least, int most) {
    to = static_cast<int>(section.integer(key, least, most).value_or(to));
}

void set_real(Section& section, std::string_view key, double& to, double least, double most) {
    to = section.real(key, least, most).value_or(to);
}

template <class Choice>
void set_choice(Section& section, std::string_view key, Choice& to, std::initializer_list<std::string_view> words) {
    if (const auto chosen = section.choice(key, words)) {
        to = static_cast<Choice>(*chosen);
    }
}

void read_quota(Section& section, RateQuota& to) {
    set_int64(section, "requests_per_minute", to.requests_per_minute, 0, kTokensMax);
    set_int64(section, "tokens_per_minute", to.tokens_per_minute, 0, 1'000 * kTokensMax);
}

/// "2027-03-31": days in this form compare as texts.
bool is_day(std::string_view text) {
    constexpr std::string_view kForm = "0000-00-00";
    if (text.size() != kForm.size()) {
        return false;
    }
    for (std::size_t i = 0; i < kForm.size(); ++i) {
        if (kForm[i] == '-' ? text[i] != '-' : text[i] < '0' || text[i] > '9') {
            return false;
        }
    }
    const auto number = [text](std::size_t at, std::size_t size) {
        int value = 0;
        std::from_chars(text.data() + at, text.data() + at + size, value);
        return value;
    };
    const std::chrono::year_month_day day(std::chrono::year(number(0, 4)),
                                          std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                          std::chrono::day(static_cast<unsigned>(number(8, 2))));
    return day.ok();
}

/// "; must be one of: a, b".
template <class Items>
std::string known_ids(const Items& items) {
    std::string known;
    for (const auto& item : items) {
        known += (known.empty() ? "" : ", ") + item.id;
    }
    return known.empty() ? std::string("; there are none") : "; must be one of: " + known;
}

template <class Items>
bool has_id(const Items& items, std::string_view id) {
    return std::any_of(items.begin(), items.end(), [id](const auto& item) { return item.id == id; });
}

void read_policy(Section section, RoutePolicy& to) {
    using Policy = RoutePolicy;
    set_int(section, "attempts", to.attempts, 1, 100);
    set_real(section, "cost_usd", to.cost_usd, 0, kUsdMax);
    section.set_duration("total_ms", to.total, 1, kHourMs);
    section.set_duration("headers_ms", to.headers, 1, kHourMs);
    section.set_duration("first_content_ms", to.first_content, 1, kHourMs);
    section.set_duration("between_contents_ms", to.between_contents, 1, kHourMs);
    section.set_duration("whole_ms", to.whole, 1, kHourMs);
    set_int(section, "same_target_retries", to.same_target_retries, 0, 10);
    section.set_duration("hint_wait_max_ms", to.hint_wait_max, 0, kHourMs);
    section.set_duration("backoff_base_ms", to.backoff_base, 1, kHourMs);
    section.set_duration("backoff_max_ms", to.backoff_max, 1, kHourMs);
    set_choice<Policy::ContextLength>(section, "context_length", to.context_length, {"larger", "next", "give_back"});
    set_choice<Policy::ContentPolicy>(section, "content_policy", to.content_policy, {"give_back", "next"});
    set_choice<Policy::MidStream>(
        section, "mid_stream", to.mid_stream, {"verified_restart", "hold", "restart_marked", "give_up"});
    set_int64(section, "queue_max", to.queue_max, 0, kMillion);
    section.set_duration("queue_wait_max_ms", to.queue_wait_max, 1, kHourMs);
    set_choice<Policy::StreamStages>(section, "stream_stages", to.stream_stages, {"automatic", "never", "always"});
    if (to.backoff_base > to.backoff_max) {
        section.problem(section.has("backoff_base_ms") ? "backoff_base_ms" : "backoff_max_ms",
                        "backoff_base_ms is " + std::to_string(to.backoff_base.count()) + " and backoff_max_ms " +
                            std::to_string(to.backoff_max.count()) + "; must be at most as large");
    }
    section.finish();
}

class RoutingReader {
public:
    RoutingReader(Reading& reading, Section& root, RoutingDefinition& to) : reading_(reading), root_(root), to_(to) {}

    void read_defaults() {
        Section section = root_.table("routing");
        read_policy(section.table("policy"), policy_);
        Section breaker = section.table("breaker");
        set_int(breaker, "failures", to_.breaker.failures, 1, 1'000);
        breaker.set_duration("open_min_ms", to_.breaker.open_min, 1, kHourMs);
        breaker.set_duration("open_max_ms", to_.breaker.open_max, 1, kHourMs);
        if (to_.breaker.open_min > to_.breaker.open_max) {
            breaker.problem("open_min_ms", "is larger than open_max_ms; must be at most as large");
        }
        breaker.finish();
        set_real(section, "retry_share", to_.retry_share, 0, 100);
        set_real(section, "retry_floor_per_second", to_.retry_floor_per_second, 0, 1e6);
        section.set_duration("key_probe_ms", to_.key_probe, 1, kHourMs);
        section.set_duration("limited_default_ms", to_.limited_default, 1, kHourMs);
        section.finish();
    }

    void read_routes() {
        std::set<std::string> names;
        for (Section& section : root_.tables("route")) {
            RouteDefinition route;
            const auto match = section.required("match");
            route.match = match.text;
            check_reachable(match);
            section.set_text("name", route.name);
            route.name = route.name.empty() ? route.match : route.name;
            if (!route.name.empty() && !names.insert(route.name).second) {
                section.problem(section.has("name") ? "name" : "match",
                                shown(route.name) + " is there already; every route needs a name of its own");
            }
            read_targets(section, route);
            if (const auto router = section.text("router"); router && !router->text.empty()) {
                check_instance(*router);
                route.router = router->text;
            }
            route.policy = policy_;
            read_policy(section.table("policy"), route.policy);
            section.finish();
            to_.routes.push_back(std::move(route));
        }
    }

    void read_prices() {
        Section section = root_.table("prices");
        section.set_text("version", to_.prices.version);
        if (const auto day = section.text("review_by"); day && !day->text.empty()) {
            if (!is_day(day->text)) {
                section.problem("review_by", shown(day->text) + " is no day; must be such as \"2027-03-31\"");
            }
            to_.prices.review_by = day->text;
        }
        for (Section& model : section.tables("model")) {
            PriceDefinition price;
            price.match = model.required("match").text;
            if (const auto provider = model.text("provider"); provider && !provider->text.empty()) {
                check_instance(*provider);
                price.provider = provider->text;
            }
            price.input_usd = required_price(model, "input_usd");
            set_real(model, "cached_input_usd", price.cached_input_usd, 0, kUsdMax);
            price.output_usd = required_price(model, "output_usd");
            model.finish();
            to_.prices.prices.push_back(std::move(price));
        }
        if (to_.prices.version.empty() && !to_.prices.prices.empty()) {
            section.problem("version", "is missing; must be a string, such as \"2026-11-01\": it stands in every record");
        }
        section.finish();
    }

private:
    // Not complete, but what it finds is certain: a star of the later glob can only be met by one of the earlier.
    void check_reachable(const PlacedText& match) {
        for (const auto& earlier : to_.routes) {
            if (!match.text.empty() && glob_matches(earlier.match, match.text)) {
                reading_.problems.add(match.place,
                                      match.path,
                                      shown(match.text) + " is never reached: every model that fits it fits " +
                                          shown(earlier.match) + ", which stands before it; put it further up");
                return;
            }
        }
    }

    void check_instance(const PlacedText& id) {
        if (!id.text.empty() && !has_id(to_.providers, id.text)) {
            reading_.problems.add(id.place, id.path, shown(id.text) + " is no enabled [[plugin]]" + known_ids(to_.providers));
        }
    }

    void read_targets(Section& section, RouteDefinition& route) {
        for (Section& item : section.tables("targets")) {
            RouteTarget target;
            const auto provider = item.required("provider");
            check_instance(provider);
            target.provider = provider.text;
            item.set_text("model", target.model);
            set_real(item, "weight", target.weight, 0.001, 1e6);
            target.priority = static_cast<std::int64_t>(route.targets.size());
            set_int64(item, "priority", target.priority, 0, kMillion);
            set_int64(item, "context_tokens", target.context_tokens, 0, kTokensMax);
            item.finish();
            route.targets.push_back(std::move(target));
        }
        if (!section.has("targets")) {
            section.problem("targets", "is missing; must be a list such as [{ provider = \"openai\" }]");
        } else if (const auto* list = section.node()->find("targets"); list->kind == Node::Kind::list && list->items.empty()) {
            section.problem("targets", "is empty; must be a list such as [{ provider = \"openai\" }]");
        }
    }

    static double required_price(Section& section, std::string_view key) {
        if (!section.has(key)) {
            section.problem(key, "is missing; must be a number, in USD per million tokens");
        }
        return section.real(key, 0, kUsdMax).value_or(0);
    }

    Reading& reading_;
    Section& root_;
    RoutingDefinition& to_;
    RoutePolicy policy_;  // what routes begin with
};

}  // namespace

void read_accounts(Reading& reading, Section& root, RoutingDefinition& to) {
    for (Section& section : root.tables("account")) {
        AccountDefinition account;
        const auto id = section.required("id");
        check_id(reading.problems, id);
        if (!id.text.empty() && has_id(to.accounts, id.text)) {
            section.problem("id", shown(id.text) + " is there already; every account needs an id of its own");
        }
        account.id = id.text;
        read_quota(section, account.quota);
        for (Section& model : section.tables("model")) {
            AccountDefinition::Model one;
            one.match = model.required("match").text;
            read_quota(model, one.quota);
            model.finish();
            account.models.push_back(std::move(one));
        }
        section.finish();
        to.accounts.push_back(std::move(account));
    }
}

KeyDefinition read_key(Reading& reading, Section& section, std::string id, const RoutingDefinition& routing) {
    KeyDefinition key;
    key.id = std::move(id);
    if (const auto account = section.text("account"); account && !account->text.empty()) {
        if (!has_id(routing.accounts, account->text)) {
            reading.problems.add(
                account->place, account->path, shown(account->text) + " is no [[account]]" + known_ids(routing.accounts));
        }
        key.account = account->text;
    }
    read_quota(section, key.quota);
    return key;
}

void read_routing(Reading& reading, Section& root, RoutingDefinition& to) {
    RoutingReader reader(reading, root, to);
    reader.read_defaults();
    reader.read_routes();
    reader.read_prices();
}

}  // namespace eco2::config
