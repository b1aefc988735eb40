#include "openai/answer_decoder.hpp"
#include "openai/errors.hpp"
#include "openai/response_decoder.hpp"
#include "openai/thought_filter.hpp"
#include "openai_batch/faults.hpp"
#include "openai_batch/lines.hpp"

#include "eco2/plugin/json.hpp"
#include "eco2/plugin/json_members.hpp"
#include "eco2/plugin/upstream_errors.hpp"
#include "eco2/wire/utf8.hpp"

#include <charconv>
#include <memory>
#include <utility>

namespace eco2::openai_batch {

using plugin::BatchAnswer;
using plugin::Result;

namespace {

using Outcome = BatchAnswer::Outcome;

/// What a whole answer tells, put together.
class Told final : public plugin::DeltaWriter {
public:
    std::string text;
    std::string model;
    std::optional<plugin::Usage> usage;

private:
    void put(const eco2_delta& delta) override {
        switch (delta.kind) {
            case ECO2_DELTA_TEXT: text += plugin::from_abi(delta.text); break;
            case ECO2_DELTA_META: model = plugin::from_abi(delta.model); break;
            case ECO2_DELTA_USAGE:
                usage = plugin::Usage{delta.usage->input_tokens,
                                      delta.usage->output_tokens,
                                      delta.usage->cached_input_tokens,
                                      delta.usage->reasoning_tokens,
                                      false};
                break;
            default: break;  // tool calls and refusals are in the body
        }
    }
};

/// The outermost level of a line, as it is written; empty: not there, or null.
struct Line {
    std::string_view custom_id;
    std::string_view error;
    std::string_view request_id;  // what follows: of the response
    std::string_view body;
    int status = 0;
    bool has_response = false;
};

std::string_view unless_null(std::string_view json) {
    return json == "null" ? std::string_view() : json;
}

void split_response(std::string_view response, Line& line) {
    plugin::JsonItems members(response, '{');
    while (const auto member = members.next()) {
        if (plugin::json_says(member->name, "status_code")) {
            std::from_chars(member->value.data(), member->value.data() + member->value.size(), line.status);
        } else if (plugin::json_says(member->name, "request_id")) {
            line.request_id = member->value;
        } else if (plugin::json_says(member->name, "body")) {
            line.body = unless_null(member->value);
        }
    }
    line.has_response = members.is_whole();
}

/// Nothing: it is no object, or broken off.
std::optional<Line> split(std::string_view text) {
    Line line;
    plugin::JsonItems members(text, '{');
    std::string_view response;
    while (const auto member = members.next()) {
        if (plugin::json_says(member->name, "custom_id")) {
            line.custom_id = member->value;
        } else if (plugin::json_says(member->name, "response")) {
            response = unless_null(member->value);
        } else if (plugin::json_says(member->name, "error")) {
            line.error = unless_null(member->value);
        }
    }
    if (!members.is_whole()) {
        return std::nullopt;
    }
    if (!response.empty()) {
        split_response(response, line);
    }
    return line;
}

/// A line does not say whether its request asked for JSON. Where a <think> block stands before something that looks like it, it
/// did, and the live plugin would have left the block out.
std::string without_thoughts(std::string text) {
    constexpr std::string_view kBlank = " \t\r\n";
    const auto begins_with = [&](const std::string& in, std::string_view what) {
        const std::size_t first = in.find_first_not_of(kBlank);
        return first != std::string::npos && std::string_view(in).substr(first).starts_with(what);
    };
    if (!begins_with(text, "<think>")) {
        return text;
    }
    Told said;
    openai::ThoughtFilter filter(true);
    filter.feed(text, said);
    filter.finish(said);
    return begins_with(said.text, "{") || begins_with(said.text, "[") ? std::move(said.text) : text;
}

void read_answer(BatchAnswer& answer, openai::Api api) {
    std::unique_ptr<plugin::Decoder> decoder;
    if (api == openai::Api::responses) {
        decoder = std::make_unique<openai::ResponseDecoder>(false, false);
    } else {
        decoder = std::make_unique<openai::AnswerDecoder>(false, false);
    }
    Told told;
    const Result<void> fed = decoder->feed(answer.body_json, told);
    const Result<plugin::FinishReason> finish = fed ? decoder->finish(told) : Result<plugin::FinishReason>(fed.error());
    answer.model = std::move(told.model);
    answer.usage = told.usage;
    if (!finish) {
        answer.failure = corrected(finish.error());
        return;
    }
    answer.outcome = Outcome::answered;
    answer.finish = *finish;
    answer.text = without_thoughts(std::move(told.text));
}

/// The line's own error, of a request without a response.
void read_error(BatchAnswer& answer, std::string_view error, std::int64_t wall_now_ns) {
    plugin::JsonDocument<> document;
    if (!document.parse(error)) {
        answer.failure = openai::malformed("the error of a result line is not JSON");
        return;
    }
    const auto code = plugin::json_text(plugin::json_member(&document.value(), "code")).value_or("");
    if (code == "batch_expired") {
        answer.outcome = Outcome::expired;
    } else if (code == "batch_cancelled" || code == "batch_canceled") {
        answer.outcome = Outcome::cancelled;
    }
    if (answer.http_status >= 400) {
        const std::string body = "{\"error\":" + std::string(error) + "}";
        answer.failure = corrected(openai::classify_response(answer.http_status, {}, body, wall_now_ns));
    } else {
        answer.failure = corrected(openai::classify_in_stream(document.value()));
    }
}

}  // namespace

Result<BatchAnswer> parse_line(std::string_view text, openai::Api api, std::int64_t wall_now_ns) {
    text = plugin::without_byte_order_mark(text);
    const std::optional<Line> line = wire::is_utf8(text) ? split(text) : std::nullopt;
    if (!line) {
        return openai::malformed("a result line is not a whole JSON object");
    }
    BatchAnswer answer;
    answer.custom_id = plugin::read_json_string(line->custom_id).value_or("");
    answer.upstream_request_id = plugin::read_json_string(line->request_id).value_or("");
    answer.http_status = line->status;
    answer.body_json = line->body;
    const bool is_success = line->status >= 200 && line->status < 300;
    if (is_success && !line->body.empty()) {
        read_answer(answer, api);
    } else if (!line->error.empty() && (line->body.empty() || !line->has_response)) {
        read_error(answer, line->error, wall_now_ns);
    } else if (line->has_response && line->status != 0) {
        answer.failure = is_success ? openai::malformed("a result line says that all went well, but has no answer")
                                    : corrected(openai::classify_response(line->status, {}, line->body, wall_now_ns));
    } else if (answer.custom_id.empty()) {
        return openai::malformed("a result line has neither an id nor an outcome");
    } else {
        answer.failure = openai::malformed("a result line has neither a response nor an error that can be read");
    }
    return answer;
}

}  // namespace eco2::openai_batch
