#pragma once

#include "model/calls.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace eco2 {

/// What matters of one chat.completion.chunk, or of a whole chat.completion, found without building values.
struct ChunkFacts {
    bool is_whole = false;     // object is "chat.completion"
    bool has_choices = false;  // at least one
    bool has_finish = false;   // a finish_reason other than null
    std::string_view usage;    // empty: no such member
    bool has_usage() const noexcept { return !usage.empty() && usage.front() == '{'; }
    // the usage member with one of its commas, to leave it out; both 0: there is none
    std::size_t usage_begin = 0;
    std::size_t usage_end = 0;
};

/// Lifetime: views into `json`. Cost: linear, nothing is allocated: about 0.3 µs for a usual chunk.
ChunkFacts look_at_chunk(std::string_view json) noexcept;

/// What all chunks of one answer, and its whole form, have in common.
struct ChatIdentity {
    std::string id;
    std::int64_t created_s = 0;
    std::string model;
};

/// OpenAI's word. A refusal in neutral form has no field of its own there: it counts as filtered.
std::string_view finish_word(FinishReason finish) noexcept;

/// Whether anything is known.
bool is_told(const Usage& usage) noexcept;

/// OpenAI's "usage" object; what is not known counts 0.
void append_usage_json(std::string& out, const Usage& usage);

}  // namespace eco2
