#include "runs/run_frames.hpp"

#include "base/text.hpp"
#include "protocol/sse_writer.hpp"
#include "runs/run_result.hpp"

#include <cstdio>

namespace eco2 {
namespace {

/// {"job_id","stage","status","seq","ts","progress"
std::string head(const FrameStamp& stamp, std::string_view stage, std::string_view status, std::size_t seq, int progress) {
    char ts[40];
    std::snprintf(ts,
                  sizeof ts,
                  "%lld.%03lld",
                  static_cast<long long>(stamp.wall_ns / 1'000'000'000),
                  static_cast<long long>(stamp.wall_ns / 1'000'000 % 1'000));
    std::string out = R"({"job_id":")";
    out += stamp.run_id;
    out += R"(","stage":")";
    out += stage;
    out += R"(","status":")";
    out += status;
    out += R"(","seq":)";
    out += std::to_string(seq);
    out += R"(,"ts":")";
    out += ts;
    out += R"(","progress":)";
    out += std::to_string(progress);
    return out;
}

std::size_t seq_of(std::size_t stage) {
    return (stage + 1) * 10;
}

std::string frame(const FrameStamp& stamp, std::string_view event, std::string_view data) {
    std::string out;
    append_sse_event(out, stamp.number, event, data);
    return out;
}

}  // namespace

std::string queued_frame(const FrameStamp& stamp) {
    return frame(stamp, "queued", head(stamp, "queued", "started", 0, 0) + "}");
}

std::string stage_started_frame(const FrameStamp& stamp, const FramePlace& place) {
    return frame(stamp, place.name, head(stamp, place.name, "started", seq_of(place.stage), place.progress) + "}");
}

std::string stage_completed_frame(const FrameStamp& stamp, const FramePlace& place, std::string_view output_json) {
    auto data = head(stamp, place.name, "completed", seq_of(place.stage) + 1, place.progress);
    data += R"(,"result":)";
    data += output_json;
    return frame(stamp, place.name, data + "}");
}

std::string delta_frame(const FrameStamp& stamp, std::string_view stage, std::string_view text) {
    std::string data = R"({"job_id":")";
    data += stamp.run_id;
    data += R"(","stage":")";
    data += stage;
    data += R"(","text":")";
    append_json_escaped(data, text);
    return frame(stamp, std::string(stage) + ".delta", data + "\"}");
}

std::string error_frame(const FrameStamp& stamp, const FramePlace& place, const Error& error) {
    auto data = head(stamp, place.name, "failed", seq_of(place.stage) + 2, place.progress);
    data += R"(,"error":")";
    data += error.name();
    data += R"(","message":")";
    append_json_escaped(data, words_of(error));
    return frame(stamp, "error", data + "\"}");
}

std::string done_frame(const FrameStamp& stamp, std::size_t stages, std::string_view result_json) {
    auto data = head(stamp, "done", "completed", seq_of(stages) + 1, 100);
    data += R"(,"result":)";
    data += result_json;
    return frame(stamp, "done", data + "}");
}

}  // namespace eco2
