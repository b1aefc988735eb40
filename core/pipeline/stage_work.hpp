#pragma once

#include "pipeline/pipeline.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What stages do besides the effect itself: prepare before it, settle after it. Pure, so that live runs and batch share them.
namespace eco2 {

/// What one run is about. Immutable once the run is born.
struct RunInput {
    std::string user_id;
    std::string caller;    // who pays, as GenerateRequest::caller
    std::string language;  // one of the pipeline's
    std::string question;
    std::string model;       // one of the pipeline's
    SharedText image_url;    // null: none
    SharedText image_bytes;  // null: none; already cleaned by intake
    std::string image_mime;
    std::string image_sha256;  // of the bytes; empty: none
    std::string traceparent;
    bool wants_deltas = false;  // somebody reads the answer's words as they come
};

/// True where the stage's condition does not hold: its output is `otherwise`.
bool is_skipped(const Stage& stage, const RunValues& values);
/// The output of a skipped stage; null when the pipeline names none.
StageOutput otherwise(const Stage& stage, const std::string& language);

std::shared_ptr<GenerateRequest> prepare_infer(const Stage& stage, const RunInput& input, const RunValues& values);

struct Settled {
    StageOutput output;
    std::vector<std::string> repairs;  // for the log
};

/// Errors: provider_bad_answer (not JSON, outside the schema, cut off), provider_refused, outside_taxonomy.
Result<Settled> settle_infer(const Stage& stage, const RunInput& input, std::string text, FinishReason finish);

RuleQuery prepare_rules(const Stage& stage, const RunValues& values);

/// The rule as one line of JSON: it goes into the client's frames as it is.
/// Errors: rule_store_failed (the store's result is not JSON).
Result<StageOutput> settle_rules(std::string result_json);

/// The reward engine's input, composed as the pipeline file says.
std::string prepare_reward(const Stage& stage, const RunValues& values);

struct RewardDecision {
    std::string reward_json;  // "null" or an object
    std::string reason;       // empty exactly when there is a reward
    std::string name;         // of the reward, for metrics
    std::string type;
    std::optional<Grant> grant;  // user and run are the caller's to fill in
};

/// Errors: reward_failed (the engine's result has another shape).
Result<RewardDecision> settle_reward(std::string_view result_json);

}  // namespace eco2
