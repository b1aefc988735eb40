#pragma once

#include "fake_provider/answer_wire.hpp"

#include <memory>
#include <string>

/// The bytes that Anthropic's Messages API would send, as of 2026.
namespace eco2::fake {

std::unique_ptr<AnswerWire> make_messages_wire(AnswerId id);
/// The fault in Anthropic's words: by its status, but for what is told by its sentence.
std::string anthropic_error_body(const ApiFault& fault);

}  // namespace eco2::fake
