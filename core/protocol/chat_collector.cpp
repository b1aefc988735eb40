#include "protocol/chat_collector.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <utility>

namespace eco2 {
namespace {

namespace json = boost::json;

Error bad_answer(std::string_view what) {
    return fail(Errc::provider_bad_answer, "a chunk of the answer " + std::string(what));
}

std::int64_t index_of(const json::object& object) {
    const auto* index = object.if_contains("index");
    return index != nullptr && index->is_int64() ? index->get_int64() : 0;
}

/// Texts are joined, everything else replaced.
void merge_member(json::object& into, std::string_view key, const json::value& value) {
    if (value.is_null()) {
        return;
    }
    auto* known = into.if_contains(key);
    if (known != nullptr && known->is_string() && value.is_string()) {
        known->get_string().append(value.get_string());
    } else {
        into[key] = value;
    }
}

/// logprobs.content and logprobs.refusal are lists that grow.
void merge_lists(json::object& into, const json::object& lists) {
    for (const auto& [key, value] : lists) {
        auto* known = into.if_contains(key);
        if (known != nullptr && known->is_array() && value.is_array()) {
            auto& list = known->get_array();
            list.insert(list.end(), value.get_array().begin(), value.get_array().end());
        } else if (!value.is_null() || known == nullptr) {
            into[key] = value;
        }
    }
}

void merge_inner(json::object& into, const json::object& piece) {
    for (const auto& [name, value] : piece) {
        if (name == "arguments" || name == "input") {
            merge_member(into, name, value);
        } else if (!value.is_null()) {
            into[name] = value;
        }
    }
}

/// id, type and a function's name come once; arguments come in pieces. Some upstreams repeat the former with each piece.
void merge_call(json::object& into, const json::object& piece) {
    for (const auto& [key, value] : piece) {
        if (key == "index" || value.is_null()) {
            continue;
        }
        if (!value.is_object()) {
            into[key] = value;
            continue;
        }
        auto& known = into[key];
        if (!known.is_object()) {
            known.emplace_object();
        }
        merge_inner(known.get_object(), value.get_object());
    }
}

}  // namespace

Result<void> ChatCollector::chat(std::string_view json) {
    bytes_ += json.size();
    if (look_at_chunk(json).is_whole) {
        whole_ = json;
        return {};
    }
    json::error_code ec;
    const auto value = json::parse(json, ec);
    const auto* chunk = ec ? nullptr : value.if_object();
    if (chunk == nullptr) {
        return bad_answer("is no JSON object");
    }
    for (const auto& [key, member] : *chunk) {
        if (key == "choices" || key == "object" || member.is_null()) {
            continue;
        }
        if (key == "usage" || head_.if_contains(key) == nullptr) {
            head_[key] = member;
        }
    }
    const auto* choices = chunk->if_contains("choices");
    if (choices != nullptr && choices->is_array()) {
        for (const auto& choice : choices->get_array()) {
            if (choice.is_object()) {
                merge_choice(choice.get_object());
            }
        }
    }
    return {};
}

void ChatCollector::merge_choice(const json::object& choice) {
    auto& into = choices_[index_of(choice)];
    for (const auto& [key, value] : choice) {
        if (key == "index" || value.is_null()) {
            continue;
        }
        if (key == "delta" && value.is_object()) {
            merge_delta(into, value.get_object());
        } else if (key == "finish_reason" && value.is_string()) {
            into.finish_reason = std::string_view(value.get_string());
        } else if (key == "logprobs" && value.is_object()) {
            merge_lists(into.logprobs, value.get_object());
        } else {
            into.others[key] = value;
        }
    }
}

void ChatCollector::merge_delta(Choice& into, const json::object& delta) {
    for (const auto& [key, value] : delta) {
        if (key == "tool_calls") {
            merge_tool_calls(into, value);
        } else if (key == "role") {
            into.message[key] = value;  // some upstreams repeat it
        } else if (key == "function_call" && value.is_object()) {
            merge_call(into.message, {{key, value}});
        } else {
            merge_member(into.message, key, value);
        }
    }
}

void ChatCollector::merge_tool_calls(Choice& into, const json::value& calls) {
    if (!calls.is_array()) {
        return;
    }
    for (const auto& call : calls.get_array()) {
        if (call.is_object()) {
            merge_call(into.tool_calls[index_of(call.get_object())], call.get_object());
        }
    }
}

void ChatCollector::text(std::string_view text) {
    bytes_ += text.size();
    merge_member(choices_[0].message, "content", json::value(text));
}

Result<void> ChatCollector::tool(std::string_view json) {
    bytes_ += json.size();
    json::error_code ec;
    auto value = json::parse(json, ec);
    if (ec || !(value.is_object() || value.is_array())) {
        return bad_answer("has a tool call that is no JSON object");
    }
    merge_tool_calls(choices_[0], value.is_array() ? value : json::value(json::array{std::move(value)}));
    return {};
}

void ChatCollector::restart() {
    *this = ChatCollector();
}

json::object ChatCollector::choice_json(std::int64_t index, const Choice& choice, FinishReason finish) {
    json::object message{{"role", "assistant"}, {"content", nullptr}, {"refusal", nullptr}};
    for (const auto& [key, value] : choice.message) {
        message[key] = value;
    }
    if (!choice.tool_calls.empty()) {
        json::array calls;
        for (const auto& [place, call] : choice.tool_calls) {
            auto made = call;
            if (made.if_contains("type") == nullptr) {
                made["type"] = "function";
            }
            calls.push_back(std::move(made));
        }
        message["tool_calls"] = std::move(calls);
    }
    json::object made{{"index", index}, {"message", std::move(message)}};
    made["logprobs"] = choice.logprobs.empty() ? json::value(nullptr) : json::value(choice.logprobs);
    if (!choice.finish_reason.empty()) {
        made["finish_reason"] = choice.finish_reason;
    } else {
        const bool is_tool = finish == FinishReason::stop && !choice.tool_calls.empty();
        made["finish_reason"] = finish_word(is_tool ? FinishReason::tool : finish);
    }
    for (const auto& [key, value] : choice.others) {
        made[key] = value;
    }
    return made;
}

std::string ChatCollector::finish(const ChatIdentity& identity,
                                  FinishReason finish,
                                  const Usage& usage,
                                  std::string_view result) const {
    if (!whole_.empty()) {
        return whole_;
    }
    json::object made{
        {"id", identity.id}, {"object", "chat.completion"}, {"created", identity.created_s}, {"model", identity.model}};
    for (const auto& [key, value] : head_) {
        if (key != "usage") {
            made[key] = value;
        }
    }
    json::array choices;
    for (const auto& [index, choice] : choices_) {
        choices.push_back(choice_json(index, choice, finish));
    }
    if (choices.empty()) {
        Choice empty;
        empty.message["content"] = "";
        choices.push_back(choice_json(0, empty, finish));
    }
    made["choices"] = std::move(choices);
    auto out = json::serialize(made);
    out.pop_back();
    // Raw: numbers in a result keep their spelling.
    if (const auto* told = head_.if_contains("usage"); told != nullptr) {
        out += R"(,"usage":)" + json::serialize(*told);
    } else if (is_told(usage)) {
        out += R"(,"usage":)";
        append_usage_json(out, usage);
    }
    if (!result.empty()) {
        out += R"(,"eco2_result":)";
        out += result;
    }
    return out + "}";
}

}  // namespace eco2
