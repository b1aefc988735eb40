#pragma once

#include "bench/samples.hpp"

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace boost::json {
class object;
class value;
}  // namespace boost::json

namespace eco2::bench {

/// How a chat call ended, as its client sees it.
enum class ChatOutcome {
    good,         // the whole expected answer
    clean_error,  // an error that says so: a status with an error object, or an error frame and no end mark after it
    broken,       // it ended early and without a word, or with something that is no answer of this API
    wrong,        // it passes as whole, and is not the expected answer
    late,         // it did not end in time
};

std::ostream& operator<<(std::ostream& out, ChatOutcome outcome);

/// Watches one answer of `POST /v1/chat/completions`, streamed or whole. Reads by itself rather than with the product's own
/// reader, so that a common mistake cannot hide.
///
/// Thread-safety: none.
/// Limits:        a line or a whole answer over 1 MiB is a fault.
class ChatCheck {
public:
    using Clock = std::chrono::steady_clock;

    struct Expected {
        std::string text;
        bool is_stream = false;
        bool has_usage = true;  // the request asked for it, or the answer is whole
    };

    /// Lifetime: `expected` outlives the check.
    explicit ChatCheck(const Expected& expected) : expected_(expected) {}

    void on_head(int status) { status_ = status; }
    /// Takes the next bytes of the body, cut anywhere, that came at `now`.
    void feed(std::string_view bytes, Clock::time_point now);
    /// The exchange is over; `is_whole`: HTTP says that all of the body has come. Once.
    ChatOutcome end(bool is_whole);

    /// Why it is not good.
    const std::string& fault() const noexcept { return fault_; }
    std::optional<Clock::time_point> first_content_at() const noexcept { return first_content_at_; }
    /// Between two pieces of content, in milliseconds.
    const Samples& gaps_ms() const noexcept { return gaps_ms_; }
    int status() const noexcept { return status_; }
    const std::string& text() const noexcept { return text_; }
    const std::string& model() const noexcept { return model_; }  // the one that was told last
    const std::string& error_code() const noexcept { return error_code_; }
    bool has_usage() const noexcept { return has_usage_; }
    std::int64_t prompt_tokens() const noexcept { return prompt_tokens_; }  // as told; 0: not told
    std::int64_t completion_tokens() const noexcept { return completion_tokens_; }

private:
    void take_line(std::string_view line, Clock::time_point now);
    void take_data(std::string_view data, Clock::time_point now);
    void take_completion(const boost::json::object& completion, std::string_view part, Clock::time_point now);
    void take_usage(const boost::json::object& usage);
    void take_error(const boost::json::value& error);
    void take_whole();
    void complain(std::string text);
    ChatOutcome judge(bool is_whole);

    const Expected& expected_;
    int status_ = 0;
    std::string rest_;  // the unfinished line, or all of an answer that is whole
    std::string text_;
    std::string model_;
    std::string finish_;
    std::string error_code_;
    std::string fault_;
    bool has_error_ = false;
    bool has_usage_ = false;
    std::int64_t prompt_tokens_ = 0;
    std::int64_t completion_tokens_ = 0;
    bool is_marked_done_ = false;
    std::optional<Clock::time_point> first_content_at_;
    Clock::time_point last_content_at_{};
    Samples gaps_ms_;
};

}  // namespace eco2::bench
