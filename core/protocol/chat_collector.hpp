#pragma once

#include "base/result.hpp"
#include "protocol/chat_chunk.hpp"

#include <boost/json/object.hpp>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace eco2 {

/// Puts one answer together in OpenAI's whole form, from what came in pieces. An answer that came whole is given on byte for
/// byte.
///
/// Texts of a delta are joined (content, refusal, reasoning_content and others alike), tool calls by their index, several
/// choices side by side; what an answer holds besides is taken as it came last.
///
/// Thread-safety: none. Cost: each chunk is parsed.
class ChatCollector {
public:
    /// A chat.completion.chunk, or a whole chat.completion. Errors: provider_bad_answer (not JSON, or no object).
    Result<void> chat(std::string_view json);
    void text(std::string_view text);
    /// A fragment in the form of delta.tool_calls[]. Errors: provider_bad_answer.
    Result<void> tool(std::string_view json);
    /// What came so far is void.
    void restart();

    /// The completion. Where no chunk told them: `identity`, the finish reason and the usage. `result` (JSON, may be empty)
    /// stands in it as `eco2_result`.
    std::string finish(const ChatIdentity& identity, FinishReason finish, const Usage& usage, std::string_view result) const;

    /// Of memory, about; for a limit.
    std::size_t bytes() const noexcept { return bytes_; }

private:
    struct Choice {
        boost::json::object message;  // role and texts joined
        std::map<std::int64_t, boost::json::object> tool_calls;
        boost::json::object logprobs;
        std::string finish_reason;
        boost::json::object others;
    };

    void merge_choice(const boost::json::object& choice);
    static void merge_delta(Choice& into, const boost::json::object& delta);
    static void merge_tool_calls(Choice& into, const boost::json::value& calls);
    static boost::json::object choice_json(std::int64_t index, const Choice& choice, FinishReason finish);

    std::string whole_;         // not empty: the answer as it came
    boost::json::object head_;  // id, created, model and what else stands beside the choices
    std::map<std::int64_t, Choice> choices_;
    std::size_t bytes_ = 0;
};

}  // namespace eco2
