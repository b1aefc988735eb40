#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "fake_provider/first_attempts.hpp"
#include "fake_provider/mix.hpp"

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
    content_policy,      // 400 content_policy_violation; Gemini: a prompt that was blocked
    refuse_prefill,      // 400 when the last message is the assistant's
    slow_first_token,    // all but the head and the role comes `slow_ms` later
    flap,                // `status` for `down_ms`, healthy for `up_ms`, and so on
    length,              // finish_reason length, half of the text
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
    int pacing_ms = -1;           // streams: between content chunks, also of answers without a fault; -1: the configured one
    int slow_ms = 20'000;         // slow_first_token
    int stall_ms = -1;            // stall: the silence's length, then the connection ends; -1: for ever
    int down_ms = 60'000;         // flap, from the start, the last reset or when this was set
    int up_ms = 0;                // flap: before it is down again; 0: it stays up
    bool replace = false;         // malformed_chunk: in place of a content chunk, not beside it
    bool once = false;            // hits only the first fitting request of each model
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

/// The same, from `from` on instead of from the default.
Result<Behaviour> read_behaviour(const boost::json::object& json, Behaviour from);

/// What is known of a request when its behaviour is chosen.
struct RequestFacts {
    std::string_view kind;
    std::string_view model;
    std::string_view key;
    double dice = 0;  // [0, 1), see Behaviour::error_rate
    std::uint64_t number = 0;
    bool is_prefill = false;  // its last message is the assistant's
    Clock::Monotonic now{};
};

/// `chosen` as it is for this request: an honest answer (at the same pace) if it is up now, or has no prefill to refuse.
/// `since`: when its times began.
Behaviour as_it_is(Behaviour chosen, const RequestFacts& facts, Clock::Monotonic since);

/// Chooses what happens to each request: the first script entry that fits and is not used up, else the standing behaviour, else
/// what the mix draws for whom the standing behaviour fits.
///
/// Thread-safety: none.
/// Limits:        limits::kFakeScriptMax entries.
class BehaviourBook {
public:
    explicit BehaviourBook(Behaviour standing = {}, Clock::Monotonic since = {}, FaultMix mix = {}, double fault_scale = 1)
        : standing_(std::move(standing)), since_(since), mix_(std::move(mix)), fault_scale_(fault_scale) {}

    /// Replaces standing behaviour, script and mix. Errors: invalid_field, limit_exceeded; the book is then unchanged.
    Result<void> load(const boost::json::object& json, Clock::Monotonic now = {});
    Behaviour choose(const RequestFacts& facts);
    std::size_t script_left() const noexcept { return script_.size(); }

private:
    Behaviour chosen(const RequestFacts& facts);

    Behaviour standing_;
    Clock::Monotonic since_;
    FaultMix mix_;
    double fault_scale_;
    FirstAttempts hit_;
    std::deque<Behaviour> script_;
};

}  // namespace eco2::fake
