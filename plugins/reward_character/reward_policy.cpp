#include "reward_character/reward_policy.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <string>

namespace reward_character {
namespace {

namespace json = boost::json;
using eco2::plugin::fail;
using eco2::plugin::Failure;
using eco2::plugin::Result;
using eco2::plugin::Status;

struct Outcome {
    std::string major;  // trimmed, like the other two
    std::string middle;
    std::string minor;
    bool has_rule = false;
    bool is_sufficient = true;
};

Failure bad_input(std::string_view field, std::string_view expected) {
    return fail(Status::invalid_argument, "bad_input", std::string(field) + " must be " + std::string(expected));
}

/// ASCII white space, no-break space and the ideographic space, which Korean keyboards make.
std::string_view trim(std::string_view text) {
    constexpr std::array<std::string_view, 8> kSpaces{" ", "\t", "\n", "\r", "\f", "\v", "\xC2\xA0", "\xE3\x80\x80"};
    for (bool is_trimmed = true; is_trimmed;) {
        is_trimmed = false;
        for (const std::string_view space : kSpaces) {
            if (text.starts_with(space)) {
                text.remove_prefix(space.size());
                is_trimmed = true;
            }
            if (text.ends_with(space)) {
                text.remove_suffix(space.size());
                is_trimmed = true;
            }
        }
    }
    return text;
}

bool is_absent(const json::value* value) {
    return value == nullptr || value->is_null();
}

/// A text or null; the latter and a missing one read as empty.
Result<std::string> read_class(const json::object& classification, std::string_view name) {
    const json::value* value = classification.if_contains(name);
    if (is_absent(value)) {
        return std::string();
    }
    if (!value->is_string()) {
        return bad_input("classification." + std::string(name), "a text or null");
    }
    return std::string(trim(value->get_string()));
}

Result<bool> read_is_sufficient(const json::value* insufficiencies) {
    if (is_absent(insufficiencies)) {
        return true;
    }
    if (!insufficiencies->is_array()) {
        return bad_input("insufficiencies", "an array of texts or null");
    }
    bool is_sufficient = true;
    for (const json::value& entry : insufficiencies->get_array()) {
        if (!entry.is_string()) {
            return bad_input("insufficiencies", "an array of texts or null");
        }
        is_sufficient = is_sufficient && trim(entry.get_string()).empty();
    }
    return is_sufficient;
}

Result<Outcome> read_outcome(std::string_view input_json) {
    boost::system::error_code ec;
    const json::value input = json::parse(input_json, ec);
    if (ec || !input.is_object()) {
        return bad_input("the input", "a JSON object");
    }
    const json::object& object = input.get_object();
    Outcome outcome;
    if (const json::value* classification = object.if_contains("classification"); !is_absent(classification)) {
        if (!classification->is_object()) {
            return bad_input("classification", "an object or null");
        }
        constexpr std::array<std::pair<std::string_view, std::string Outcome::*>, 3> kClasses{
            {{"major_category", &Outcome::major}, {"middle_category", &Outcome::middle}, {"minor_category", &Outcome::minor}}};
        for (const auto& [name, member] : kClasses) {
            auto text = read_class(classification->get_object(), name);
            if (!text) {
                return text.error();
            }
            outcome.*member = *std::move(text);
        }
    }
    const json::value* has_rule = object.if_contains("has_rule");
    if (has_rule == nullptr || !has_rule->is_bool()) {
        return bad_input("has_rule", "a boolean");
    }
    outcome.has_rule = has_rule->get_bool();
    const auto is_sufficient = read_is_sufficient(object.if_contains("insufficiencies"));
    if (!is_sufficient) {
        return is_sufficient.error();
    }
    outcome.is_sufficient = *is_sufficient;
    return outcome;
}

std::string refuse(std::string_view reason) {
    return json::serialize(json::object{{"reward", nullptr}, {"reason", reason}, {"grant", nullptr}});
}

std::string reward(const Character& character, const Outcome& outcome) {
    const std::string match_reason = outcome.minor.empty() ? outcome.middle : outcome.middle + ">" + outcome.minor;
    return json::serialize(json::object{
        {"reward",
         {{"name", character.name}, {"dialog", character.dialog}, {"match_reason", match_reason}, {"type", character.type}}},
        {"reason", nullptr},
        {"grant", {{"code", character.code}, {"name", character.name}}}});
}

}  // namespace

Result<std::string> RewardPolicy::decide(std::string_view input_json) const {
    const auto outcome = read_outcome(input_json);
    if (!outcome) {
        return outcome.error();
    }
    if (!options_.is_enabled) {
        return refuse("feature_disabled");
    }
    if (outcome->major.empty() || outcome->middle.empty()) {
        return refuse("classification_incomplete");
    }
    if (outcome->major != options_.recyclable_major) {
        return refuse("not_recyclable");
    }
    if (!outcome->has_rule) {
        return refuse("no_rule");
    }
    if (!outcome->is_sufficient) {
        return refuse("insufficient");
    }
    const Character* character = catalogue_.find(outcome->middle);
    return character == nullptr ? refuse("no_match") : reward(*character, *outcome);
}

}  // namespace reward_character
