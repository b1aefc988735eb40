#pragma once

#include "fake_provider/answer_wire.hpp"
#include "fake_provider/script.hpp"

#include <chrono>
#include <vector>

namespace eco2::fake {

/// When the first and the last byte of a reply are due.
struct Pace {
    std::chrono::microseconds first{0};
    std::chrono::microseconds last{0};
    double tokens_per_second = 0;  // above 0: pieces follow each other at this rate and `last` is not used
    std::size_t pieces_max = 40;
    std::chrono::microseconds gap{-1};  // not negative: between pieces; `last` and the rate are not used
    bool is_by_word = false;            // a piece is a word; `pieces_max` is not used
};

Pace pace_of(const Scene& scene);

/// The parts of an honest stream.
struct StreamPlan {
    std::vector<Part> parts;      // one a content piece, so that "after n chunks" is "after n parts"
    std::size_t end_bytes = 0;    // of the last part: what comes after its piece
    std::size_t begin_bytes = 0;  // of the first part: what comes before its piece
};

StreamPlan stream_parts(AnswerWire& wire, const Said& said, const Pace& pace);

}  // namespace eco2::fake
