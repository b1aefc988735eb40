#pragma once

#include "base/result.hpp"

#include <boost/json/object.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::fake {

/// What can go wrong at a provider. See fault_name for the names on the wire; `cut_stream` and `stall` are taken as well.
enum class Fault {
    none,
    status,              // an error answer with `status`
    reset_before_head,   // RST instead of an answer
    reset_after_head,    // 200, the head, RST
    cut_stream,          // the connection ends after `after_chunks` content chunks
    silence,             // never a byte
    stall,               // nothing more after `after_chunks` content chunks
    garbage_head,        // bytes that are not HTTP
    garbage_body,        // 200, not JSON
    html_error,          // a proxy's HTML page with `status`
    malformed_chunk,     // one broken data line after `after_chunks` content chunks
    missing_done,        // whole, but without [DONE]
    no_finish,           // ends cleanly after `after_chunks` content chunks, no finish_reason
    wrong_schema,        // JSON outside the schema
    outside_taxonomy,    // a class that does not exist
    empty_choices,       // "choices": []
    refusal,             // the model declines
    content_filter,      // finish_reason content_filter, half of the text
    context_length,      // 400 context_length_exceeded
    insufficient_quota,  // 429 insufficient_quota
    error_in_stream,     // an error object after `after_chunks` content chunks (500 when not streaming)
    huge_body,           // an answer of `bytes` bytes
    slow_headers,        // the head trickles in, byte by byte, over the reply's time
};

std::string_view fault_name(Fault fault) noexcept;

/// How to treat requests: one fault and to whom it applies. The default is an honest answer to everyone.
struct Behaviour {
    Fault fault = Fault::none;
    int status = 500;
    std::string error_type;  // empty: what OpenAI sends with this status
    std::string error_code;
    std::string message;
    std::string retry_after;                                   // header value; empty: none
    std::vector<std::pair<std::string, std::string>> headers;  // added to the reply
    int after_chunks = 2;
    bool reset = false;           // cut_stream: RST rather than FIN
    int delay_ms = -1;            // the reply's time; -1: the configured latency
    std::size_t bytes = 9 << 20;  // huge_body: above the 8 MiB that the host's client takes
    double error_rate = 1.0;      // share of the fitting requests that are hit

    // whom it applies to; empty: everyone
    std::string kind;   // "vision", "answer", "schema", "plain"
    std::string model;  // the request's
    std::string key;    // bearer token
    int times = 1;      // in a script: how many requests it is good for
};

/// Whether OpenAI's error shape allows this status to be played.
bool is_playable_status(int status) noexcept;

/// Errors: invalid_field, with the key's name. Unknown keys are errors: a typo must not pass as "no fault".
Result<Behaviour> read_behaviour(const boost::json::object& json);

/// What is known of a request when its behaviour is chosen.
struct RequestFacts {
    std::string_view kind;
    std::string_view model;
    std::string_view key;
    double dice = 0;  // [0, 1), see Behaviour::error_rate
};

/// Chooses what happens to each request: the first script entry that fits and is not used up, else the standing behaviour.
///
/// Thread-safety: none.
/// Limits:        limits::kFakeScriptMax entries.
class BehaviourBook {
public:
    explicit BehaviourBook(Behaviour standing = {}) : standing_(std::move(standing)) {}

    /// Replaces standing behaviour and script. Errors: invalid_field, limit_exceeded; the book is then unchanged.
    Result<void> load(const boost::json::object& json);
    Behaviour choose(const RequestFacts& facts);
    std::size_t script_left() const noexcept { return script_.size(); }

private:
    Behaviour standing_;
    std::deque<Behaviour> script_;
};

}  // namespace eco2::fake
