#pragma once

#include "protocol/chat_chunk.hpp"
#include "protocol/chat_error.hpp"

#include <string>
#include <string_view>

namespace eco2 {

/// Writes one streamed answer in OpenAI's form: passes chunks on as they came, and renders what was told in neutral form. The
/// two may take turns within one answer, since a request may change its provider; rendered chunks then carry the id that the
/// passed ones had.
///
/// A chunk that came is changed in one way only: where the client did not ask for usage, the member `usage` is left out, and
/// with it a chunk that holds nothing else.
///
/// Thread-safety: none. Lifetime: nothing that is handed over is kept. Cost: text is appended to `out`; nothing is allocated
/// for a chunk.
class ChatStreamWriter {
public:
    ChatStreamWriter(ChatIdentity identity, bool wants_usage);

    /// The model that answers; before anything is written.
    void set_model(std::string_view model) { identity_.model = model; }

    void chat(std::string& out, std::string_view json);
    void text(std::string& out, std::string_view text);
    /// A fragment in the form of delta.tool_calls[].
    void tool(std::string& out, std::string_view json);
    /// What was written so far is void: a comment says so, `: {"object":"eco2.restart"}`, that SDKs skip.
    void restart(std::string& out);

    /// The last chunks and the end mark. `result` (JSON, may be empty) stands as `eco2_result` in the chunk with the finish
    /// reason.
    void end(std::string& out, FinishReason finish, const Usage& usage, std::string_view result);
    /// An error object in a frame, and no end mark: SDKs raise it.
    static void fail(std::string& out, const ChatError& error);

private:
    void open_chunk(std::string& out);
    void close_chunk(std::string& out, std::string_view finish, std::string_view result);
    void whole(std::string& out, std::string_view json);
    void begin(std::string& out);
    void adopt(std::string_view json);

    ChatIdentity identity_;
    const bool wants_usage_;
    std::string prefix_;       // of every rendered chunk, up to its delta; made when the first is
    std::string first_chunk_;  // that was passed on; for the identity of rendered ones
    bool has_role_ = false;
    bool has_finish_ = false;
    bool has_usage_ = false;
    bool has_tools_ = false;
};

}  // namespace eco2
