#include "bench/chat_check.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <ostream>

namespace eco2::bench {
namespace {

namespace json = boost::json;

constexpr std::size_t kBytesMax = 1 << 20;
constexpr std::size_t kShownMax = 120;

std::string shown(std::string_view text) {
    return text.size() <= kShownMax ? std::string(text) : std::string(text.substr(0, kShownMax)) + "…";
}

/// Null: it is not there, or not an object.
const json::object* object_at(const json::object& from, std::string_view name) {
    const json::value* found = from.if_contains(name);
    return found == nullptr ? nullptr : found->if_object();
}

/// Empty: it is not there, or no text.
std::string_view text_at(const json::object& from, std::string_view name) {
    const json::value* found = from.if_contains(name);
    const json::string* text = found == nullptr ? nullptr : found->if_string();
    return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
}

std::int64_t number_at(const json::object& from, std::string_view name) {
    const json::value* found = from.if_contains(name);
    return found != nullptr && found->is_int64() ? found->get_int64() : 0;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, ChatOutcome outcome) {
    constexpr std::array<std::string_view, 5> kNames{"good", "clean_error", "broken", "wrong", "late"};
    return out << kNames.at(static_cast<std::size_t>(outcome));
}

void ChatCheck::feed(std::string_view bytes, Clock::time_point now) {
    if (rest_.size() + bytes.size() > kBytesMax) {
        return complain("over 1 MiB");
    }
    rest_ += bytes;
    if (!expected_.is_stream || status_ != 200) {
        return;
    }
    std::size_t begin = 0;
    for (std::size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
        std::string_view line = std::string_view(rest_).substr(begin, end - begin);
        line.remove_suffix(line.ends_with('\r') ? 1 : 0);
        take_line(line, now);
        begin = end + 1;
    }
    rest_.erase(0, begin);
}

void ChatCheck::take_line(std::string_view line, Clock::time_point now) {
    constexpr std::string_view kData = "data:";
    if (!line.starts_with(kData)) {
        return;  // a comment, the end of a frame
    }
    line.remove_prefix(kData.size());
    line.remove_prefix(line.starts_with(' ') ? 1 : 0);
    take_data(line, now);
}

void ChatCheck::take_data(std::string_view data, Clock::time_point now) {
    if (is_marked_done_ || has_error_) {
        return complain("more after the end: " + shown(data));
    }
    if (data == "[DONE]") {
        is_marked_done_ = true;
        return;
    }
    json::error_code ec;
    const json::value frame = json::parse(json::string_view(data.data(), data.size()), ec);
    if (ec.failed() || !frame.is_object()) {
        return complain("a frame that is no JSON object: " + shown(data));
    }
    take_completion(frame.get_object(), "delta", now);
}

void ChatCheck::take_completion(const json::object& completion, std::string_view part, Clock::time_point now) {
    if (const json::value* error = completion.if_contains("error")) {
        return take_error(*error);
    }
    if (const json::object* usage = object_at(completion, "usage")) {
        take_usage(*usage);
    }
    if (const std::string_view model = text_at(completion, "model"); !model.empty()) {
        model_ = model;
    }
    const json::value* choices = completion.if_contains("choices");
    if (choices == nullptr || !choices->is_array() || choices->get_array().empty()) {
        return;
    }
    const json::object* choice = choices->get_array().front().if_object();
    const json::object* said = choice == nullptr ? nullptr : object_at(*choice, part);
    if (said == nullptr) {
        return complain("a choice without " + std::string(part));
    }
    if (const std::string_view content = text_at(*said, "content"); !content.empty()) {
        if (!finish_.empty()) {
            complain("content after the finish reason");
        }
        if (first_content_at_) {
            gaps_ms_.add(std::chrono::duration<double, std::milli>(now - last_content_at_).count());
        } else {
            first_content_at_ = now;
        }
        last_content_at_ = now;
        text_ += content;
    }
    if (const std::string_view finish = text_at(*choice, "finish_reason"); !finish.empty()) {
        if (!finish_.empty()) {
            complain("two finish reasons");
        }
        finish_ = finish;
    }
}

void ChatCheck::take_usage(const json::object& usage) {
    if (has_usage_) {
        complain("usage twice");
    }
    has_usage_ = true;
    prompt_tokens_ = number_at(usage, "prompt_tokens");
    completion_tokens_ = number_at(usage, "completion_tokens");
}

void ChatCheck::take_error(const json::value& error) {
    const json::object* told = error.if_object();
    if (told == nullptr || text_at(*told, "message").empty()) {
        return complain("an error without a message");
    }
    has_error_ = true;
    error_code_ = text_at(*told, "code");
    if (error_code_.empty()) {
        error_code_ = text_at(*told, "type");
    }
}

void ChatCheck::take_whole() {
    json::error_code ec;
    const json::value body = json::parse(rest_, ec);
    if (ec.failed() || !body.is_object()) {
        return complain("no JSON object: " + shown(rest_));
    }
    take_completion(body.get_object(), "message", Clock::now());
}

void ChatCheck::complain(std::string text) {
    if (fault_.empty()) {
        fault_ = std::move(text);
    }
}

ChatOutcome ChatCheck::end(bool is_whole) {
    const bool is_stream = expected_.is_stream && status_ == 200;
    if (is_whole && !is_stream) {
        take_whole();
    } else if (is_whole && !rest_.empty()) {
        complain("an unfinished line: " + shown(rest_));
    }
    const ChatOutcome outcome = judge(is_whole);
    if (outcome == ChatOutcome::clean_error) {
        fault_ = "status " + std::to_string(status_) + ", " + error_code_;
    } else if (outcome == ChatOutcome::broken) {
        complain("it ended early");
        fault_ = "status " + std::to_string(status_) + ", " + fault_;
    }
    return outcome;
}

ChatOutcome ChatCheck::judge(bool is_whole) {
    if (has_error_ && fault_.empty()) {
        // An error object with a status of success is an answer that passes as whole, unless a stream could say it no other
        // way.
        return status_ >= 400 || (status_ == 200 && expected_.is_stream) ? ChatOutcome::clean_error : ChatOutcome::wrong;
    }
    if (!is_whole || status_ != 200) {
        return ChatOutcome::broken;
    }
    if (text_ != expected_.text) {
        const auto apart = std::mismatch(text_.begin(), text_.end(), expected_.text.begin(), expected_.text.end());
        complain("not the expected text, from byte " + std::to_string(apart.first - text_.begin()) + ": " + shown(text_));
    }
    if (finish_ != "stop") {
        complain("finish reason \"" + finish_ + "\"");
    }
    if (expected_.is_stream && !is_marked_done_) {
        complain("no end mark");
    }
    if (expected_.has_usage && !has_usage_) {
        complain("no usage");
    }
    return fault_.empty() ? ChatOutcome::good : ChatOutcome::wrong;
}

}  // namespace eco2::bench
