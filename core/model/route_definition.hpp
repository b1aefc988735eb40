#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Routes, keys, accounts and prices as plain values: read and checked by `config`, used by `routing`.
namespace eco2 {

/// What a quota counts: requests and tokens (in and out together) of any 60 seconds. 0: no limit known.
struct RateQuota {
    std::int64_t requests_per_minute = 0;
    std::int64_t tokens_per_minute = 0;
};

/// A quota group: what an upstream counts together. Keys of one account share it.
struct AccountDefinition {
    std::string id;
    RateQuota quota;  // of all models together
    struct Model {
        std::string match;  // glob over the upstream's model name; the first that fits holds
        RateQuota quota;
    };
    std::vector<Model> models;  // each model that fits one has a quota of its own
};

/// A key of a provider instance. Its secret stays with `plugin_host`; here it is a place in the instance's list.
struct KeyDefinition {
    std::string id;
    std::string account;  // empty: an account of its own, without limits known
    RateQuota quota;      // of this key alone
};

struct ProviderDefinition {
    std::string id;                   // plugin instance
    std::vector<KeyDefinition> keys;  // in the instance's order; empty: the upstream needs none
};

/// Where a route may send a request.
struct RouteTarget {
    std::string provider;             // plugin instance
    std::string model;                // asked of the upstream; empty: the request's own
    double weight = 1;                // for routers
    std::int64_t priority = 0;        // for routers; its place by default
    std::int64_t context_tokens = 0;  // the model's window; 0: not known
};

/// How a route treats faults. Every value is configuration; these are the defaults.
struct RoutePolicy {
    int attempts = 4;     // of one request, over all targets and keys
    double cost_usd = 0;  // of one request, by worst case, before an attempt is made; 0: no ceiling
    std::chrono::milliseconds total{120'000};
    std::chrono::milliseconds headers{10'000};           // from the attempt's start, of a streamed answer
    std::chrono::milliseconds first_content{10'000};     // likewise; start-up events are held back until then
    std::chrono::milliseconds between_contents{10'000};  // of a streamed answer, once it has begun
    std::chrono::milliseconds whole{60'000};             // of an answer that comes in one piece

    int same_target_retries = 1;                      // after one 500 or reset, with jitter
    std::chrono::milliseconds hint_wait_max{10'000};  // a longer wait that a target asks for is not waited out
    std::chrono::milliseconds backoff_base{500};      // doubled for each further round over the targets, full jitter
    std::chrono::milliseconds backoff_max{8'000};

    enum class ContextLength { larger, next, give_back };
    ContextLength context_length = ContextLength::larger;  // a target whose context_tokens is known to be larger
    enum class ContentPolicy { give_back, next };
    ContentPolicy content_policy = ContentPolicy::give_back;
    /// After content has left: ask the next target for the whole answer and drop what equals the part already sent; or send
    /// nothing until the answer is whole; or begin anew with a mark; or end.
    enum class MidStream { verified_restart, hold, restart_marked, give_up };
    MidStream mid_stream = MidStream::verified_restart;

    /// Requests that wait because every target is at a limit. 0: refused at once.
    std::int64_t queue_max = 1'000;
    std::chrono::milliseconds queue_wait_max{30'000};

    /// A stage takes answers whole, which is cheap; streamed, a silent upstream is noticed in seconds. automatic: streamed
    /// where another target could take over.
    enum class StreamStages { automatic, never, always };
    StreamStages stream_stages = StreamStages::automatic;

    bool operator==(const RoutePolicy&) const = default;
};

struct RouteDefinition {
    std::string name;                  // for logs, metrics, `eco2 explain`; default: match
    std::string match;                 // model name or glob with `*`; the first route that fits holds
    std::vector<RouteTarget> targets;  // in order of preference, where no router says otherwise
    std::string router;                // plugin instance that orders the targets; empty: their own order
    /// Made for a provider or model that no [[route]] names: one more try at once, and nobody waits or is refused for what
    /// earlier requests have met, but for quotas that are configured.
    bool is_plain = false;
    RoutePolicy policy;
};

/// What a model costs, in USD per million tokens.
struct PriceDefinition {
    std::string match;     // glob over the model that answered
    std::string provider;  // plugin instance; empty: any
    double input_usd = 0;
    double cached_input_usd = -1;  // -1: as input
    double output_usd = 0;
};

struct PriceTable {
    std::string version;                  // of the whole table; stands in every record
    std::vector<PriceDefinition> prices;  // the first that fits holds
    std::string review_by = {};           // "2027-03-31": the last day on which they count as checked; empty: no such day

    /// `day`: today, "YYYY-MM-DD" in UTC. What costs much at once is refused then; the rest goes on.
    bool is_past_review(std::string_view day) const noexcept { return !review_by.empty() && day > review_by; }
};

/// When a target is left alone for a while.
struct BreakerPolicy {
    int failures = 3;  // in a row, of one provider, model and key
    std::chrono::milliseconds open_min{2'000};
    std::chrono::milliseconds open_max{20'000};  // doubled after each failed probe
};

/// All of routing's configuration.
struct RoutingDefinition {
    std::vector<ProviderDefinition> providers;
    std::vector<AccountDefinition> accounts;
    std::vector<RouteDefinition> routes;
    PriceTable prices;
    BreakerPolicy breaker;
    double retry_share = 0.2;                          // further attempts per first attempt, of the whole host ...
    double retry_floor_per_second = 10;                // ... above so many a second
    std::chrono::milliseconds key_probe{60'000};       // a key that was refused is tried again after it, doubled up to an hour
    std::chrono::milliseconds limited_default{1'000};  // a limited key rests so long where the upstream gives no hint; doubled
};

}  // namespace eco2
