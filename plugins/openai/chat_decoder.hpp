#pragma once

#include "openai/chunk_shortcut.hpp"

#include "eco2/plugin/answer_reader.hpp"
#include "eco2/plugin/http_dialect.hpp"

#include <boost/json/value.hpp>

#include <bitset>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace eco2::openai {

/// Passes a chat completion on as it came, event by event or whole, for a client that speaks the upstream's language itself.
///
/// Each event with choices becomes one chat delta; comments, pings and `[DONE]` become none. What makes an answer whole, and
/// what breaks it, is as AnswerDecoder has it. Nothing is filtered.
///
/// Limits: an event of 8 MiB.
class ChatDecoder final : public plugin::Decoder {
public:
    /// `choices`: as many as were asked for.
    ChatDecoder(bool is_streamed, std::size_t choices);
    /// The "n" of a client's request.
    static std::size_t choices_of(std::string_view chat_json);

    void on_head(int status, const plugin::Headers& headers) override;
    plugin::Result<void> feed(std::string_view bytes, plugin::DeltaWriter& out) override;
    plugin::Result<plugin::FinishReason> finish(plugin::DeltaWriter& out) override;
    /// Further choices may still begin where fewer than were asked for have come; some servers ignore "n".
    bool has_ended() const noexcept override {
        return reader_.is_streamed() && is_complete() && (has_done_mark_ || finished_.count() >= choices_);
    }

private:
    plugin::Result<void> take_event(std::string_view data, plugin::DeltaWriter& out);
    plugin::Result<void> take_whole(plugin::DeltaWriter& out);
    /// A chunk or a whole completion. `content` is "delta" or "message". True: text of the only choice, and nothing else.
    plugin::Result<bool> take_choices(const boost::json::value& completion,
                                      std::string_view json,
                                      std::string_view content,
                                      plugin::DeltaWriter& out);
    /// Each choice that has begun has finished.
    bool is_complete() const noexcept { return finish_reason_.has_value() && (begun_ & ~finished_).none(); }

    plugin::AnswerReader reader_;
    const std::size_t choices_;
    bool has_done_mark_ = false;
    bool has_model_ = false;
    bool has_refused_ = false;
    std::optional<plugin::FinishReason> finish_reason_;  // of the first choice
    static constexpr std::size_t kChoicesMax = 128;      // as many as OpenAI makes
    std::bitset<kChoicesMax> begun_;                     // by index
    std::bitset<kChoicesMax> finished_;
    ChunkShortcut shortcut_;
};

}  // namespace eco2::openai
