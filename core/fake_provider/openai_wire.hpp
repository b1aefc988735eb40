#pragma once

#include "fake_provider/chat_request.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The bytes that OpenAI would send, as of 2026. Pure functions.
namespace eco2::fake {

/// What all bytes of one answer have in common.
struct AnswerId {
    std::string id;  // chatcmpl-…
    std::int64_t created = 0;
    std::string model;
    bool wants_usage = false;  // streams: "usage" in every chunk
};

enum class TextField { content, refusal };

std::string error_body(const ApiFault& fault);
/// What OpenAI says with this status when nobody chose otherwise.
ApiFault usual_fault(int status);

/// `finish_reason` empty: null. `without_choices`: "choices": [].
std::string completion_body(const AnswerId& id,
                            std::string_view text,
                            TextField field,
                            std::string_view finish_reason,
                            std::int64_t prompt_tokens,
                            std::int64_t completion_tokens,
                            bool without_choices = false);

std::string role_chunk(const AnswerId& id);
std::string text_chunk(const AnswerId& id, std::string_view text, TextField field);
std::string finish_chunk(const AnswerId& id, std::string_view finish_reason);
std::string usage_chunk(const AnswerId& id, std::int64_t prompt_tokens, std::int64_t completion_tokens);
/// A chunk whose "choices" is empty, in place of text.
std::string empty_chunk(const AnswerId& id);
inline constexpr std::string_view kDoneFrame = "data: [DONE]\n\n";

std::string models_body(const std::vector<std::string>& models, std::int64_t created);

}  // namespace eco2::fake
