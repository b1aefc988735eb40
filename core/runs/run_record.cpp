#include "runs/run_record.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace eco2 {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::int64_t number_of(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_int64() ? value->get_int64() : -1;
}

json::value reward_value(const std::optional<RewardDecision>& reward) {
    if (!reward) {
        return nullptr;
    }
    return json::object{
        {"reward", reward->reward_json}, {"reason", reward->reason}, {"name", reward->name}, {"type", reward->type}};
}

Result<json::object> parse_object(std::string_view text) {
    json::error_code ec;
    auto value = json::parse(text, ec);
    if (ec || !value.is_object()) {
        return fail(Errc::store_failed, "a record of the run store is damaged");
    }
    return std::move(value.get_object());
}

}  // namespace

std::string input_record(const RunInput& input) {
    json::object object{{"language", input.language}, {"question", input.question}, {"model", input.model}};
    if (input.image_url != nullptr) {
        object["image_url"] = *input.image_url;
    }
    if (!input.image_mime.empty()) {
        object["image_mime"] = input.image_mime;
        object["image_sha256"] = input.image_sha256;
    }
    if (!input.caller.empty()) {
        object["caller"] = input.caller;
    }
    if (!input.traceparent.empty()) {
        object["traceparent"] = input.traceparent;
    }
    return json::serialize(object);
}

Result<RunInput> read_input_record(std::string_view text) {
    auto object = parse_object(text);
    if (!object) {
        return object.error();
    }
    RunInput input;
    input.language = text_of(*object, "language");
    input.question = text_of(*object, "question");
    input.model = text_of(*object, "model");
    input.image_mime = text_of(*object, "image_mime");
    input.image_sha256 = text_of(*object, "image_sha256");
    input.caller = text_of(*object, "caller");
    input.traceparent = text_of(*object, "traceparent");
    if (auto url = text_of(*object, "image_url"); !url.empty()) {
        input.image_url = std::make_shared<const std::string>(std::move(url));
    }
    input.wants_deltas = true;
    return input;
}

std::string checkpoint_record(std::string_view stage, const FinishedStage& finished) {
    const auto& report = finished.report;
    json::object object{{"stage", stage}, {"reward", reward_value(finished.reward)}};
    object["output"] = finished.output.is_null() ? json::value(nullptr) : json::value(finished.output.json());
    object["asked"] = report.is_asked;
    object["provider"] = report.provider;
    object["model"] = report.model;
    object["input_tokens"] = report.usage.input_tokens;
    object["output_tokens"] = report.usage.output_tokens;
    object["cached_input_tokens"] = report.usage.cached_input_tokens;
    object["reasoning_tokens"] = report.usage.reasoning_tokens;
    object["estimated"] = report.usage.is_estimated;
    object["duration_ns"] = report.duration.count();
    return json::serialize(object);
}

Result<FinishedStage> read_checkpoint_record(std::string_view text, std::string_view stage) {
    auto parsed = parse_object(text);
    if (!parsed) {
        return parsed.error();
    }
    const auto& object = *parsed;
    if (text_of(object, "stage") != stage) {
        return fail(Errc::config_invalid,
                    "the pipeline has changed: stage \"" + text_of(object, "stage") + "\" was where \"" + std::string(stage) +
                        "\" is now");
    }
    FinishedStage finished;
    if (const auto* output = object.if_contains("output"); output != nullptr && output->is_string()) {
        finished.output = StageOutput(std::string(output->get_string()));
    }
    auto& report = finished.report;
    const auto* asked = object.if_contains("asked");
    report.is_asked = asked != nullptr && asked->is_bool() && asked->get_bool();
    report.provider = text_of(object, "provider");
    report.model = text_of(object, "model");
    report.usage.input_tokens = number_of(object, "input_tokens");
    report.usage.output_tokens = number_of(object, "output_tokens");
    report.usage.cached_input_tokens = number_of(object, "cached_input_tokens");
    report.usage.reasoning_tokens = number_of(object, "reasoning_tokens");
    const auto* estimated = object.if_contains("estimated");
    report.usage.is_estimated = estimated != nullptr && estimated->is_bool() && estimated->get_bool();
    report.duration = std::chrono::nanoseconds(std::max<std::int64_t>(0, number_of(object, "duration_ns")));
    if (const auto* reward = object.if_contains("reward"); reward != nullptr && reward->is_object()) {
        const auto& decision = reward->get_object();
        finished.reward = RewardDecision{text_of(decision, "reward"),
                                         text_of(decision, "reason"),
                                         text_of(decision, "name"),
                                         text_of(decision, "type"),
                                         std::nullopt};
    }
    return finished;
}

std::string_view event_name(std::string_view frame) noexcept {
    constexpr std::string_view kEvent = "\nevent: ";
    const auto begin = frame.find(kEvent);
    if (begin == std::string_view::npos) {
        return {};
    }
    frame.remove_prefix(begin + kEvent.size());
    return frame.substr(0, frame.find('\n'));
}

std::string delta_text(std::string_view frame) {
    constexpr std::string_view kData = "\ndata: ";
    const auto data = frame.find(kData);
    if (!event_name(frame).ends_with(".delta") || data == std::string_view::npos) {
        return {};
    }
    json::error_code ec;
    const auto value = json::parse(frame.substr(data + kData.size()), ec);
    return ec || !value.is_object() ? std::string() : text_of(value.get_object(), "text");
}

}  // namespace eco2
