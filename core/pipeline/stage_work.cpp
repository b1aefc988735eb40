#include "pipeline/stage_work.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <utility>

namespace eco2 {
namespace {

namespace json = boost::json;

SharedText shared(std::string text) {
    return std::make_shared<const std::string>(std::move(text));
}

/// Models that know no structured output wrap their JSON in a Markdown fence.
std::string_view without_fence(std::string_view text) {
    text = trim(text);
    if (!text.starts_with("```") || !text.ends_with("```") || text.size() < 6) {
        return text;
    }
    text.remove_suffix(3);
    const auto line_end = text.find('\n');
    return line_end == std::string_view::npos ? text : trim(text.substr(line_end));
}

json::value ordered(const json::value& value, const std::vector<std::string>& order) {
    const auto* object = value.if_object();
    if (object == nullptr || order.empty()) {
        return value;
    }
    json::object out;
    for (const auto& key : order) {
        if (const auto* inner = object->if_contains(key)) {
            out[key] = *inner;
        }
    }
    for (const auto& [key, inner] : *object) {
        if (!out.contains(key)) {
            out[key] = inner;
        }
    }
    return out;
}

/// Puts in what `object` lacks, also inside. True: something was put in.
bool fill(json::object& object, const json::object& defaults) {
    bool has_filled = false;
    for (const auto& [key, standard] : defaults) {
        auto* given = object.if_contains(key);
        if (given == nullptr) {
            object[key] = standard;
            has_filled = true;
        } else if (given->is_object() && standard.is_object()) {
            has_filled |= fill(given->get_object(), standard.get_object());
        }
    }
    return has_filled;
}

Result<json::value> parse_answer(const Stage& stage, std::string_view text) {
    json::error_code ec;
    json::parse_options options;
    options.max_depth = limits::kJsonDepthMax;
    auto value = json::parse(text, ec, {}, options);
    if (ec) {
        return fail(Errc::provider_bad_answer,
                    "not JSON: " + ec.message() + "; the answer starts \"" + shorten(text, 80) + "\"");
    }
    const bool has_filled = value.is_object() && fill(value.get_object(), stage.defaults);
    if (stage.schema != nullptr) {
        const std::string filled = has_filled ? json::serialize(value) : std::string();
        if (auto fits = stage.schema->check(has_filled ? std::string_view(filled) : text); !fits) {
            return fail(Errc::provider_bad_answer, fits.error().detail + "; the answer starts \"" + shorten(text, 80) + "\"");
        }
    }
    return value;
}

std::string string_in(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

bool is_skipped(const Stage& stage, const RunValues& values) {
    return stage.only_if && !values.has(*stage.only_if);
}

StageOutput otherwise(const Stage& stage, const std::string& language) {
    const auto found = stage.definition.otherwise.find(language);
    if (found == stage.definition.otherwise.end()) {
        return {};
    }
    json::error_code ec;
    auto value = json::parse(found->second, ec);
    return ec ? StageOutput() : StageOutput(json::serialize(value), value);
}

std::shared_ptr<GenerateRequest> prepare_infer(const Stage& stage, const RunInput& input, const RunValues& values) {
    auto request = std::make_shared<GenerateRequest>();
    request->traceparent = input.traceparent;
    request->model = stage.definition.model.empty() ? input.model : stage.definition.model;
    request->schema_name = stage.schema_name;
    request->schema_json = stage.schema_json;
    request->params_json = stage.params_json;
    request->max_output_tokens = stage.definition.max_output_tokens;
    request->temperature = stage.definition.temperature;
    // A stream costs several times the CPU of one whole answer: asked for only when somebody reads the words.
    request->is_streamed = input.wants_deltas && !stage.definition.stream_field.empty();
    if (const auto system = stage.system.find(input.language); system != stage.system.end()) {
        Message message{Role::system, {}};
        message.parts.push_back({Part::Kind::text, system->second, nullptr, {}, ImageDetail::automatic});
        request->messages.push_back(std::move(message));
    }
    Message message{Role::user, {}};
    if (const auto user = stage.user.find(input.language); user != stage.user.end()) {
        message.parts.push_back({Part::Kind::text, shared(user->second.render(values)), nullptr, {}, ImageDetail::automatic});
    }
    if (stage.definition.sends_image && input.image_bytes != nullptr) {
        message.parts.push_back(
            {Part::Kind::image_bytes, nullptr, input.image_bytes, input.image_mime, stage.definition.detail});
    } else if (stage.definition.sends_image && input.image_url != nullptr) {
        message.parts.push_back({Part::Kind::image_url, input.image_url, nullptr, {}, stage.definition.detail});
    }
    request->messages.push_back(std::move(message));
    return request;
}

Result<Settled> settle_infer(const Stage& stage, const RunInput& input, std::string text, FinishReason finish) {
    if (finish == FinishReason::content_filter) {
        return fail(Errc::provider_refused, "the provider's content filter stopped the answer");
    }
    if (finish == FinishReason::refusal) {
        return fail(Errc::provider_refused, text.empty() ? "the model declined" : "the model declined: " + shorten(text, 160));
    }
    if (finish == FinishReason::length) {
        return fail(Errc::provider_bad_answer, "the answer was cut off at the token limit; raise max_output_tokens");
    }
    auto value = parse_answer(stage, without_fence(text));
    if (!value) {
        return value.error();
    }
    Settled settled;
    if (stage.taxonomy) {
        auto checked = stage.taxonomy->check(value.value(), input.question);
        if (!checked) {
            return checked.error();
        }
        value = std::move(checked.value().value);
        settled.repairs = std::move(checked.value().repairs);
    }
    auto result = ordered(value.value(), stage.definition.output_order);
    std::string out = json::serialize(result);
    settled.output = StageOutput(std::move(out), std::move(result));
    return settled;
}

RuleQuery prepare_rules(const Stage& stage, const RunValues& values) {
    const auto text = [&](const ValuePath& path) {
        const auto* value = values.find(path);
        return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
    };
    RuleQuery query;
    query.category = text(stage.category);
    query.key = text(stage.key);
    return query;
}

Result<StageOutput> settle_rules(std::string result_json) {
    json::error_code ec;
    json::parse_options options;
    options.max_depth = limits::kJsonDepthMax;
    auto value = json::parse(result_json, ec, {}, options);
    if (ec) {
        return fail(Errc::rule_store_failed, "the store's rule is not JSON: " + ec.message());
    }
    if (value.is_null()) {
        return StageOutput();
    }
    // Inside strings JSON escapes line ends, so one that stands here is a store's layout; within a frame it would end the
    // frame.
    if (result_json.find_first_of("\r\n") != std::string::npos) {
        result_json = json::serialize(value);
    }
    // The text alone: a rule is mostly given on as it is, and its value is twice as large for as long as the run is open.
    return StageOutput(std::move(result_json));
}

std::string prepare_reward(const Stage& stage, const RunValues& values) {
    std::string out = "{";
    for (const auto& input : stage.input) {
        out += out.size() > 1 ? "," : "";
        out += json_quote(input.name) + ":";
        out += input.is_presence ? (values.has(input.path) ? "true" : "false") : values.json(input.path);
    }
    return out + "}";
}

Result<RewardDecision> settle_reward(std::string_view result_json) {
    json::error_code ec;
    const auto value = json::parse(result_json, ec);
    const auto* object = ec ? nullptr : value.if_object();
    const auto* reward = object == nullptr ? nullptr : object->if_contains("reward");
    if (reward == nullptr || !(reward->is_null() || reward->is_object())) {
        return fail(Errc::reward_failed, "the engine's result holds no reward field: " + shorten(result_json, 80));
    }
    RewardDecision decision;
    decision.reason = string_in(*object, "reason");
    if (reward->is_null() == decision.reason.empty()) {
        return fail(Errc::reward_failed, "the engine must give a reason exactly when there is no reward");
    }
    decision.reward_json = json::serialize(*reward);
    if (reward->is_object()) {
        decision.name = string_in(reward->get_object(), "name");
        decision.type = string_in(reward->get_object(), "type");
    }
    if (const auto* grant = object->if_contains("grant"); grant != nullptr && grant->is_object()) {
        Grant out;
        out.code = string_in(grant->get_object(), "code");
        out.name = string_in(grant->get_object(), "name");
        if (out.code.empty()) {
            return fail(Errc::reward_failed, "the engine's grant has no code");
        }
        decision.grant = std::move(out);
    }
    return decision;
}

}  // namespace eco2
