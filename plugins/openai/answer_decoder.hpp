#pragma once

#include "openai/chunk_shortcut.hpp"
#include "openai/thought_filter.hpp"

#include "eco2/plugin/answer_reader.hpp"
#include "eco2/plugin/http_dialect.hpp"

#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace eco2::openai {

/// Reads a chat completion, streamed or whole, as the response's content type says.
///
/// A stream is whole when a finish reason has come and either `[DONE]` or a clean end of the response; a `[DONE]` without a
/// finish reason is a cut that somebody on the way has papered over. A whole answer that says something but no finish reason
/// counts as stopped, and a raw delta tells so: its JSON came to its end.
///
/// Limits: an event of 8 MiB.
class AnswerDecoder final : public plugin::Decoder {
public:
    /// `drops_thoughts`: a `<think>` block before the text is left out.
    AnswerDecoder(bool is_streamed, bool drops_thoughts);

    void on_head(int status, const plugin::Headers& headers) override;
    plugin::Result<void> feed(std::string_view bytes, plugin::DeltaWriter& out) override;
    plugin::Result<plugin::FinishReason> finish(plugin::DeltaWriter& out) override;
    bool has_ended() const noexcept override { return reader_.is_streamed() && finish_reason_.has_value(); }

private:
    plugin::Result<void> take_event(std::string_view data, plugin::DeltaWriter& out);
    plugin::Result<void> take_chunk(const boost::json::value& chunk, std::string_view text, plugin::DeltaWriter& out);
    plugin::Result<void> take_whole(plugin::DeltaWriter& out);
    /// A text, or a list of parts whose texts belong together. False: neither.
    bool say(const boost::json::value* content, plugin::DeltaWriter& out);
    /// `content` is "delta" in a stream, "message" in a whole answer. Returns true when there was nothing but text.
    plugin::Result<bool> take_choice(const boost::json::value& choice, std::string_view content, plugin::DeltaWriter& out);
    void tell_call(const boost::json::value& call, plugin::DeltaWriter& out);
    plugin::FinishReason reason() const;

    plugin::AnswerReader reader_;
    bool has_done_mark_ = false;
    bool has_model_ = false;
    bool has_refused_ = false;
    bool has_text_ = false;
    int call_count_ = 0;  // of calls without an index of their own
    std::optional<plugin::FinishReason> finish_reason_;
    ChunkShortcut shortcut_;
    ThoughtFilter thoughts_;
};

}  // namespace eco2::openai
