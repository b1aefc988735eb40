#pragma once

#include "fake_provider/answer_wire.hpp"

#include <memory>
#include <string>

/// The bytes that Google's Gemini API would send, as of 2026.
namespace eco2::fake {

std::unique_ptr<AnswerWire> make_gemini_wire(AnswerId id);
/// The fault in Google's words: by its status; the details follow its code.
std::string gemini_error_body(const ApiFault& fault);

}  // namespace eco2::fake
