#include "openai_batch/faults.hpp"

#include "eco2/plugin/json.hpp"
#include "eco2/plugin/upstream_errors.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace eco2::openai_batch {

using plugin::ErrorClass;
using plugin::Failure;
using plugin::json_member;
using plugin::json_text;

namespace {

struct Sentence {
    std::string_view words;  // lower case
    ErrorClass error_class;
};

// Source: batches in the wild (2026); the providers have no code for these, or one that says something else.
constexpr std::array kSentences{
    Sentence{"timeout while downloading", ErrorClass::provider_fault},  // code invalid_image_url
    Sentence{"failed to download image", ErrorClass::provider_fault},
    Sentence{"not valid json", ErrorClass::provider_fault},  // we send none that is not
    Sentence{"could not parse the json body", ErrorClass::provider_fault},
    Sentence{"credit balance is too low", ErrorClass::key_fault},
};

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](char byte) {
        return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
    });
    return out;
}

bool says_something(const boost::json::value* value) {
    const auto text = json_text(value);
    return text && !text->empty();
}

/// {"error": {...}} or {"error": "words"}, or the error itself as the body, or {"detail": ...}.
bool names_an_error(const boost::json::value& body) {
    const boost::json::value* const error = json_member(&body, "error");
    const boost::json::value* const detail = json_member(&body, "detail");
    const boost::json::object* const members = error == nullptr ? nullptr : error->if_object();
    return (members != nullptr && !members->empty()) || says_something(error) ||
           says_something(json_member(&body, "message")) || says_something(detail) || plugin::json_array(detail) != nullptr;
}

}  // namespace

Failure corrected(Failure failure) {
    if (failure.error_class != ErrorClass::caller_fault && failure.error_class != ErrorClass::provider_fault) {
        return failure;
    }
    const std::string said = lower(failure.message);
    const auto* const found = std::find_if(
        kSentences.begin(), kSentences.end(), [&](const Sentence& row) { return said.find(row.words) != std::string::npos; });
    const bool is_download = failure.code == "failed_to_download_image";
    if (found == kSentences.end() && !is_download) {
        return failure;
    }
    failure.error_class = found == kSentences.end() ? ErrorClass::provider_fault : found->error_class;
    failure.status = plugin::status_of(failure.error_class);
    failure.is_retryable = plugin::is_retryable(failure.error_class);
    return failure;
}

bool is_proof_of_nothing(int http_status, std::string_view body) {
    const bool is_refusal = http_status >= 400 && http_status < 500 && http_status != 408 && http_status != 409;
    plugin::JsonDocument<> document;
    return is_refusal && document.parse(plugin::without_byte_order_mark(body)) && names_an_error(document.value());
}

}  // namespace eco2::openai_batch
