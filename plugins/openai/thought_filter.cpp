#include "openai/thought_filter.hpp"

#include <algorithm>

namespace eco2::openai {
namespace {

constexpr std::string_view kOpening = "<think>";
constexpr std::string_view kClosing = "</think>";
constexpr std::string_view kBlank = " \t\r\n";

std::string_view without_blanks(std::string_view text) {
    const std::size_t first = text.find_first_not_of(kBlank);
    return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}

}  // namespace

void ThoughtFilter::feed(std::string_view piece, plugin::DeltaWriter& out) {
    if (state_ == State::text) {
        out.text(piece);
        return;
    }
    held_.append(piece);
    switch (state_) {
        case State::front: settle_front(out); break;
        case State::thought: settle_thought(out); break;
        default: settle_after_thought(out); break;
    }
}

void ThoughtFilter::settle_front(plugin::DeltaWriter& out) {
    const std::string_view text = without_blanks(held_);
    if (text.starts_with(kOpening)) {
        held_.erase(0, held_.size() - text.size() + kOpening.size());
        state_ = State::thought;
        settle_thought(out);
    } else if (!kOpening.starts_with(text)) {
        state_ = State::text;
        finish(out);
    }
}

void ThoughtFilter::settle_thought(plugin::DeltaWriter& out) {
    const std::size_t end = held_.find(kClosing);
    if (end == std::string::npos) {
        held_.erase(0, held_.size() - std::min(held_.size(), kClosing.size() - 1));
        return;
    }
    held_.erase(0, end + kClosing.size());
    state_ = State::after_thought;
    settle_after_thought(out);
}

void ThoughtFilter::settle_after_thought(plugin::DeltaWriter& out) {
    const std::string_view text = without_blanks(held_);
    if (!text.empty()) {
        state_ = State::text;
        out.text(text);
    }
    held_.clear();
}

void ThoughtFilter::finish(plugin::DeltaWriter& out) {
    if (state_ == State::front || state_ == State::text) {
        out.text(held_);
    }
    held_.clear();
}

}  // namespace eco2::openai
