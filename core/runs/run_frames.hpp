#pragma once

#include "base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// The events of a submitted run as text/event-stream frames, byte for byte. Pure.
///
/// `id:` counts from 1 within the run. `event:` is `queued`, a stage's name, `<stage>.delta`, `done` or `error`. `seq` in the
/// data is the stage's order times ten, plus 1 for completed, plus 2 for failed.
namespace eco2 {

/// What every frame says.
struct FrameStamp {
    std::string_view run_id;
    std::uint64_t number = 1;
    std::int64_t wall_ns = 0;
};

/// Where in its pipeline a run is.
struct FramePlace {
    std::size_t stage = 0;  // index, from 0
    std::string_view name;  // of the stage
    int progress = 0;       // percent
};

std::string queued_frame(const FrameStamp& stamp);
std::string stage_started_frame(const FrameStamp& stamp, const FramePlace& place);
/// `output_json`: what the stage has made; "null" where it made nothing.
std::string stage_completed_frame(const FrameStamp& stamp, const FramePlace& place, std::string_view output_json);
std::string delta_frame(const FrameStamp& stamp, std::string_view stage, std::string_view text);
std::string error_frame(const FrameStamp& stamp, const FramePlace& place, const Error& error);
/// `stages`: how many the pipeline has.
std::string done_frame(const FrameStamp& stamp, std::size_t stages, std::string_view result_json);

}  // namespace eco2
