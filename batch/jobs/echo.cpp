#include "batch/jobs/echo.hpp"

#include "base/hash.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <utility>

namespace eco2::batch {
namespace {

namespace json = boost::json;

constexpr std::string_view kProperty = "echo_token";
constexpr std::size_t kDigits = 11;

bool is_echo(std::string_view text) {
    return text.size() == kDigits + 1 && text.front() == 'q' &&
           text.find_first_not_of("0123456789abcdef", 1) == std::string_view::npos;
}

}  // namespace

std::string echo_of(std::string_view nonce, std::int64_t line) {
    return "q" + sha256_hex(std::string(nonce) + "/" + std::to_string(line)).substr(0, kDigits);
}

std::shared_ptr<const GenerateRequest> with_echo(std::shared_ptr<const GenerateRequest> request, const std::string& echo) {
    if (request->schema_json == nullptr || request->schema_json->empty()) {
        return request;
    }
    json::error_code ec;
    auto schema = json::parse(*request->schema_json, ec);
    auto* object = ec ? nullptr : schema.if_object();
    auto* properties = object == nullptr ? nullptr : object->if_contains("properties");
    if (properties == nullptr || !properties->is_object()) {
        return request;
    }
    // A list of one: strict modes then cannot say anything else.
    properties->get_object()[kProperty] = {{"type", "string"}, {"enum", {echo}}};
    auto& required = (*object)["required"];
    if (!required.is_array()) {
        required.emplace_array();
    }
    required.get_array().emplace_back(kProperty);
    auto changed = std::make_shared<GenerateRequest>(*request);
    changed->schema_json = std::make_shared<const std::string>(json::serialize(schema));
    return changed;
}

EchoFound take_echo(std::string& text, std::string_view echo) {
    if (text.find(kProperty) == std::string::npos) {
        return EchoFound::missing;
    }
    json::error_code ec;
    auto answer = json::parse(text, ec);
    auto* object = ec ? nullptr : answer.if_object();
    const auto* found = object == nullptr ? nullptr : object->if_contains(kProperty);
    if (found == nullptr) {
        return EchoFound::missing;
    }
    const std::string told = found->is_string() ? std::string(found->get_string()) : std::string();
    // The rest keeps its order: what the stage sees is what it would have seen live.
    json::object rest;
    for (const auto& [key, value] : *object) {
        if (key != kProperty) {
            rest[key] = value;
        }
    }
    text = json::serialize(rest);
    if (told == echo) {
        return EchoFound::fits;
    }
    return is_echo(told) ? EchoFound::foreign : EchoFound::missing;
}

}  // namespace eco2::batch
