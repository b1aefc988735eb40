#pragma once

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace eco2::fake {

/// In which provider's words a request is asked and answered.
enum class Dialect {
    chat,       // OpenAI, POST /v1/chat/completions
    responses,  // OpenAI, POST /v1/responses
    messages,   // Anthropic, POST /v1/messages
    gemini,     // Google, POST /v1beta/models/{model}:generateContent, :streamGenerateContent
};

/// An error, told in OpenAI's words; the dialects put it into theirs.
struct ApiFault {
    int status = 400;
    std::string message;
    std::string type = "invalid_request_error";
    std::string param;                         // empty: null
    std::string code;                          // empty: null
    std::chrono::milliseconds retry_after{0};  // Gemini has its hint in the body; zero: none
};

enum class AnswerKind {
    vision,  // the schema is named `vision` or asks for `classification`
    answer,  // the schema is named `answer` or asks for `user_answer`
    schema,  // any other schema
    plain,   // no schema
};

std::string_view kind_name(AnswerKind kind) noexcept;

/// Names of the three levels in the vision schema.
struct ClassKeys {
    std::string major = "major_category";
    std::string middle = "middle_category";
    std::string minor = "minor_category";
};

/// What the fake provider wants to know of a request.
struct ChatRequest {
    Dialect dialect = Dialect::chat;
    std::string model;
    bool is_stream = false;
    bool wants_usage = false;  // stream_options.include_usage
    AnswerKind kind = AnswerKind::plain;
    std::string schema;        // JSON text, of AnswerKind::schema or of the tool's input
    std::string tool;          // the tool that the answer is the input of; empty: none
    std::string more_members;  // of a vision or answer reply: what else its schema requires, `,"echo":"T"`
    ClassKeys class_keys;
    std::string user_text;         // start of the last user message's text
    std::uint64_t photo_hash = 0;  // of the image's URL or data URL; of the texts where there is no image
    std::int64_t prompt_tokens = 0;
    int choices = 1;                   // chat: n
    std::vector<std::string> stop;     // a plain answer ends before the first of these
    std::int64_t tokens_max = 0;       // of a plain answer; 0: not told
    bool ends_with_assistant = false;  // the last message is to be gone on with ("prefill")
};

/// Reads a request body. What is missing or wrong is answered as the provider would.
/// `path_model`, `is_stream`: of Gemini's path, which has them in place of the body.
std::variant<ChatRequest, ApiFault> read_chat_request(std::string_view body,
                                                      Dialect dialect = Dialect::chat,
                                                      std::string_view path_model = {},
                                                      bool is_stream = false);
/// The same, of a body that was parsed.
std::variant<ChatRequest, ApiFault> read_chat_request(const boost::json::object& body,
                                                      Dialect dialect,
                                                      std::string_view path_model = {},
                                                      bool is_stream = false);

/// Tokens of a text, by rule of thumb: four ASCII characters, or 0.7 of any other character.
std::int64_t estimate_tokens(std::string_view text) noexcept;

inline constexpr std::int64_t kImageTokens = 85;  // what detail "low" costs

}  // namespace eco2::fake
