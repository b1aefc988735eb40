#pragma once

#include "fake_provider/chat_request.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::fake {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// What all bytes of one answer have in common.
struct AnswerId {
    std::string id;  // hexadecimal, without the dialect's prefix
    std::int64_t created = 0;
    std::string model;
    bool wants_usage = false;  // chat streams: "usage" in every chunk
    std::string tool;          // the answer is this tool's input; empty: text
    std::int64_t prompt_tokens = 0;
    int choices = 1;  // chat: how many, all of them alike
};

enum class TextField { content, refusal };
/// How the answer says that it has ended; none: it does not.
enum class Ending { stop, length, content_filter, none };

/// What an answer says, before a dialect puts it into bytes.
struct Said {
    std::string_view text;
    TextField field = TextField::content;
    Ending ending = Ending::stop;
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;   // of all choices
    std::string_view stop_sequence = {};  // the one that ended it; empty: none
};

/// One answer in the bytes of one provider. The stream functions are called in the order of the stream: they count events.
///
/// Thread-safety: none; one belongs to one answer.
class AnswerWire {
public:
    explicit AnswerWire(AnswerId id) : id_(std::move(id)) {}
    virtual ~AnswerWire() = default;
    AnswerWire(const AnswerWire&) = delete;
    AnswerWire& operator=(const AnswerWire&) = delete;

    virtual std::string whole(const Said& said) = 0;
    /// A whole answer that holds none.
    virtual std::string whole_empty(const Said& said) = 0;

    /// What comes before the first piece.
    virtual std::string begin(TextField field) = 0;
    virtual std::string piece(std::string_view text, TextField field) = 0;
    /// What comes after the last piece, end mark included.
    virtual std::string end(const Said& said) = 0;
    /// The last bytes of `end` that are an end mark and nothing else; empty where the dialect has none.
    virtual std::string_view end_mark() const { return {}; }
    /// A whole stream without an answer in it.
    virtual std::string empty_stream(const Said& said) = 0;
    /// A broken event in place of a piece.
    virtual std::string malformed() const = 0;
    virtual std::string error_event(const ApiFault& fault) = 0;

protected:
    AnswerId id_;
};

std::unique_ptr<AnswerWire> make_wire(Dialect dialect, AnswerId id);

/// The body of an error response.
std::string error_body(Dialect dialect, const ApiFault& fault);
/// What the provider says when the prompt is too long, and when the account's money is spent.
ApiFault context_length_fault(Dialect dialect);
ApiFault quota_fault(Dialect dialect);
/// What it says when its policy forbids the prompt (Gemini has no error for it), and when the last message is the assistant's.
ApiFault content_policy_fault(Dialect dialect);
ApiFault prefill_fault();
/// The headers of every response.
Headers usual_headers(Dialect dialect, std::string request_id, std::int64_t took_ms);

}  // namespace eco2::fake
