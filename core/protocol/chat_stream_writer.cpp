#include "protocol/chat_stream_writer.hpp"

#include "base/text.hpp"
#include "protocol/json_members.hpp"
#include "protocol/sse_writer.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <utility>

namespace eco2 {
namespace {

namespace json = boost::json;

constexpr std::string_view kRestart = R"({"object":"eco2.restart"})";

/// A raw line break in JSON is white space; in a frame it would end the line.
void append_frame(std::string& out, std::string_view head, std::string_view tail) {
    out += "data: ";
    const auto begin = out.size();
    out += head;
    out += tail;
    // Two searches for one character each are vectorised, one for either of two is not.
    if (out.find('\n', begin) != std::string::npos || out.find('\r', begin) != std::string::npos) {
        for (auto i = begin; i < out.size(); ++i) {
            out[i] = out[i] == '\n' || out[i] == '\r' ? ' ' : out[i];
        }
    }
    out += "\n\n";
}

}  // namespace

ChatStreamWriter::ChatStreamWriter(ChatIdentity identity, bool wants_usage)
    : identity_(std::move(identity)), wants_usage_(wants_usage) {}

void ChatStreamWriter::chat(std::string& out, std::string_view json) {
    const auto facts = look_at_chunk(json);
    if (facts.is_whole) {
        return whole(out, json);
    }
    if (first_chunk_.empty()) {
        first_chunk_ = json;
    }
    has_role_ = true;
    has_finish_ = has_finish_ || facts.has_finish;
    has_usage_ = has_usage_ || facts.has_usage();
    if (wants_usage_ || facts.usage_end == 0) {
        return append_frame(out, json, {});
    }
    if (facts.has_choices || !facts.has_usage()) {
        append_frame(out, json.substr(0, facts.usage_begin), json.substr(facts.usage_end));
    }
}

/// A provider that answers in one piece although a stream was wanted.
void ChatStreamWriter::whole(std::string& out, std::string_view json) {
    json::error_code ec;
    auto value = json::parse(json, ec);
    auto* completion = ec ? nullptr : value.if_object();
    auto* choices = completion == nullptr ? nullptr : completion->if_contains("choices");
    if (choices == nullptr || !choices->is_array()) {
        return append_frame(out, json, {});
    }
    for (auto& choice : choices->get_array()) {
        auto* object = choice.if_object();
        auto* message = object == nullptr ? nullptr : object->if_contains("message");
        if (message == nullptr || !message->is_object()) {
            continue;
        }
        auto delta = std::move(message->get_object());
        if (auto* calls = delta.if_contains("tool_calls"); calls != nullptr && calls->is_array()) {
            std::int64_t index = 0;
            for (auto& call : calls->get_array()) {
                if (call.is_object()) {
                    call.get_object()["index"] = index++;
                }
            }
        }
        object->erase("message");
        (*object)["delta"] = std::move(delta);
    }
    (*completion)["object"] = "chat.completion.chunk";
    const auto* usage = completion->if_contains("usage");
    const json::value told = usage == nullptr ? json::value(nullptr) : *usage;
    completion->erase("usage");
    append_frame(out, json::serialize(value), {});
    has_role_ = has_finish_ = true;
    if (wants_usage_ && told.is_object()) {
        has_usage_ = true;
        (*completion)["choices"] = json::array();
        (*completion)["usage"] = told;
        append_frame(out, json::serialize(value), {});
    }
}

void ChatStreamWriter::adopt(std::string_view json) {
    const auto take = [&](std::string_view key, std::string& text) {
        json::error_code ec;
        const auto value = json::parse(json_member(json, key), ec);
        if (!ec && value.is_string()) {
            text = std::string_view(value.get_string());
        }
    };
    take("id", identity_.id);
    take("model", identity_.model);
    json::error_code ec;
    const auto created = json::parse(json_member(json, "created"), ec);
    if (!ec && created.is_int64()) {
        identity_.created_s = created.get_int64();
    }
}

void ChatStreamWriter::open_chunk(std::string& out) {
    if (prefix_.empty()) {
        if (!first_chunk_.empty()) {
            adopt(first_chunk_);
        }
        prefix_ = R"(data: {"id":)" + json_quote(identity_.id) + R"(,"object":"chat.completion.chunk","created":)" +
                  std::to_string(identity_.created_s) + R"(,"model":)" + json_quote(identity_.model) + R"(,"choices":[)";
    }
    out += prefix_;
    out += R"({"index":0,"delta":)";
}

/// `finish` empty: null.
void ChatStreamWriter::close_chunk(std::string& out, std::string_view finish, std::string_view result) {
    out += R"(,"logprobs":null,"finish_reason":)";
    if (finish.empty()) {
        out += "null}]";
    } else {
        out += '"';
        out += finish;
        out += "\"}]";
    }
    out += wants_usage_ ? R"(,"usage":null)" : "";
    if (!result.empty()) {
        out += R"(,"eco2_result":)";
        out += result;
    }
    out += "}\n\n";
}

void ChatStreamWriter::begin(std::string& out) {
    if (std::exchange(has_role_, true)) {
        return;
    }
    open_chunk(out);
    out += R"({"role":"assistant","content":""})";
    close_chunk(out, {}, {});
}

void ChatStreamWriter::text(std::string& out, std::string_view text) {
    begin(out);
    open_chunk(out);
    out += R"({"content":")";
    append_json_escaped(out, text);
    out += R"("})";
    close_chunk(out, {}, {});
}

void ChatStreamWriter::tool(std::string& out, std::string_view json) {
    begin(out);
    has_tools_ = true;
    open_chunk(out);
    const bool is_list = !json.empty() && json.front() == '[';
    out += is_list ? R"({"tool_calls":)" : R"({"tool_calls":[)";
    out += json;
    out += is_list ? "}" : "]}";
    close_chunk(out, {}, {});
}

void ChatStreamWriter::restart(std::string& out) {
    append_sse_comment(out, kRestart);
    has_role_ = has_finish_ = has_usage_ = has_tools_ = false;
}

void ChatStreamWriter::end(std::string& out, FinishReason finish, const Usage& usage, std::string_view result) {
    if (!has_finish_) {
        begin(out);
        open_chunk(out);
        out += "{}";
        close_chunk(out, finish_word(has_tools_ && finish == FinishReason::stop ? FinishReason::tool : finish), result);
    }
    if (wants_usage_ && !has_usage_ && is_told(usage)) {
        if (prefix_.empty()) {
            std::string unused;
            open_chunk(unused);
        }
        out += prefix_;
        out += R"(],"usage":)";
        append_usage_json(out, usage);
        out += "}\n\n";
    }
    out += "data: [DONE]\n\n";
}

void ChatStreamWriter::fail(std::string& out, const ChatError& error) {
    append_frame(out, chat_error_json(error), {});
}

}  // namespace eco2
