#pragma once

#include "fake_provider/openai_wire.hpp"
#include "fake_provider/script.hpp"

#include <chrono>
#include <string_view>
#include <vector>

namespace eco2::fake {

/// When the first and the last byte of a reply are due.
struct Pace {
    std::chrono::microseconds first{0};
    std::chrono::microseconds last{0};
    double tokens_per_second = 0;  // above 0: pieces follow each other at this rate and `last` is not used
    std::size_t pieces_max = 40;
};

Pace pace_of(const Scene& scene);

/// What a streamed reply says, before it is cut into timed parts.
struct StreamText {
    std::string_view text;
    TextField field = TextField::content;
    std::string_view finish_reason = "stop";
    std::int64_t prompt_tokens = 0;
};

/// The honest stream: role with the first piece; finish reason, usage and [DONE] with the last.
/// Shape: one part a content piece, so that "after n chunks" is "after n parts".
std::vector<Part> stream_parts(const AnswerId& id, const StreamText& text, const Pace& pace);

}  // namespace eco2::fake
