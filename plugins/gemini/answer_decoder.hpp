#pragma once

#include "eco2/plugin/answer_reader.hpp"
#include "eco2/plugin/http_dialect.hpp"

#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace eco2::gemini {

/// Reads a generated content, streamed or whole, as the response's content type says.
///
/// The API has no end mark: a stream is whole when a finish reason (or the reason why the prompt was blocked) has come and the
/// response has ended cleanly. Thoughts are left out.
///
/// Limits: an event of 8 MiB.
class AnswerDecoder final : public plugin::Decoder {
public:
    /// `request_id`: the API gives calls no ids of their own; they are made of this.
    AnswerDecoder(bool is_streamed, std::string_view request_id);

    void on_head(int status, const plugin::Headers& headers) override;
    plugin::Result<void> feed(std::string_view bytes, plugin::DeltaWriter& out) override;
    plugin::Result<plugin::FinishReason> finish(plugin::DeltaWriter& out) override;

private:
    plugin::Result<void> take_text(std::string_view json, plugin::DeltaWriter& out);
    plugin::Result<void> take_chunk(const boost::json::value& chunk, plugin::DeltaWriter& out);
    void take_candidate(const boost::json::value& candidate, plugin::DeltaWriter& out);
    void take_call(const boost::json::value& part, const boost::json::value& call, plugin::DeltaWriter& out);
    void take_usage(const boost::json::value* usage);

    plugin::AnswerReader reader_;
    bool has_model_ = false;
    bool has_usage_ = false;
    int call_count_ = 0;
    std::string call_id_prefix_;
    std::optional<plugin::FinishReason> finish_reason_;
    plugin::Usage usage_;
};

}  // namespace eco2::gemini
