#include "bench/stream_check.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <utility>

namespace eco2::bench {
namespace {

namespace json = boost::json;

constexpr std::size_t kLineBytesMax = 1 << 20;
constexpr std::size_t kQuotedBytesMax = 200;

struct Expected {
    std::string_view step;
    std::string_view status;
    std::int64_t progress;
};

constexpr std::array<Expected, 8> kStages{{{"vision", "started", 0},
                                           {"vision", "completed", 25},
                                           {"rule", "started", 25},
                                           {"rule", "completed", 50},
                                           {"answer", "started", 50},
                                           {"answer", "completed", 75},
                                           {"reward", "started", 75},
                                           {"reward", "completed", 100}}};

std::string_view text_at(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    return value != nullptr && value->is_string() ? std::string_view(value->get_string().data(), value->get_string().size())
                                                  : std::string_view{};
}

bool is_expected(const json::object& frame, const Expected& expected) {
    const json::value* progress = frame.if_contains("progress");
    return text_at(frame, "step") == expected.step && text_at(frame, "status") == expected.status && progress != nullptr &&
           progress->is_int64() && progress->get_int64() == expected.progress;
}

}  // namespace

void StreamCheck::feed(std::string_view bytes, Clock::time_point now) {
    while (!bytes.empty() && fault_.empty()) {
        const std::size_t end = bytes.find('\n');
        if (end == std::string_view::npos) {
            line_.append(bytes);
            if (line_.size() > kLineBytesMax) {
                complain("a line is longer than 1 MiB");
            }
            return;
        }
        if (line_.empty()) {
            take_line(bytes.substr(0, end), now);
        } else {
            line_.append(bytes.substr(0, end));
            const std::string line = std::exchange(line_, {});
            take_line(line, now);
        }
        bytes.remove_prefix(end + 1);
    }
}

void StreamCheck::end() {
    if (!line_.empty()) {
        complain("the body ends inside a line");
    }
    if (!is_complete()) {
        complain("the stream ended after " + std::to_string(frames_seen_) + " of " + std::to_string(kFrames) + " frames");
    }
}

void StreamCheck::take_line(std::string_view line, Clock::time_point now) {
    if (!line.empty() && line.back() == '\r') {
        line.remove_suffix(1);
    }
    if (line.empty() || line.front() == ':') {
        return;
    }
    constexpr std::string_view kData = "data:";
    if (line.substr(0, kData.size()) != kData) {
        complain("a line is neither data nor a comment: " + std::string(line.substr(0, kQuotedBytesMax)));
        return;
    }
    line.remove_prefix(kData.size());
    take_frame(line.substr(line.substr(0, 1) == " " ? 1 : 0), now);
}

void StreamCheck::take_frame(std::string_view text, Clock::time_point now) {
    const std::size_t index = frames_seen_++;
    if (index == kFrames - 1) {
        first_stage_at_ = first_stage_at_ ? first_stage_at_ : now;
        return take_last(text);
    }
    unsigned char buffer[1024];
    json::monotonic_resource memory(buffer);
    json::error_code ec;
    const json::value frame = json::parse(text, ec, &memory);
    if (ec || !frame.is_object() || index >= kFrames) {
        return complain("frame " + std::to_string(index) + " is not expected: " + std::string(text.substr(0, kQuotedBytesMax)));
    }
    const json::object& object = frame.get_object();
    const bool is_right = index == 0 ? text_at(object, "status") == "started" && !text_at(object, "task_id").empty()
                                     : is_expected(object, kStages[index - 1]);
    if (!is_right) {
        return complain("frame " + std::to_string(index) + " is wrong: " + std::string(text.substr(0, kQuotedBytesMax)));
    }
    if (index == 1) {
        first_stage_at_ = now;
    }
}

void StreamCheck::take_last(std::string_view text) {
    unsigned char buffer[8192];
    json::monotonic_resource memory(buffer);
    json::error_code ec;
    const json::value frame = json::parse(text, ec, &memory);
    const json::object* object = ec ? nullptr : frame.if_object();
    const json::value* result = object != nullptr ? object->if_contains("result") : nullptr;
    const json::object* result_object = result != nullptr ? result->if_object() : nullptr;
    if (result_object == nullptr || !is_expected(*object, kStages.back())) {
        return complain("the last frame is wrong: " + std::string(text.substr(0, kQuotedBytesMax)));
    }
    const json::value* answer = result_object->if_contains("pipeline_result");
    if (text_at(*result_object, "status") != "completed" || answer == nullptr || !answer->is_object()) {
        return complain("the result is not complete: " + std::string(text.substr(0, kQuotedBytesMax)));
    }
    const json::value* reward = result_object->if_contains("reward");
    has_reward_ = reward != nullptr && reward->is_object();
}

void StreamCheck::complain(std::string text) {
    if (fault_.empty()) {
        fault_ = std::move(text);
    }
}

}  // namespace eco2::bench
