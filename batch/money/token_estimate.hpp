#pragma once

#include "base/result.hpp"
#include "batch/money/range.hpp"
#include "model/calls.hpp"

#include <cstdint>
#include <string_view>

namespace eco2::batch {

/// What an answer is taken to be where nothing says more.
struct OutputGuess {
    std::int64_t typical = 400;
    std::int64_t ceiling = 4'096;  // where a request names no limit (batch.output_tokens_assumed)
};

/// What a request is expected to use.
struct RequestTokens {
    Range prompt;  // the images among it
    Range output;  // of all choices together; high is what must be reserved
    Range images;  // of the prompt
    std::int64_t image_count = 0;
    std::int64_t image_urls = 0;     // fetched by the provider
    std::int64_t sizes_assumed = 0;  // images
    bool is_image_rule_assumed = false;
    bool is_output_assumed = false;  // the request names no limit
    bool is_incomplete = false;      // it has parts of which nothing is known: audio, files
};

/// Tokens of a text without a tokenizer, from its runs of letters, digits, marks and scripts.
///
/// expected: within some 10 % of o200k_base (gpt-4o and later) over pages of prose, JSON and source text in English or Korean,
/// 20 % for a few words of it or lists of nouns, 40 % for some other scripts. high: also holds for cl100k_base (before gpt-4o),
/// which needs half as much again for Korean. Text made by no human, such as base64, may need twice as much. Cost: linear, no
/// allocation.
Range estimate_text(std::string_view text) noexcept;

/// Tokens of a request: of `chat_json`, where it is set, else of the neutral form; with schema, tools, the messages' frames and
/// images. `prompt.high` is never below routing's `estimate_prompt_tokens`.
///
/// Errors: invalid_json (chat_json cannot be read).
/// Cost:   linear in the request; reads the beginning of inline images.
Result<RequestTokens> estimate_tokens(const GenerateRequest& request, const OutputGuess& guess = {});

}  // namespace eco2::batch
