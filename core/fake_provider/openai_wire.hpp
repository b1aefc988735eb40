#pragma once

#include "fake_provider/answer_wire.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// The bytes that OpenAI would send, as of 2026.
namespace eco2::fake {

std::string openai_error_body(const ApiFault& fault);
/// What OpenAI says with this status when nobody chose otherwise.
ApiFault usual_fault(int status);

std::unique_ptr<AnswerWire> make_chat_wire(AnswerId id);
std::unique_ptr<AnswerWire> make_responses_wire(AnswerId id);

std::string models_body(const std::vector<std::string>& models, std::int64_t created);

}  // namespace eco2::fake
