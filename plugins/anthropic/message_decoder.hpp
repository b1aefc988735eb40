#pragma once

#include "anthropic/tool_uses.hpp"

#include "eco2/plugin/answer_reader.hpp"
#include "eco2/plugin/http_dialect.hpp"

#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace eco2::anthropic {

/// Reads a message, streamed or whole, as the response's content type says.
///
/// A stream is whole when a stop reason has come and either `message_stop` or a clean end of the response. Thinking blocks are
/// left out; unknown events, deltas and blocks are skipped.
///
/// Limits: an event of 8 MiB.
class MessageDecoder final : public plugin::Decoder {
public:
    /// `schema_tool`: the tool whose input is the answer's text; empty: there is none.
    MessageDecoder(bool is_streamed, std::string_view schema_tool);

    void on_head(int status, const plugin::Headers& headers) override;
    plugin::Result<void> feed(std::string_view bytes, plugin::DeltaWriter& out) override;
    plugin::Result<plugin::FinishReason> finish(plugin::DeltaWriter& out) override;
    bool has_ended() const noexcept override { return has_stopped_ && finish_reason_.has_value(); }

private:
    plugin::Result<void> take_event(std::string_view data, plugin::DeltaWriter& out);
    plugin::Result<void> take_named(std::string_view type, const boost::json::value& event, plugin::DeltaWriter& out);
    plugin::Result<void> take_block_delta(const boost::json::value& event, plugin::DeltaWriter& out);
    void take_block_start(const boost::json::value& event, plugin::DeltaWriter& out);
    plugin::Result<void> take_whole(plugin::DeltaWriter& out);
    void take_block(const boost::json::value& block, plugin::DeltaWriter& out);
    void take_model(const boost::json::value* message, plugin::DeltaWriter& out);
    /// Counts are cumulative: a later one replaces an earlier one, one that is missing does not.
    void take_usage(const boost::json::value* usage);
    void report_usage(plugin::DeltaWriter& out);
    void take_stop(const boost::json::value* told, plugin::DeltaWriter& out);

    plugin::AnswerReader reader_;
    bool has_stopped_ = false;
    bool has_model_ = false;
    std::optional<plugin::FinishReason> finish_reason_;
    plugin::Usage usage_;
    std::int64_t uncached_input_ = -1;
    std::int64_t cache_created_ = -1;
    ToolUses tools_;
};

}  // namespace eco2::anthropic
