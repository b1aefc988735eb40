#include "fake_provider/batch_line.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "protocol/json_members.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <functional>

namespace eco2::fake {
namespace {

namespace json = boost::json;

constexpr std::string_view kChat = "/v1/chat/completions";
constexpr std::string_view kResponses = "/v1/responses";
constexpr std::size_t kShownBytesMax = 100;  // of a value that an error tells again

/// A member that is a text; nullopt: it is not there, or something else.
std::optional<std::string> text_member(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) {
        return std::nullopt;
    }
    return std::string(value->get_string().data(), value->get_string().size());
}

BatchError missing(std::string_view name) {
    return {"missing_required_parameter",
            "Missing required parameter: '" + std::string(name) + "'. Each line needs custom_id, method, url and body.",
            std::string(name),
            std::nullopt};
}

/// What is wrong with a line's method and URL.
std::optional<BatchError> target_error(const json::object& line, std::string_view endpoint) {
    const std::optional<std::string> method = text_member(line, "method");
    const std::optional<std::string> url = text_member(line, "url");
    if (!method || !url) {
        return missing(method ? "url" : "method");
    }
    if (*method != "POST") {
        return BatchError{"invalid_method",
                          "The HTTP method '" + shorten(*method, kShownBytesMax) + "' is not supported; use 'POST'.",
                          "method",
                          std::nullopt};
    }
    if (*url != endpoint) {
        return BatchError{"mismatched_url",
                          "The URL '" + shorten(*url, kShownBytesMax) + "' does not match the batch's endpoint '" +
                              std::string(endpoint) + "'; every line must have the batch's.",
                          "url",
                          std::nullopt};
    }
    return std::nullopt;
}

/// Faults of a body that are found before anything is executed; all others are the line's own, found when it is.
bool is_found_at_validation(const ApiFault& fault) {
    return fault.param == "model" || fault.param == "messages" || fault.param == "input";
}

}  // namespace

std::optional<Dialect> dialect_of_endpoint(std::string_view endpoint) noexcept {
    if (endpoint == kChat) {
        return Dialect::chat;
    }
    return endpoint == kResponses ? std::optional(Dialect::responses) : std::nullopt;
}

std::string_view batch_endpoints() noexcept {
    return "'/v1/responses' and '/v1/chat/completions'";
}

std::variant<BatchLine, BatchError> read_batch_line(std::string_view line, std::string_view endpoint, Dialect dialect) {
    json::error_code ec;
    const json::value root = json::parse(line, ec, {}, {.max_depth = limits::kJsonDepthMax});
    if (ec || !root.is_object()) {
        return BatchError{"invalid_json_line",
                          "This line is not parseable as valid JSON. Write one JSON object a line, and no blank lines.",
                          "",
                          std::nullopt};
    }
    const json::object& object = root.get_object();
    std::optional<std::string> custom_id = text_member(object, "custom_id");
    if (!custom_id || custom_id->empty()) {
        return missing("custom_id");
    }
    if (std::optional<BatchError> error = target_error(object, endpoint)) {
        return *std::move(error);
    }
    const json::value* body = object.if_contains("body");
    if (body == nullptr || !body->is_object()) {
        return missing("body");
    }
    BatchLine out{
        *std::move(custom_id), {}, text_hash(json_member(line, "body")), read_chat_request(body->get_object(), dialect)};
    if (const ApiFault* fault = std::get_if<ApiFault>(&out.request)) {
        if (is_found_at_validation(*fault)) {
            return BatchError{fault->code.empty() ? fault->type : fault->code,
                              fault->message,
                              fault->param.empty() ? "" : "body." + fault->param,
                              std::nullopt};
        }
        out.model = text_member(body->get_object(), "model").value_or("");
        return out;
    }
    const ChatRequest& request = std::get<ChatRequest>(out.request);
    if (request.is_stream) {
        return BatchError{"unsupported_parameter",
                          "Streaming is not supported in batches; leave 'stream' out of the body.",
                          "body.stream",
                          std::nullopt};
    }
    out.model = request.model;
    return out;
}

std::uint64_t text_hash(std::string_view text) noexcept {
    return std::hash<std::string_view>{}(text);
}

}  // namespace eco2::fake
