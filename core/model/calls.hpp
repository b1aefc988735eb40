#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The doors through which pipelines reach providers, rule stores and reward engines, and the values that pass.
/// `plugin_host` implements them over the plugin ABI; tests bring their own.
namespace eco2 {

using SharedText = std::shared_ptr<const std::string>;

enum class Role { system, user, assistant, tool };
enum class ImageDetail { automatic, low, high };

struct Part {
    enum class Kind { text, image_url, image_bytes, tool_call };
    Kind kind = Kind::text;
    SharedText text;   // text, URL, or a tool call in the form of OpenAI's message.tool_calls[]
    SharedText bytes;  // image_bytes
    std::string mime;  // image_bytes
    ImageDetail detail = ImageDetail::automatic;
};

struct Message {
    Role role = Role::user;
    std::vector<Part> parts;
    std::string tool_call_id = {};  // of a tool's result
};

struct GenerateRequest {
    std::string request_id;
    std::string traceparent;
    std::string model;
    std::vector<Message> messages;
    SharedText schema_name;  // null: free text
    SharedText schema_json;
    SharedText params_json;               // null: none
    std::int64_t max_output_tokens = -1;  // -1: the upstream's default
    double temperature = -1;              // negative: the upstream's default
    double top_p = -1;                    // negative: the upstream's default
    SharedText stop_json;                 // array of texts; null: none
    SharedText tools_json;                // {"tools","tool_choice","parallel_tool_calls"} as OpenAI has them; null: none
    /// As a client wrote it, in the form of OpenAI's POST /v1/chat/completions; null: none. For providers that can take it,
    /// whose answer comes as on_chat; the fields above say the same to the others.
    SharedText chat_json;
    std::uint32_t key = 0;  // which of the instance's keys, from 0
    std::string caller;     // whose turn it is where requests wait for a limit; empty: nobody's in particular
    bool is_streamed = false;
    Clock::Monotonic deadline = Clock::Monotonic::max();
};

struct Usage {
    std::int64_t input_tokens = -1;  // -1: not known
    std::int64_t output_tokens = -1;
    std::int64_t cached_input_tokens = -1;
    std::int64_t reasoning_tokens = -1;
    bool is_estimated = false;
};

struct RateLimits {  // -1: not known
    std::int64_t requests_limit = -1;
    std::int64_t requests_remaining = -1;
    std::int64_t requests_reset_ms = -1;
    std::int64_t tokens_limit = -1;
    std::int64_t tokens_remaining = -1;
    std::int64_t tokens_reset_ms = -1;
};

enum class FinishReason { none, stop, length, tool, content_filter, refusal, other };

enum class FaultClass { none, caller_fault, context_length, content_policy, key_fault, limited, overloaded, provider_fault };

/// A failed call as the plugin told it, already mapped to the error table.
struct CallError {
    Error error;
    FaultClass fault = FaultClass::provider_fault;
    int upstream_http_status = 0;  // 0: none
    std::string upstream_code;     // the plugin's own word
    bool is_retryable = false;
};

struct CallMeta {
    std::string_view model;                // empty: not told
    std::string_view upstream_request_id;  // empty: not told
    int upstream_http_status = 0;
    const RateLimits* limits = nullptr;  // null: not told
};

/// What a route has decided so far. Told right before the first content of an answer, and again before the end.
struct RouteNote {
    std::string_view provider;  // instance that answers
    std::string_view model;     // asked of it
    std::string_view key;       // its id; empty: none
    int attempts = 0;
    std::string_view trail;  // every decision, one line; see routing/trail.hpp
};

/// What a call tells, always on the I/O thread that started it, never from inside the start, never two at once.
class CallObserver {
public:
    enum class Flow { go_on, pause };

    virtual ~CallObserver() = default;
    virtual Flow on_text(std::string_view text) = 0;
    /// A piece of the answer to a request with chat_json, in place of on_text and on_tool: `json` is OpenAI's chunk or whole
    /// completion as it came, `text` what its first choice says, `has_more` that it holds content besides that text.
    virtual Flow on_chat(std::string_view /*text*/, std::string_view /*json*/, bool /*has_more*/) { return Flow::go_on; }
    /// A fragment of a tool call, in the form of OpenAI's delta.tool_calls[].
    virtual Flow on_tool(std::string_view /*json*/) { return Flow::go_on; }
    /// What was told of the answer so far is void: it begins anew. Only from routes whose policy says so.
    virtual void on_restart() {}
    virtual void on_route(const RouteNote& /*note*/) {}
    virtual void on_usage(const Usage& usage) = 0;
    virtual void on_meta(const CallMeta& meta) = 0;
    /// A whole result (rule, reward, import): JSON text, and JSON about it (may be empty).
    virtual void on_result(std::string_view json, std::string_view meta) = 0;
    /// Exactly once, last. Null: success. The observer and the Call may be destroyed from inside.
    virtual void on_done(FinishReason finish, const CallError* error) = 0;
};

/// A started call. Destroying it before on_done cancels it and silences the observer at once.
///
/// Thread-safety: the I/O thread that started it.
class Call {
public:
    virtual ~Call() = default;
    virtual void resume() = 0;
    virtual void cancel() = 0;  ///< on_done(cancelled) follows, not from inside
};

using StartedCall = Result<std::unique_ptr<Call>>;

/// What a provider says that it can do.
struct Capabilities {
    bool has_vision = false;
    bool has_json_schema = false;
    bool has_streaming = false;
    bool has_tools = false;
    bool has_chat = false;  // takes chat_json
};

class ProviderDoor {
public:
    virtual ~ProviderDoor() = default;
    virtual StartedCall generate(std::shared_ptr<const GenerateRequest> request, CallObserver& observer) = 0;
    virtual std::string_view name() const noexcept = 0;  ///< the instance's id, or the route's name
    /// Of a provider that does not say: it is tried with anything but a chat request.
    virtual Capabilities capabilities() const noexcept { return {true, true, true, true, false}; }
};

/// A target of a route, with what is known of it.
struct Candidate {
    std::string_view provider;
    std::string_view model;
    double weight = 1;
    std::int64_t priority = 0;
    std::int64_t latency_us = -1;  // moving average of the time to the first content; -1: not known
    std::int64_t in_flight = 0;
    double failure_share = 0;  // of the recent attempts
};

struct OrderQuery {
    std::string_view request_id;
    std::string_view route;
    std::uint64_t random = 0;
    std::uint64_t prefix_hash = 0;  // of the prompt's beginning; 0: not known
    const std::vector<Candidate>* candidates = nullptr;
};

/// Orders a route's targets.
///
/// Thread-safety: any thread. Blocks: never.
class RouterDoor {
public:
    virtual ~RouterDoor() = default;
    /// Indices of the candidates, each once, best first.
    virtual std::vector<std::size_t> order(const OrderQuery& query) = 0;
};

/// The rules as they were at one moment; releases its pin when destroyed.
class RuleSnapshot {
public:
    virtual ~RuleSnapshot() = default;
};

struct RuleQuery {
    std::string request_id;
    std::string category;
    std::string key;
    Clock::Monotonic deadline = Clock::Monotonic::max();
};

class RuleStoreDoor {
public:
    virtual ~RuleStoreDoor() = default;
    virtual Result<std::shared_ptr<const RuleSnapshot>> acquire() = 0;
    /// on_result with the rule, or none: no such rule. Errors: rule_store_failed.
    virtual StartedCall lookup(std::shared_ptr<const RuleSnapshot> snapshot, RuleQuery query, CallObserver& observer) = 0;
    /// Replaces all rules by a directory's files; on_result {"imported":N,"version":N}. Errors: plugin_failed where the store
    /// cannot import.
    virtual StartedCall import_directory(std::string directory, CallObserver& observer) = 0;
};

struct RewardRequest {
    std::string request_id;
    std::string user_id;
    std::string input_json;
    Clock::Monotonic deadline = Clock::Monotonic::max();
};

class RewardDoor {
public:
    virtual ~RewardDoor() = default;
    /// on_result {"reward","reason","grant"}; see eco2/abi/reward.h. Errors: reward_failed.
    virtual StartedCall decide(RewardRequest request, CallObserver& observer) = 0;
};

/// A reward that a user has earned.
struct Grant {
    std::string user_id;
    std::string code;
    std::string name;
    std::string run_id;
};

class GrantDoor {
public:
    virtual ~GrantDoor() = default;
    /// Makes the grant durable, once per user and code; `done` runs on the calling I/O thread, never from inside.
    /// Errors: store_failed, overloaded (queue full).
    virtual void write(Grant grant, std::function<void(Result<void>)> done) = 0;
};

}  // namespace eco2
