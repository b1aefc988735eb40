#include "app/admin.hpp"
#include "app/commands.hpp"
#include "base/limits.hpp"
#include "base/text.hpp"
#include "routing/accounting.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <utility>

namespace eco2::app {
namespace {

namespace json = boost::json;

void say(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
}

/// Names and JSON values, in order: one table for scripts and for people.
using Fields = std::vector<std::pair<std::string, std::string>>;

std::string object(const Fields& fields) {
    std::string out;
    for (const auto& [name, value] : fields) {
        out += (out.empty() ? "{" : ",") + json_quote(name) + ":" + value;
    }
    return out.empty() ? "{}" : out + "}";
}

std::string array(const std::vector<std::string>& items) {
    std::string out;
    for (const auto& item : items) {
        out += (out.empty() ? "" : ",") + item;
    }
    return "[" + out + "]";
}

std::string number(double value) {
    std::array<char, 32> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
    return std::string(buffer.data(), end);
}

std::string ms(std::chrono::milliseconds duration) {
    return std::to_string(duration.count());
}

template <class Choice>
std::string word(Choice choice, std::initializer_list<std::string_view> words) {
    return json_quote(words.begin()[static_cast<std::size_t>(choice)]);
}

Fields policy_fields(const RoutePolicy& policy) {
    return {{"attempts", std::to_string(policy.attempts)},
            {"cost_usd", number(policy.cost_usd)},
            {"total_ms", ms(policy.total)},
            {"headers_ms", ms(policy.headers)},
            {"first_content_ms", ms(policy.first_content)},
            {"between_contents_ms", ms(policy.between_contents)},
            {"whole_ms", ms(policy.whole)},
            {"same_target_retries", std::to_string(policy.same_target_retries)},
            {"hint_wait_max_ms", ms(policy.hint_wait_max)},
            {"backoff_base_ms", ms(policy.backoff_base)},
            {"backoff_max_ms", ms(policy.backoff_max)},
            {"context_length", word(policy.context_length, {"larger", "next", "give_back"})},
            {"content_policy", word(policy.content_policy, {"give_back", "next"})},
            {"mid_stream", word(policy.mid_stream, {"verified_restart", "hold", "restart_marked", "give_up"})},
            {"queue_max", std::to_string(policy.queue_max)},
            {"queue_wait_max_ms", ms(policy.queue_wait_max)},
            {"stream_stages", word(policy.stream_stages, {"automatic", "never", "always"})}};
}

Fields quota_fields(const RateQuota& quota) {
    return {{"requests_per_minute", std::to_string(quota.requests_per_minute)},
            {"tokens_per_minute", std::to_string(quota.tokens_per_minute)}};
}

/// "500 requests and 9000 tokens a minute"; empty: no limit known.
std::string quota_text(const RateQuota& quota) {
    std::string out;
    if (quota.requests_per_minute != 0) {
        out = std::to_string(quota.requests_per_minute) + " requests";
    }
    if (quota.tokens_per_minute != 0) {
        out += (out.empty() ? "" : " and ") + std::to_string(quota.tokens_per_minute) + " tokens";
    }
    return out.empty() ? out : out + " a minute";
}

/// What holds for one key and model: its own quota, its account's and the account's for the model.
struct KeyView {
    const KeyDefinition& key;
    RateQuota account;
    RateQuota model;
};

std::vector<KeyView> keys_of(const RoutingDefinition& routing, std::string_view provider, std::string_view model) {
    std::vector<KeyView> out;
    for (const auto& one : routing.providers) {
        if (one.id != provider) {
            continue;
        }
        for (const auto& key : one.keys) {
            KeyView view{key, {}, {}};
            const auto account = std::find_if(routing.accounts.begin(), routing.accounts.end(), [&](const auto& candidate) {
                return candidate.id == key.account;
            });
            if (account != routing.accounts.end()) {
                view.account = account->quota;
                const auto own = std::find_if(account->models.begin(), account->models.end(), [&](const auto& candidate) {
                    return glob_matches(candidate.match, model);
                });
                view.model = own != account->models.end() ? own->quota : RateQuota{};
            }
            out.push_back(view);
        }
    }
    return out;
}

const PriceDefinition* price_of(const PriceTable& table, std::string_view provider, std::string_view model) {
    const auto found = std::find_if(table.prices.begin(), table.prices.end(), [&](const auto& price) {
        return (price.provider.empty() || price.provider == provider) && glob_matches(price.match, model);
    });
    return found != table.prices.end() ? &*found : nullptr;
}

double cached_usd(const PriceDefinition& price) {
    return price.cached_input_usd < 0 ? price.input_usd : price.cached_input_usd;
}

std::string target_json(const RoutingDefinition& routing, const RouteTarget& target, const std::string& model) {
    std::vector<std::string> keys;
    for (const auto& view : keys_of(routing, target.provider, model)) {
        keys.push_back(object({{"id", json_quote(view.key.id)},
                               {"quota", object(quota_fields(view.key.quota))},
                               {"account", json_quote(view.key.account)},
                               {"account_quota", object(quota_fields(view.account))},
                               {"model_quota", object(quota_fields(view.model))}}));
    }
    const auto* price = price_of(routing.prices, target.provider, model);
    const Fields prices = price == nullptr ? Fields{}
                                           : Fields{{"input_usd", number(price->input_usd)},
                                                    {"cached_input_usd", number(cached_usd(*price))},
                                                    {"output_usd", number(price->output_usd)}};
    return object({{"provider", json_quote(target.provider)},
                   {"model", json_quote(model)},
                   {"weight", number(target.weight)},
                   {"priority", std::to_string(target.priority)},
                   {"context_tokens", std::to_string(target.context_tokens)},
                   {"keys", array(keys)},
                   {"price", price == nullptr ? "null" : object(prices)}});
}

void print_target(const RoutingDefinition& routing, const RouteTarget& target, const std::string& model) {
    const auto window = target.context_tokens == 0 ? "window not known" : std::to_string(target.context_tokens) + " tokens";
    say(target.provider + " asks for " + model + ", " + window + ", priority " + std::to_string(target.priority) + ", weight " +
        number(target.weight) + "\n");
    for (const auto& view : keys_of(routing, target.provider, model)) {
        std::string told;
        const std::pair<std::string, std::string> quotas[] = {{"key", quota_text(view.key.quota)},
                                                              {"account " + view.key.account, quota_text(view.account)},
                                                              {"model within it", quota_text(view.model)}};
        for (const auto& [name, quota] : quotas) {
            told += quota.empty() ? "" : (told.empty() ? ": " : "; ") + name + " " + quota;
        }
        say("      key " + view.key.id + (told.empty() ? ": no limits known" : told) + "\n");
    }
    if (const auto* price = price_of(routing.prices, target.provider, model)) {
        say("      USD per million tokens: " + number(price->input_usd) + " in, " + number(cached_usd(*price)) + " cached, " +
            number(price->output_usd) + " out\n");
    } else {
        say("      no price\n");
    }
}

std::string model_asked(const RouteTarget& target, const std::string& model) {
    return target.model.empty() ? model : target.model;
}

void print_route_json(const RoutingDefinition& routing, const RouteDefinition& route, const std::string& model) {
    std::vector<std::string> passed;
    for (const auto* one = routing.routes.data(); one != &route; ++one) {
        passed.push_back(json_quote(one->match));
    }
    std::vector<std::string> targets;
    for (const auto& target : route.targets) {
        targets.push_back(target_json(routing, target, model_asked(target, model)));
    }
    say(object({{"model", json_quote(model)},
                {"route", json_quote(route.name)},
                {"match", json_quote(route.match)},
                {"passed_over", array(passed)},
                {"router", route.router.empty() ? "null" : json_quote(route.router)},
                {"targets", array(targets)},
                {"policy", object(policy_fields(route.policy))},
                {"price_version", json_quote(routing.prices.version)}}) +
        "\n");
}

void print_route(const RoutingDefinition& routing, const RouteDefinition& route, const std::string& model) {
    const auto place = &route - routing.routes.data() + 1;
    say("route \"" + route.name + "\": " + std::to_string(place) + " of " + std::to_string(routing.routes.size()) +
        ", the first whose match fits \"" + model + "\" (\"" + route.match + "\")\n");
    for (const auto* one = routing.routes.data(); one != &route; ++one) {
        say("  passed over: \"" + one->match + "\"\n");
    }
    say("targets, " + (route.router.empty() ? std::string("in this order") : "which " + route.router + " puts in order") +
        "\n");
    int nth = 0;
    for (const auto& target : route.targets) {
        say("  " + std::to_string(++nth) + ". ");
        print_target(routing, target, model_asked(target, model));
    }
    say("policy\n");
    for (const auto& [name, value] : policy_fields(route.policy)) {
        say("  " + name + std::string(name.size() < 20 ? 20 - name.size() : 0, ' ') + " " + value + "\n");
    }
}

std::string text_at(const json::object& routed, std::string_view name) {
    const auto* value = routed.if_contains(name);
    if (value == nullptr) {
        return {};
    }
    if (value->is_double()) {  // which Boost.JSON would write with an exponent
        return number(value->get_double());
    }
    return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

/// The host's answer, for people.
void print_routings(const std::string& body) {
    json::error_code ec;
    const auto value = json::parse(body, ec);
    if (ec || !value.is_array()) {
        return;
    }
    for (const auto& one : value.get_array()) {
        if (const auto* routed = one.if_object()) {
            say(text_at(*routed, "ended_at") + "  route " + text_at(*routed, "route") + "  " + text_at(*routed, "outcome") +
                " after " + text_at(*routed, "attempts") + " attempts, " + text_at(*routed, "duration_ms") + " ms\n  " +
                text_at(*routed, "trail") + "\n");
        }
    }
}

bool is_plain_id(std::string_view id) {
    return !id.empty() && id.size() <= 200 && std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
    });
}

}  // namespace

int explain_model(const CommonOptions& common, const std::string& model) {
    const auto config = load_config(common);
    if (!config) {
        print_error(config.error());
        return kConfig;
    }
    const auto& routing = config->routing;
    for (const auto& route : routing.routes) {
        if (glob_matches(route.match, model)) {
            const auto print = common.is_json ? print_route_json : print_route;
            print(routing, route, model);
            return kOk;
        }
    }
    if (routing.routes.empty()) {
        say(common.is_json
                ? "{\"model\":" + json_quote(model) + ",\"route\":null}\n"
                : "no [[route]] in " + config->file.string() + ": the one provider among its plugins gets every model\n");
        return kOk;
    }
    print_error(fail(Errc::unsupported_model,
                     "no [[route]] in " + config->file.string() + " fits \"" + shorten(model, 80) +
                         "\"; a last one with match "
                         "= \"*\" takes all others"));
    return kFailed;
}

int explain_request(const CommonOptions& common, const std::string& request_id) {
    const auto config = load_config(common);
    if (!config) {
        print_error(config.error());
        return kConfig;
    }
    if (!is_plain_id(request_id)) {
        print_error(fail(Errc::invalid_field, "\"" + shorten(request_id, 80) + "\" is no request id; see x-request-id"));
        return kUsage;
    }
    const auto reply = ask_host(config->data_dir, "GET", "/explain/" + request_id);
    if (!reply) {
        print_error(reply.error());
        return kFailed;
    }
    if (reply->status == 404) {
        print_error(fail(Errc::not_found,
                         "the host does not remember \"" + request_id + "\"; it knows the last " +
                             std::to_string(limits::kRoutedRecordsKept) + " requests, its log all that were not plain"));
        return kFailed;
    }
    if (reply->status >= 300) {
        print_error(fail(Errc::io_failed, "the host answers " + std::to_string(reply->status)));
        return kFailed;
    }
    if (common.is_json) {
        say(reply->body + "\n");
    } else {
        print_routings(reply->body);
    }
    return kOk;
}

}  // namespace eco2::app
