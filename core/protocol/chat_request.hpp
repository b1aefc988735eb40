#pragma once

#include "model/calls.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace eco2 {

/// A request to POST /v1/chat/completions, read once.
struct ChatRequest {
    GenerateRequest request;   // neutral form; chat_json is the body as it came
    bool wants_usage = false;  // stream_options.include_usage
    /// Places in the body ("n", "messages[2].content[0]") that the neutral form cannot say: a provider without the capability
    /// "chat" would answer something else than what was asked.
    std::vector<std::string> beyond;
    std::int64_t tokens_estimate = 0;  // of the prompt and the most that may come back, for reservations
};

/// Reads the body. Fields that eco2 does not know pass in chat_json; those that only turn the sampling (seed, penalties,
/// logit_bias) are no matter of `beyond`, since an answer without them is still an answer to the request.
///
/// `param` is set to the place of the fault.
/// Lifetime: the request shares `body`.
/// Errors:   invalid_json; invalid_field (a wrong type or value, a missing field, a field that stands there twice).
/// Cost:     decodes inline images; a large body belongs on the blocking pool.
Result<ChatRequest> parse_chat_request(SharedText body, std::string& param);

}  // namespace eco2
