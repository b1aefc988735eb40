#include "gemini/request_body.hpp"

#include "gemini/tools.hpp"

#include "eco2/plugin/json_text.hpp"
#include "eco2/plugin/request_params.hpp"
#include "eco2/wire/base64.hpp"

#include <boost/json/serialize.hpp>

#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::gemini {

using plugin::append_json_number;
using plugin::append_json_quoted;
using plugin::GenerateRequest;
using plugin::Message;
using plugin::Part;
using plugin::PartKind;
using plugin::Result;
using plugin::Role;

namespace {

/// By the path's ending; empty: not told, the API looks for itself.
std::string_view mime_of_url(std::string_view url) {
    url = url.substr(0, url.find_first_of("?#"));
    for (const auto& [ending, mime] : {std::pair<std::string_view, std::string_view>{".jpg", "image/jpeg"},
                                       {".jpeg", "image/jpeg"},
                                       {".png", "image/png"},
                                       {".webp", "image/webp"}}) {
        if (url.ends_with(ending)) {
            return mime;
        }
    }
    return {};
}

Result<void> append_part(std::string& out, const Part& part, const Options& options) {
    switch (part.kind()) {
        case PartKind::text:
            out += R"({"text":)";
            append_json_quoted(out, part.text());
            out += '}';
            return {};
        case PartKind::image_url:
            if (!options.takes_image_urls) {
                return plugin::caller_fault("this provider takes no image by URL (image_urls = false); send the photo itself");
            }
            out += R"({"fileData":{)";
            if (const std::string_view mime = mime_of_url(part.text()); !mime.empty()) {
                out += R"("mimeType":")" + std::string(mime) + "\",";
            }
            out += R"("fileUri":)";
            append_json_quoted(out, part.text());
            out += "}}";
            return {};
        case PartKind::image_bytes:
            out += R"({"inlineData":{"mimeType":)";
            append_json_quoted(out, part.mime());
            out += R"(,"data":")";
            wire::append_base64(out, part.bytes());
            out += "\"}}";
            return {};
        case PartKind::tool_call: break;  // written with its message: whether it is the first matters
    }
    return plugin::caller_fault("a message part of unknown kind");
}

Result<void> append_parts(std::string& out, const Message& message, const Options& options, std::string_view model) {
    std::string_view signature = signature_of_strangers(model);
    for (const Part part : message.parts()) {
        if (message.role() == Role::system && part.kind() != PartKind::text) {
            return plugin::caller_fault("a system message may hold text only");
        }
        if (message.role() == Role::assistant && part.kind() == PartKind::text && part.text().empty()) {
            continue;  // other APIs write one beside tool calls, this one refuses it
        }
        out += out.ends_with('}') ? "," : "";
        const bool is_call = part.kind() == PartKind::tool_call;
        Result<void> appended = is_call ? append_function_call(out, part.text(), signature) : append_part(out, part, options);
        if (!appended) {
            return appended;
        }
        signature = is_call ? std::string_view() : signature;
    }
    return {};
}

/// Messages of the same side stand in one turn: the API wants the results of all calls of a turn together.
Result<void> append_messages(std::string& out, const GenerateRequest& request, const Options& options) {
    std::string system;
    std::string turn;
    std::string_view side;
    const auto close = [&] {
        if (!turn.empty()) {
            out += out.ends_with('}') ? "," : "";
            out += R"({"role":")" + std::string(side) + R"(","parts":[)" + turn + "]}";
        }
        turn.clear();
    };
    out += R"("contents":[)";
    const auto messages = request.messages();
    for (std::size_t index = 0; index < messages.size(); ++index) {
        const Message message = messages[index];
        if (message.role() == Role::system) {
            if (Result<void> appended = append_parts(system, message, options, request.model()); !appended) {
                return appended;
            }
            continue;
        }
        const std::string_view next = message.role() == Role::assistant ? "model" : "user";
        if (next != side) {
            close();
            side = next;
        }
        Result<void> appended = message.role() == Role::tool ? append_function_response(turn, request, index)
                                                             : append_parts(turn, message, options, request.model());
        if (!appended) {
            return appended;
        }
    }
    close();
    out += ']';
    if (!system.empty()) {
        out += R"(,"systemInstruction":{"parts":[)" + system + "]}";
    }
    return {};
}

/// The members of generationConfig; `taken` gets their names.
std::string generation_config(const GenerateRequest& request, SchemaBy by, std::vector<std::string_view>& taken) {
    std::string out = R"("candidateCount":1)";
    taken = {"candidateCount"};
    if (request.max_output_tokens() >= 0) {
        out += R"(,"maxOutputTokens":)";
        append_json_number(out, request.max_output_tokens());
        taken.emplace_back("maxOutputTokens");
    }
    plugin::append_number_param(out, "temperature", request.temperature(), taken);
    plugin::append_number_param(out, "topP", request.top_p(), taken);
    if (!request.stop_json().empty()) {
        out += R"(,"stopSequences":)";
        out += request.stop_json();
        taken.emplace_back("stopSequences");
    }
    if (!request.schema_json().empty() && by != SchemaBy::none) {
        out += R"(,"responseMimeType":"application/json")";
        taken.insert(taken.end(), {"responseMimeType", "responseJsonSchema", "responseSchema"});
        if (by == SchemaBy::json_schema) {
            out += R"(,"responseJsonSchema":)";
            out += request.schema_json();
        }
    }
    return out;
}

/// A `generationConfig` among the params goes into ours, member by member; the others stand beside it.
Result<void> append_all_params(std::string& out,
                               std::string& config,
                               const GenerateRequest& request,
                               std::span<const std::string_view> taken,
                               std::span<const std::string_view> taken_config) {
    plugin::JsonDocument<> document;
    const boost::json::object* const params = document.parse(request.params_json()) ? document.value().if_object() : nullptr;
    const boost::json::value* const inner = params == nullptr ? nullptr : params->if_contains("generationConfig");
    if (inner == nullptr) {
        return plugin::append_params(out, request.params_json(), taken);
    }
    if (Result<void> added = plugin::append_params(config, boost::json::serialize(*inner), taken_config); !added) {
        return added;
    }
    boost::json::object others = *params;
    others.erase("generationConfig");
    return plugin::append_params(out, boost::json::serialize(others), taken);
}

}  // namespace

Result<std::string> write_body(const GenerateRequest& request, const Options& options) {
    std::string out = "{";
    if (Result<void> appended = append_messages(out, request, options); !appended) {
        return std::move(appended).error();
    }
    std::vector<std::string_view> taken{"contents", "systemInstruction"};
    if (Result<void> appended = append_tools(out, request.tools_json(), taken); !appended) {
        return std::move(appended).error();
    }
    std::vector<std::string_view> taken_config;
    std::string config = generation_config(request, options.schema_by, taken_config);
    if (Result<void> appended = append_all_params(out, config, request, taken, taken_config); !appended) {
        return std::move(appended).error();
    }
    out += R"(,"generationConfig":{)" + config + "}}";
    return out;
}

}  // namespace eco2::gemini
