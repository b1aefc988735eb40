#pragma once

#include "openai/response_calls.hpp"
#include "openai/thought_filter.hpp"

#include "eco2/plugin/answer_reader.hpp"
#include "eco2/plugin/http_dialect.hpp"

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eco2::openai {

/// Reads an answer of the Responses API, streamed or whole, as the response's content type says.
///
/// A stream is whole when `response.completed` or `response.incomplete` has come. An event is lost or repeated when the
/// sequence number does not rise, or when `response.output_text.done` tells another text than the deltas did: malformed.
/// Unknown events are skipped.
///
/// Limits: an event of 8 MiB.
class ResponseDecoder final : public plugin::Decoder {
public:
    /// `drops_thoughts`: a `<think>` block before the text is left out.
    ResponseDecoder(bool is_streamed, bool drops_thoughts);

    void on_head(int status, const plugin::Headers& headers) override;
    plugin::Result<void> feed(std::string_view bytes, plugin::DeltaWriter& out) override;
    plugin::Result<plugin::FinishReason> finish(plugin::DeltaWriter& out) override;
    bool has_ended() const noexcept override { return reader_.is_streamed() && finish_reason_.has_value(); }

private:
    plugin::Result<void> take_event(std::string_view data, plugin::DeltaWriter& out);
    plugin::Result<void> take_named(std::string_view type, const boost::json::value& event, plugin::DeltaWriter& out);
    plugin::Result<void> take_call(std::string_view type, const boost::json::value& event, plugin::DeltaWriter& out);
    plugin::Result<void> take_text_done(const boost::json::value& event, plugin::DeltaWriter& out);
    plugin::Result<void> take_whole(plugin::DeltaWriter& out);
    /// A response that has come to its end. The output is taken from it where no event has brought any.
    plugin::Result<void> take_response(const boost::json::value& response, plugin::DeltaWriter& out);
    void take_output(const boost::json::value& response, plugin::DeltaWriter& out);
    void take_model(const boost::json::value& response, plugin::DeltaWriter& out);
    void say(std::string_view text, plugin::DeltaWriter& out);
    void refuse(std::string_view words, plugin::DeltaWriter& out);
    bool is_in_order(const boost::json::value& event);

    plugin::AnswerReader reader_;
    bool has_model_ = false;
    bool has_refused_ = false;
    bool has_output_ = false;
    std::int64_t last_number_ = -1;
    std::optional<plugin::FinishReason> finish_reason_;
    ThoughtFilter thoughts_;
    ResponseCalls calls_;
    std::string part_text_;  // of the content part that is being written
};

}  // namespace eco2::openai
