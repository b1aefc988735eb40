#include "protocol/chat_request.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "protocol/json_members.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

namespace eco2 {
namespace {

namespace json = boost::json;

constexpr std::int64_t kAnswerTokensGuess = 512;  // where a request does not say how long its answer may be
constexpr std::int64_t kImageTokensGuess = 800;   // 1,024 px at high detail
constexpr std::size_t kBytesPerToken = 4;

SharedText shared(std::string text) {
    return std::make_shared<const std::string>(std::move(text));
}

/// Null where the field is absent or null: OpenAI takes both for the default.
const json::value* find(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value == nullptr || value->is_null() ? nullptr : value;
}

class Reader {
public:
    Reader(SharedText body, std::string& param) : body_(std::move(body)), param_(param) {}

    Result<ChatRequest> read();

private:
    Result<void> read_fields(const json::object& body);
    Result<void> read_sampling(const json::object& body);
    Result<void> read_lengths(const json::object& body);
    Result<void> read_stream(const json::object& body);
    Result<void> read_stop(const json::object& body);
    Result<void> read_tools(const json::object& body);
    Result<void> read_format(const json::object& body);
    Result<void> read_beyond(const json::object& body);
    Result<void> read_messages(const json::object& body);
    Result<void> read_message(const json::value& value, const std::string& place);
    Result<void> read_content(const json::value& content, Message& message, const std::string& place);
    Result<void> read_part(const json::value& value, Message& message, const std::string& place);
    Result<void> read_image(const json::object& part, Message& message, const std::string& place);
    Result<void> read_tool_calls(const json::value& calls, Message& message, const std::string& place);

    Error wrong(std::string place, std::string_view what) {
        param_ = std::move(place);
        return fail(Errc::invalid_field, param_ + " " + std::string(what));
    }
    Result<bool> boolean(const json::object& object, std::string_view name) {
        const auto* value = find(object, name);
        if (value != nullptr && !value->is_bool()) {
            return wrong(std::string(name), "must be a boolean");
        }
        return value != nullptr && value->get_bool();
    }
    /// `otherwise` where it is not there.
    Result<double> number(const json::object& object, std::string_view name, double otherwise) {
        const auto* value = find(object, name);
        if (value == nullptr) {
            return otherwise;
        }
        json::error_code ec;
        const auto read = value->to_number<double>(ec);
        return ec || read < 0 ? Result<double>(wrong(std::string(name), "must be a number of at least 0")) : read;
    }
    /// -1 where it is not there.
    Result<std::int64_t> count(const json::object& object, std::string_view name) {
        const auto* value = find(object, name);
        if (value == nullptr) {
            return -1;
        }
        json::error_code ec;
        const auto read = value->to_number<std::int64_t>(ec);
        return ec || read < 1 ? Result<std::int64_t>(wrong(std::string(name), "must be a whole number of at least 1")) : read;
    }
    void add_text(Message& message, std::string_view text) {
        text_bytes_ += text.size();
        message.parts.push_back({Part::Kind::text, shared(std::string(text)), nullptr, {}, ImageDetail::automatic});
    }

    const SharedText body_;
    std::string& param_;
    ChatRequest made_;
    std::size_t text_bytes_ = 0;
    std::int64_t images_ = 0;
};

Result<ChatRequest> Reader::read() {
    json::error_code ec;
    json::parse_options options;
    options.max_depth = limits::kChatJsonDepthMax;
    json::monotonic_resource memory;
    const auto value = json::parse(*body_, ec, &memory, options);
    if (ec) {
        return fail(Errc::invalid_json, "the body is not JSON: " + ec.message());
    }
    const auto* body = value.if_object();
    if (body == nullptr) {
        return fail(Errc::invalid_json, "the body must be a JSON object");
    }
    // The bytes are passed on: which of two equal fields counts must not depend on who reads them.
    if (count_json_members(*body_) != body->size()) {
        return fail(Errc::invalid_field, "a field of the body stands there twice");
    }
    if (auto read = read_fields(*body); !read) {
        return read.error();
    }
    auto& request = made_.request;
    request.chat_json = body_;
    const auto answer = request.max_output_tokens > 0 ? request.max_output_tokens : kAnswerTokensGuess;
    const auto tools = request.tools_json == nullptr ? 0 : request.tools_json->size();
    made_.tokens_estimate =
        static_cast<std::int64_t>((text_bytes_ + tools) / kBytesPerToken) + images_ * kImageTokensGuess + answer;
    return std::move(made_);
}

Result<void> Reader::read_fields(const json::object& body) {
    const auto* model = find(body, "model");
    if (model == nullptr || !model->is_string() || model->get_string().empty() ||
        model->get_string().size() > limits::kModelNameBytesMax) {
        return wrong("model", model == nullptr ? "is required" : "must be a string of 1 to 200 bytes");
    }
    made_.request.model = std::string_view(model->get_string());
    using Step = Result<void> (Reader::*)(const json::object&);
    constexpr std::array<Step, 8> kSteps{&Reader::read_messages,
                                         &Reader::read_stream,
                                         &Reader::read_sampling,
                                         &Reader::read_lengths,
                                         &Reader::read_stop,
                                         &Reader::read_tools,
                                         &Reader::read_format,
                                         &Reader::read_beyond};
    for (const auto step : kSteps) {
        if (auto read = (this->*step)(body); !read) {
            return read;
        }
    }
    return {};
}

Result<void> Reader::read_stream(const json::object& body) {
    const auto stream = boolean(body, "stream");
    if (!stream) {
        return stream.error();
    }
    made_.request.is_streamed = *stream;
    const auto* options = find(body, "stream_options");
    if (options == nullptr) {
        return {};
    }
    const auto* object = options->if_object();
    if (object == nullptr) {
        return wrong("stream_options", "must be an object");
    }
    if (!*stream) {
        return wrong("stream_options", "is only allowed when stream is true");
    }
    const auto* wants = find(*object, "include_usage");
    if (wants != nullptr && !wants->is_bool()) {
        return wrong("stream_options.include_usage", "must be a boolean");
    }
    made_.wants_usage = wants != nullptr && wants->get_bool();
    return {};
}

Result<void> Reader::read_sampling(const json::object& body) {
    const auto temperature = number(body, "temperature", -1);
    const auto top_p = number(body, "top_p", -1);
    if (!temperature || !top_p) {
        return temperature ? top_p.error() : temperature.error();
    }
    made_.request.temperature = *temperature;
    made_.request.top_p = *top_p;
    return {};
}

Result<void> Reader::read_lengths(const json::object& body) {
    const auto old = count(body, "max_tokens");
    const auto now = count(body, "max_completion_tokens");
    if (!old || !now) {
        return old ? now.error() : old.error();
    }
    made_.request.max_output_tokens = *now > 0 ? *now : *old;
    return {};
}

Result<void> Reader::read_stop(const json::object& body) {
    const auto* stop = find(body, "stop");
    if (stop == nullptr) {
        return {};
    }
    if (stop->is_string()) {
        made_.request.stop_json = shared("[" + json::serialize(*stop) + "]");
        return {};
    }
    const auto* texts = stop->if_array();
    if (texts == nullptr || !std::all_of(texts->begin(), texts->end(), [](const auto& text) { return text.is_string(); })) {
        return wrong("stop", "must be a string or an array of strings");
    }
    if (!texts->empty()) {
        made_.request.stop_json = shared(json::serialize(*stop));
    }
    return {};
}

Result<void> Reader::read_tools(const json::object& body) {
    const auto* tools = find(body, "tools");
    const auto* choice = find(body, "tool_choice");
    if (tools != nullptr && !tools->is_array()) {
        return wrong("tools", "must be an array");
    }
    if (choice != nullptr && !choice->is_string() && !choice->is_object()) {
        return wrong("tool_choice", "must be a string or an object");
    }
    if (auto parallel = boolean(body, "parallel_tool_calls"); !parallel) {
        return parallel.error();
    }
    if (tools == nullptr || tools->get_array().empty()) {
        return {};
    }
    const auto& list = tools->get_array();
    for (std::size_t i = 0; i < list.size(); ++i) {
        const auto place = "tools[" + std::to_string(i) + "]";
        const auto* tool = list[i].if_object();
        const auto* type = tool == nullptr ? nullptr : tool->if_contains("type");
        if (type == nullptr || !type->is_string()) {
            return wrong(place, "must be an object with a type");
        }
        if (type->get_string() != "function") {
            made_.beyond.push_back(place);
        }
    }
    std::string out;
    for (const std::string_view name : {"tools", "tool_choice", "parallel_tool_calls"}) {
        // As it stands in the body: a schema's numbers keep their spelling.
        if (find(body, name) != nullptr) {
            out += (out.empty() ? "{\"" : ",\"") + std::string(name) + "\":" + std::string(json_member(*body_, name));
        }
    }
    made_.request.tools_json = shared(out + "}");
    return {};
}

Result<void> Reader::read_format(const json::object& body) {
    const auto* format = find(body, "response_format");
    if (format == nullptr) {
        return {};
    }
    const auto* object = format->if_object();
    const auto* type = object == nullptr ? nullptr : object->if_contains("type");
    if (type == nullptr || !type->is_string()) {
        return wrong("response_format", "must be an object with a type");
    }
    if (type->get_string() == "text") {
        return {};
    }
    if (type->get_string() != "json_schema") {
        made_.beyond.emplace_back("response_format");
        return {};
    }
    const auto* outer = object->if_contains("json_schema");
    const auto* named = outer == nullptr ? nullptr : outer->if_object();
    const auto* name = named == nullptr ? nullptr : named->if_contains("name");
    const auto* schema = named == nullptr ? nullptr : named->if_contains("schema");
    if (name == nullptr || !name->is_string()) {
        return wrong("response_format.json_schema", "must be an object with a name");
    }
    if (schema == nullptr) {
        made_.beyond.emplace_back("response_format.json_schema.schema");
        return {};
    }
    if (!schema->is_object()) {
        return wrong("response_format.json_schema.schema", "must be an object");
    }
    made_.request.schema_name = shared(std::string(std::string_view(name->get_string())));
    const auto text = json_member(json_member(json_member(*body_, "response_format"), "json_schema"), "schema");
    made_.request.schema_json = shared(std::string(text));
    return {};
}

Result<void> Reader::read_beyond(const json::object& body) {
    const auto n = count(body, "n");
    if (!n) {
        return n.error();
    }
    if (*n > 1) {
        made_.beyond.emplace_back("n");
    }
    const auto logprobs = boolean(body, "logprobs");
    if (!logprobs) {
        return logprobs.error();
    }
    if (*logprobs) {
        made_.beyond.emplace_back("logprobs");
    }
    for (const auto* name : {"audio", "functions", "web_search_options"}) {
        if (find(body, name) != nullptr) {
            made_.beyond.emplace_back(name);
        }
    }
    if (const auto* modalities = find(body, "modalities"); modalities != nullptr) {
        const auto* list = modalities->if_array();
        if (list == nullptr) {
            return wrong("modalities", "must be an array");
        }
        if (std::any_of(list->begin(), list->end(), [](const auto& m) { return !m.is_string() || m.get_string() != "text"; })) {
            made_.beyond.emplace_back("modalities");
        }
    }
    return {};
}

Result<void> Reader::read_messages(const json::object& body) {
    const auto* messages = find(body, "messages");
    if (messages == nullptr || !messages->is_array() || messages->get_array().empty()) {
        return wrong("messages", messages == nullptr ? "is required" : "must be an array with at least one message");
    }
    const auto& list = messages->get_array();
    made_.request.messages.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (auto read = read_message(list[i], "messages[" + std::to_string(i) + "]"); !read) {
            return read;
        }
    }
    return {};
}

std::optional<Role> role_of(std::string_view name) {
    struct Row {
        std::string_view name;
        Role role;
    };
    constexpr auto kRoles = std::to_array<Row>({{"system", Role::system},
                                                {"developer", Role::system},
                                                {"user", Role::user},
                                                {"assistant", Role::assistant},
                                                {"tool", Role::tool}});
    const auto row = std::find_if(kRoles.begin(), kRoles.end(), [&](const Row& r) { return r.name == name; });
    return row == kRoles.end() ? std::nullopt : std::optional(row->role);
}

Result<void> Reader::read_message(const json::value& value, const std::string& place) {
    const auto* object = value.if_object();
    if (object == nullptr) {
        return wrong(place, "must be an object");
    }
    const auto* role = find(*object, "role");
    if (role == nullptr || !role->is_string()) {
        return wrong(place + ".role", role == nullptr ? "is required" : "must be a string");
    }
    Message message;
    const auto known = role_of(std::string_view(role->get_string()));
    if (!known) {
        made_.beyond.push_back(place + ".role");
    }
    message.role = known.value_or(Role::user);
    const auto* calls = find(*object, "tool_calls");
    const auto* content = find(*object, "content");
    if (content != nullptr) {
        if (auto read = read_content(*content, message, place + ".content"); !read) {
            return read;
        }
    } else if (known && message.role != Role::assistant) {
        return wrong(place + ".content", "is required");
    }
    if (calls != nullptr) {
        if (auto read = read_tool_calls(*calls, message, place + ".tool_calls"); !read) {
            return read;
        }
    }
    if (message.role == Role::tool) {
        const auto* id = find(*object, "tool_call_id");
        if (id == nullptr || !id->is_string()) {
            return wrong(place + ".tool_call_id", id == nullptr ? "is required" : "must be a string");
        }
        message.tool_call_id = std::string_view(id->get_string());
    }
    if (find(*object, "audio") != nullptr || find(*object, "function_call") != nullptr) {
        made_.beyond.push_back(place);
    }
    made_.request.messages.push_back(std::move(message));
    return {};
}

Result<void> Reader::read_content(const json::value& content, Message& message, const std::string& place) {
    if (content.is_string()) {
        add_text(message, std::string_view(content.get_string()));
        return {};
    }
    const auto* parts = content.if_array();
    if (parts == nullptr) {
        return wrong(place, "must be a string or an array of parts");
    }
    for (std::size_t i = 0; i < parts->size(); ++i) {
        if (auto read = read_part((*parts)[i], message, place + "[" + std::to_string(i) + "]"); !read) {
            return read;
        }
    }
    return {};
}

Result<void> Reader::read_part(const json::value& value, Message& message, const std::string& place) {
    const auto* part = value.if_object();
    const auto* type = part == nullptr ? nullptr : part->if_contains("type");
    if (type == nullptr || !type->is_string()) {
        return wrong(place, "must be an object with a type");
    }
    const std::string_view name = type->get_string();
    if (name == "image_url") {
        return read_image(*part, message, place + ".image_url");
    }
    if (name != "text" && name != "refusal") {
        made_.beyond.push_back(place);
        return {};
    }
    const auto* text = part->if_contains(name);
    if (text == nullptr || !text->is_string()) {
        return wrong(place + "." + std::string(name), "must be a string");
    }
    add_text(message, std::string_view(text->get_string()));
    return {};
}

ImageDetail detail_of(const json::object& image) {
    const auto* detail = image.if_contains("detail");
    if (detail == nullptr || !detail->is_string()) {
        return ImageDetail::automatic;
    }
    const std::string_view name = detail->get_string();
    return name == "low" ? ImageDetail::low : name == "high" ? ImageDetail::high : ImageDetail::automatic;
}

Result<void> Reader::read_image(const json::object& part, Message& message, const std::string& place) {
    const auto* image = part.if_contains("image_url");
    const auto* object = image == nullptr ? nullptr : image->if_object();
    const auto* url = object == nullptr ? nullptr : object->if_contains("url");
    if (url == nullptr || !url->is_string()) {
        return wrong(place, "must be an object with a url");
    }
    ++images_;
    const std::string_view text = url->get_string();
    Part made;
    made.detail = detail_of(*object);
    const auto scheme = to_lower_ascii(text.substr(0, std::min(text.find(':'), std::size_t{8})));
    if (scheme != "data") {
        if (scheme != "http" && scheme != "https") {
            made_.beyond.push_back(place);
        }
        made.kind = Part::Kind::image_url;
        made.text = shared(std::string(text));
        message.parts.push_back(std::move(made));
        return {};
    }
    const auto comma = text.find(',');
    const auto head = to_lower_ascii(text.substr(0, comma == std::string_view::npos ? 0 : std::min(comma, std::size_t{200})));
    if (!head.ends_with(";base64")) {
        return wrong(place + ".url", "must be an https URL or a data URL: data:image/jpeg;base64,...");
    }
    auto bytes = base64_decode(text.substr(comma + 1));
    if (!bytes) {
        return wrong(place + ".url", "is not base64 (RFC 4648, with padding, without line breaks)");
    }
    made.kind = Part::Kind::image_bytes;
    made.mime = head.substr(5, head.find(';') - 5);
    made.bytes = shared(std::move(*bytes));
    message.parts.push_back(std::move(made));
    return {};
}

Result<void> Reader::read_tool_calls(const json::value& calls, Message& message, const std::string& place) {
    const auto* list = calls.if_array();
    if (list == nullptr) {
        return wrong(place, "must be an array");
    }
    for (std::size_t i = 0; i < list->size(); ++i) {
        const auto& call = (*list)[i];
        if (!call.is_object()) {
            return wrong(place + "[" + std::to_string(i) + "]", "must be an object");
        }
        auto text = json::serialize(call);
        text_bytes_ += text.size();
        message.parts.push_back({Part::Kind::tool_call, shared(std::move(text)), nullptr, {}, ImageDetail::automatic});
    }
    return {};
}

}  // namespace

Result<ChatRequest> parse_chat_request(SharedText body, std::string& param) {
    return Reader(std::move(body), param).read();
}

}  // namespace eco2
