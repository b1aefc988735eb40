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

enum class Role { system, user, assistant };
enum class ImageDetail { automatic, low, high };

struct Part {
    enum class Kind { text, image_url, image_bytes };
    Kind kind = Kind::text;
    SharedText text;   // text or URL
    SharedText bytes;  // image_bytes
    std::string mime;  // image_bytes
    ImageDetail detail = ImageDetail::automatic;
};

struct Message {
    Role role = Role::user;
    std::vector<Part> parts;
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

/// What a call tells, always on the I/O thread that started it, never from inside the start, never two at once.
class CallObserver {
public:
    enum class Flow { go_on, pause };

    virtual ~CallObserver() = default;
    virtual Flow on_text(std::string_view text) = 0;
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

class ProviderDoor {
public:
    virtual ~ProviderDoor() = default;
    virtual StartedCall generate(std::shared_ptr<const GenerateRequest> request, CallObserver& observer) = 0;
    virtual std::string_view name() const noexcept = 0;  ///< the instance's id
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
