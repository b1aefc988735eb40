#pragma once

#include "eco2/plugin/delta_writer.hpp"

#include <string>
#include <string_view>

namespace eco2::openai {

/// Leaves a `<think>...</think>` block out that stands before the text: reasoning models behind vLLM and llama.cpp write one
/// into the content, before the JSON that was asked for.
///
/// Only a block at the very front counts (blanks before it are dropped with it); one that is never closed is dropped whole.
///
/// Thread-safety: none; one belongs to one answer.
/// Limits:        holds back a few bytes, while they may be the beginning of a mark.
class ThoughtFilter {
public:
    explicit ThoughtFilter(bool is_on) : state_(is_on ? State::front : State::text) {}

    void feed(std::string_view piece, plugin::DeltaWriter& out);
    /// The answer has ended: what was held back is text.
    void finish(plugin::DeltaWriter& out);

private:
    enum class State { front, thought, after_thought, text };

    void settle_front(plugin::DeltaWriter& out);
    void settle_thought(plugin::DeltaWriter& out);
    void settle_after_thought(plugin::DeltaWriter& out);

    State state_;
    std::string held_;
};

}  // namespace eco2::openai
