#include "fake_provider/chat_request.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "fake_provider/schema_sample.hpp"

#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <cstring>
#include <initializer_list>
#include <optional>

namespace eco2::fake {
namespace {

namespace json = boost::json;

constexpr std::size_t kUserTextBytesMax = 200;
constexpr std::int64_t kTokensPerMessage = 4;
constexpr std::int64_t kChoicesMax = 128;  // what OpenAI takes as "n"
constexpr std::size_t kStopMax = 16;

std::string_view view(const json::string& text) noexcept {
    return {text.data(), text.size()};
}

std::string_view text_at(const json::object& object, std::string_view key) noexcept {
    const json::value* value = object.if_contains(key);
    return value != nullptr && value->is_string() ? view(value->get_string()) : std::string_view{};
}

const json::object* object_at(const json::object& object, std::string_view key) noexcept {
    const json::value* value = object.if_contains(key);
    return value != nullptr ? value->if_object() : nullptr;
}

bool flag_at(const json::object& object, std::string_view key) noexcept {
    const json::value* value = object.if_contains(key);
    return value != nullptr && value->is_bool() && value->get_bool();
}

/// Eight bytes a step: an inline photo is over a megabyte, and this runs on an I/O thread.
std::uint64_t mix(std::uint64_t hash, std::string_view bytes) noexcept {
    constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15ULL;
    const auto step = [&hash](std::uint64_t word) {
        hash = (hash ^ word) * kOdd;
        hash ^= hash >> 29;
    };
    while (bytes.size() >= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data(), 8);
        step(word);
        bytes.remove_prefix(8);
    }
    std::uint64_t rest = bytes.size();
    for (const char c : bytes) {
        rest = rest << 8 | static_cast<unsigned char>(c);
    }
    step(rest);
    return hash;
}

ApiFault missing(std::string_view name) {
    return {400,
            "Missing required parameter: '" + std::string(name) + "'.",
            "invalid_request_error",
            std::string(name),
            "missing_required_parameter"};
}

ApiFault no_list(std::string_view name) {
    return {400,
            "Invalid type for '" + std::string(name) + "': expected an array with at least one object.",
            "invalid_request_error",
            std::string(name),
            "invalid_type"};
}

class Reader {
public:
    Reader(Dialect dialect, std::string_view path_model, bool is_stream) {
        out_.dialect = dialect;
        out_.model = path_model;
        out_.is_stream = is_stream;
    }

    std::variant<ChatRequest, ApiFault> read(const json::object& root) {
        if (out_.dialect != Dialect::gemini) {
            out_.model = text_at(root, "model");
            out_.is_stream = flag_at(root, "stream");
        }
        if (out_.model.empty()) {
            return ApiFault{400, "you must provide a model parameter", "invalid_request_error", "model", ""};
        }
        const std::string_view list = out_.dialect == Dialect::responses ? "input"
                                      : out_.dialect == Dialect::gemini  ? "contents"
                                                                         : "messages";
        const json::value* messages = root.if_contains(list);
        if (messages == nullptr) {
            return missing(list);
        }
        if (!messages->is_array() || messages->get_array().empty()) {
            return no_list(list);
        }
        if (out_.dialect == Dialect::messages && !root.contains("max_tokens")) {
            return missing("max_tokens");
        }
        read_options(root);
        if (fault_) {
            return *std::move(fault_);
        }
        for (const json::value& message : messages->get_array()) {
            if (const json::object* object = message.if_object()) {
                read_message(*object);
            }
        }
        out_.photo_hash = has_photo_ ? photo_hash_ : text_hash_;
        return std::move(out_);
    }

private:
    void read_options(const json::object& root) {
        switch (out_.dialect) {
            case Dialect::chat: read_chat_options(root); break;
            case Dialect::responses: read_responses_options(root); break;
            case Dialect::messages: read_messages_options(root); break;
            case Dialect::gemini: read_gemini_options(root); break;
        }
    }

    void read_chat_options(const json::object& root) {
        if (const json::object* options = object_at(root, "stream_options")) {
            out_.wants_usage = flag_at(*options, "include_usage");
        }
        const json::object* format = object_at(root, "response_format");
        const json::object* wrapper = format != nullptr ? object_at(*format, "json_schema") : nullptr;
        if (wrapper != nullptr) {
            read_schema(text_at(*wrapper, "name"), object_at(*wrapper, "schema"));
        }
        read_choices(root.if_contains("n"));
        read_stop(root.if_contains("stop"));
        read_tokens_max(root, "max_tokens");
        read_tokens_max(root, "max_completion_tokens");
        const json::object* named = object_at(root, "tool_choice");
        const json::object* function = named != nullptr ? object_at(*named, "function") : nullptr;
        choose_tool(chat_tools(root),
                    function != nullptr ? text_at(*function, "name") : std::string_view{},
                    text_at(root, "tool_choice") == "required");
    }

    void read_choices(const json::value* n) {
        if (n == nullptr || n->is_null()) {
            return;
        }
        if (!n->is_int64() || n->get_int64() < 1 || n->get_int64() > kChoicesMax) {
            fault_ = ApiFault{400,
                              "Invalid 'n': expected an integer from 1 to " + std::to_string(kChoicesMax) + ".",
                              "invalid_request_error",
                              "n",
                              "invalid_value"};
            return;
        }
        out_.choices = static_cast<int>(n->get_int64());
    }

    void read_stop(const json::value* stop) {
        const auto take = [this](const json::value& text) {
            if (text.is_string() && !text.get_string().empty() && out_.stop.size() < kStopMax) {
                out_.stop.emplace_back(view(text.get_string()));
            }
        };
        if (stop != nullptr && stop->is_array()) {
            for (const json::value& text : stop->get_array()) {
                take(text);
            }
        } else if (stop != nullptr) {
            take(*stop);
        }
    }

    void read_tokens_max(const json::object& root, std::string_view key) {
        const json::value* value = root.if_contains(key);
        if (value != nullptr && value->is_int64() && value->get_int64() > 0) {
            out_.tokens_max = value->get_int64();
        }
    }

    struct Tool {
        std::string_view name;
        const json::object* schema = nullptr;
    };

    static std::vector<Tool> chat_tools(const json::object& root) {
        std::vector<Tool> tools;
        for_objects(root.if_contains("tools"), [&](const json::object& tool) {
            if (const json::object* function = object_at(tool, "function")) {
                tools.push_back({text_at(*function, "name"), object_at(*function, "parameters")});
            }
        });
        return tools;
    }

    template <class Visit>
    static void for_objects(const json::value* list, Visit visit) {
        if (list != nullptr && list->is_array()) {
            for (const json::value& entry : list->get_array()) {
                if (const json::object* object = entry.if_object()) {
                    visit(*object);
                }
            }
        }
    }

    /// The model may choose, and then writes text; only a forced call is a call.
    const Tool* choose_tool(const std::vector<Tool>& tools, std::string_view name, bool is_any) {
        const Tool* chosen = nullptr;
        for (const Tool& tool : tools) {
            out_.prompt_tokens += estimate_tokens(tool.name);
            out_.prompt_tokens += tool.schema != nullptr ? estimate_tokens(json::serialize(*tool.schema)) : 0;
            const bool is_meant = name.empty() ? is_any : tool.name == name;
            chosen = chosen == nullptr && is_meant ? &tool : chosen;
        }
        if (chosen == nullptr) {
            if (!name.empty() || is_any) {
                fault_ = ApiFault{400,
                                  "Tool choice '" + std::string(name) + "' not found in 'tools' parameter.",
                                  "invalid_request_error",
                                  "tool_choice",
                                  ""};
            }
            return nullptr;
        }
        out_.tool = chosen->name;
        out_.schema = chosen->schema != nullptr ? json::serialize(*chosen->schema) : "{}";
        return chosen;
    }

    void read_responses_options(const json::object& root) {
        read_text(text_at(root, "instructions"));
        const json::object* text = object_at(root, "text");
        const json::object* format = text != nullptr ? object_at(*text, "format") : nullptr;
        if (format != nullptr && text_at(*format, "type") == "json_schema") {
            read_schema(text_at(*format, "name"), object_at(*format, "schema"));
        }
        read_tokens_max(root, "max_output_tokens");
    }

    void read_messages_options(const json::object& root) {
        read_content(root.if_contains("system"));
        const json::object* config = object_at(root, "output_config");
        const json::object* format = config != nullptr ? object_at(*config, "format") : nullptr;
        if (format != nullptr) {
            read_schema({}, object_at(*format, "schema"));
        }
        read_tokens_max(root, "max_tokens");
        read_stop(root.if_contains("stop_sequences"));
        std::vector<Tool> tools;
        for_objects(root.if_contains("tools"), [&](const json::object& tool) {
            tools.push_back({text_at(tool, "name"), object_at(tool, "input_schema")});
        });
        const json::object* choice = object_at(root, "tool_choice");
        const std::string_view type = choice != nullptr ? text_at(*choice, "type") : std::string_view{};
        const Tool* tool = choose_tool(tools, type == "tool" ? text_at(*choice, "name") : std::string_view{}, type == "any");
        if (tool != nullptr) {
            name_kind(tool->name, tool->schema);
        }
    }

    void read_gemini_options(const json::object& root) {
        if (const json::object* system = object_at(root, "systemInstruction")) {
            read_content(system->if_contains("parts"));
        }
        const json::object* config = object_at(root, "generationConfig");
        if (config != nullptr && config->contains("responseJsonSchema")) {
            read_schema({}, object_at(*config, "responseJsonSchema"));
        }
        if (config != nullptr) {
            read_tokens_max(*config, "maxOutputTokens");
            read_stop(config->if_contains("stopSequences"));
        }
        read_gemini_tools(root);
    }

    void read_gemini_tools(const json::object& root) {
        std::vector<Tool> tools;
        for_objects(root.if_contains("tools"), [&](const json::object& tool) {
            for_objects(tool.if_contains("functionDeclarations"), [&](const json::object& function) {
                const json::object* schema = object_at(function, "parametersJsonSchema");
                tools.push_back({text_at(function, "name"), schema != nullptr ? schema : object_at(function, "parameters")});
            });
        });
        const json::object* config = object_at(root, "toolConfig");
        const json::object* calling = config != nullptr ? object_at(*config, "functionCallingConfig") : nullptr;
        const bool is_any = calling != nullptr && text_at(*calling, "mode") == "ANY";
        std::string_view name;
        const json::value* allowed = is_any ? calling->if_contains("allowedFunctionNames") : nullptr;
        if (allowed != nullptr && allowed->is_array() && !allowed->get_array().empty() &&
            allowed->get_array().front().is_string()) {
            name = view(allowed->get_array().front().get_string());
        }
        choose_tool(tools, name, is_any);
    }

    void read_schema(std::string_view name, const json::object* schema) {
        if (name_kind(name, schema) == AnswerKind::schema) {
            out_.schema = json::serialize(*schema);
            out_.prompt_tokens += estimate_tokens(out_.schema);
        }
    }

    AnswerKind name_kind(std::string_view name, const json::object* schema) {
        const json::object* properties = schema != nullptr ? object_at(*schema, "properties") : nullptr;
        const auto asks_for = [&](std::string_view key) { return properties != nullptr && properties->contains(key); };
        if (name == "vision" || asks_for("classification")) {
            out_.kind = AnswerKind::vision;
            add_missing(schema, {"classification", "situation_tags", "meta"});
            if (asks_for("classification")) {
                read_class_keys(object_at(*properties, "classification"));
            }
        } else if (name == "answer" || asks_for("user_answer")) {
            out_.kind = AnswerKind::answer;
            add_missing(schema, {"user_answer", "disposal_steps", "insufficiencies"});
        } else if (schema != nullptr) {
            out_.kind = AnswerKind::schema;
        }
        return out_.kind;
    }

    /// `written`: what such an answer has in any case.
    void add_missing(const json::object* schema, std::initializer_list<std::string_view> written) {
        if (schema != nullptr) {
            out_.more_members = sample_of_missing(*schema, written);
        }
    }

    void read_class_keys(const json::object* classification) {
        const json::object* levels = classification != nullptr ? object_at(*classification, "properties") : nullptr;
        if (levels == nullptr) {
            return;
        }
        for (const auto& [key, value] : *levels) {
            const std::string_view name = key;
            std::string* level = name.find("major") != std::string_view::npos    ? &out_.class_keys.major
                                 : name.find("middle") != std::string_view::npos ? &out_.class_keys.middle
                                 : name.find("minor") != std::string_view::npos  ? &out_.class_keys.minor
                                                                                 : nullptr;
            if (level != nullptr) {
                *level = name;
            }
        }
    }

    void read_message(const json::object& message) {
        out_.prompt_tokens += kTokensPerMessage;
        const std::string_view role = text_at(message, "role");
        is_user_ = role == "user";
        out_.ends_with_assistant = role == "assistant" || role == "model";
        read_content(message.if_contains(out_.dialect == Dialect::gemini ? "parts" : "content"));
    }

    void read_content(const json::value* content) {
        if (content == nullptr) {
            return;
        }
        if (content->is_string()) {
            read_text(view(content->get_string()));
        } else if (const json::array* parts = content->if_array()) {
            for (const json::value& part : *parts) {
                if (const json::object* object = part.if_object()) {
                    read_part(*object);
                }
            }
        }
    }

    void read_part(const json::object& part) {
        if (out_.dialect == Dialect::gemini) {
            return read_gemini_part(part);
        }
        const std::string_view type = text_at(part, "type");
        if (type == "text" || type == "input_text" || type == "output_text") {
            read_text(text_at(part, "text"));
        } else if (const json::object* image = object_at(part, "image_url"); type == "image_url" && image != nullptr) {
            read_photo(text_at(*image, "url"));
        } else if (type == "input_image") {
            read_photo(text_at(part, "image_url"));
        } else if (const json::object* source = object_at(part, "source"); type == "image" && source != nullptr) {
            read_photo(text_at(*source, text_at(*source, "type") == "url" ? "url" : "data"));
        }
    }

    void read_gemini_part(const json::object& part) {
        if (const json::object* data = object_at(part, "inlineData")) {
            read_photo(text_at(*data, "data"));
        } else if (const json::object* file = object_at(part, "fileData")) {
            read_photo(text_at(*file, "fileUri"));
        } else {
            read_text(text_at(part, "text"));
        }
    }

    void read_photo(std::string_view source) {
        has_photo_ = true;
        photo_hash_ = mix(photo_hash_, source);
        out_.prompt_tokens += kImageTokens;
    }

    void read_text(std::string_view text) {
        out_.prompt_tokens += estimate_tokens(text);
        text_hash_ = mix(text_hash_, text);
        if (is_user_) {
            out_.user_text = shorten(text, kUserTextBytesMax);
        }
    }

    ChatRequest out_;
    std::optional<ApiFault> fault_;
    bool is_user_ = false;
    bool has_photo_ = false;
    std::uint64_t photo_hash_ = 0;
    std::uint64_t text_hash_ = 0;
};

}  // namespace

std::string_view kind_name(AnswerKind kind) noexcept {
    switch (kind) {
        case AnswerKind::vision: return "vision";
        case AnswerKind::answer: return "answer";
        case AnswerKind::schema: return "schema";
        case AnswerKind::plain: break;
    }
    return "plain";
}

std::variant<ChatRequest, ApiFault> read_chat_request(std::string_view body,
                                                      Dialect dialect,
                                                      std::string_view path_model,
                                                      bool is_stream) {
    unsigned char buffer[16 * 1024];
    json::monotonic_resource memory(buffer);
    json::error_code ec;
    const json::value root = json::parse(body, ec, &memory, {.max_depth = limits::kJsonDepthMax});
    if (ec || !root.is_object()) {
        return ApiFault{
            400,
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
            "correctly. The API expects a JSON payload.)",
            "invalid_request_error",
            "",
            ""};
    }
    return read_chat_request(root.get_object(), dialect, path_model, is_stream);
}

std::variant<ChatRequest, ApiFault> read_chat_request(const json::object& body,
                                                      Dialect dialect,
                                                      std::string_view path_model,
                                                      bool is_stream) {
    return Reader(dialect, path_model, is_stream).read(body);
}

std::int64_t estimate_tokens(std::string_view text) noexcept {
    std::size_t ascii = 0;
    std::size_t other = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        ascii += byte < 0x80 ? 1 : 0;
        other += (byte & 0xC0U) == 0xC0U ? 1 : 0;
    }
    return static_cast<std::int64_t>((ascii + 3) / 4 + (other * 7 + 9) / 10);
}

}  // namespace eco2::fake
