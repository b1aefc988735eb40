#include "routing/answer_relay.hpp"

#include "base/limits.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <utility>

namespace eco2::routing {

void AnswerRelay::begin() {
    kept_.clear();
    kept_bytes_ = 0;
    matched_ = 0;
    if (holds_ || policy_ == RoutePolicy::MidStream::hold) {
        state_ = State::holding;
    } else if (has_left_ && policy_ == RoutePolicy::MidStream::verified_restart) {
        state_ = State::catching;
        is_restarted_ = true;
    } else {
        state_ = State::start_up;
    }
}

void AnswerRelay::forget() {
    has_left_ = false;
    has_more_left_ = false;
    is_restarted_ = false;
    sent_.clear();
    first_chunk_.clear();
}

AnswerRelay::Take AnswerRelay::kept(Piece piece) {
    const auto bytes = piece.text.size() + piece.json.size();
    const bool is_too_much = kept_.size() >= limits::kHeldChunksMax || kept_bytes_ + bytes > limits::kHeldBytesMax;
    // More start-up than any provider has says nothing: dropped, so that memory stays bounded and another target can still
    // answer.
    if (state_ == State::holding || !is_too_much) {
        kept_bytes_ += bytes;
        kept_.push_back(std::move(piece));
    }
    return Take::keep;
}

AnswerRelay::Take AnswerRelay::text(std::string_view text) {
    switch (state_) {
        case State::holding: return kept({Piece::Kind::text, std::string(text), {}, false});
        case State::catching: return catch_up(text);
        case State::start_up:
        case State::live: break;
    }
    state_ = State::live;
    note_sent(text);
    return Take::pass;
}

AnswerRelay::Take AnswerRelay::tool(std::string_view json) {
    switch (state_) {
        case State::holding: return kept({Piece::Kind::tool, std::string(json), {}, false});
        case State::catching: return Take::diverged;
        case State::start_up:
        case State::live: break;
    }
    state_ = State::live;
    has_left_ = has_more_left_ = true;
    return Take::pass;
}

AnswerRelay::Take AnswerRelay::chat(std::string_view text, std::string_view json, bool has_more) {
    const bool has_content = has_more || !text.empty();
    if (state_ == State::holding || (state_ == State::start_up && !has_content)) {
        return kept({Piece::Kind::chat, std::string(text), std::string(json), has_more});
    }
    if (state_ == State::catching) {
        if (has_more) {
            return Take::diverged;
        }
        const auto take = catch_up(text);
        if (take == Take::rest) {
            remade_ = remake(json, rest_);
        }
        return take;
    }
    state_ = State::live;
    if (has_content) {
        note_sent(text);
        has_more_left_ = has_more_left_ || has_more;
    }
    if (is_restarted_) {
        rest_ = text;
        remade_ = remake(json, text);
        return Take::rest;
    }
    if (first_chunk_.empty()) {
        first_chunk_ = json;
    }
    return Take::pass;
}

AnswerRelay::Take AnswerRelay::catch_up(std::string_view text) {
    const auto expected = std::string_view(sent_).substr(matched_);
    const auto common = std::min(expected.size(), text.size());
    if (expected.substr(0, common) != text.substr(0, common)) {
        return Take::diverged;
    }
    matched_ += common;
    if (matched_ == sent_.size()) {
        state_ = State::live;
    }
    if (common == text.size()) {
        return Take::keep;
    }
    rest_ = text.substr(common);
    note_sent(rest_);
    return Take::rest;
}

void AnswerRelay::note_sent(std::string_view text) {
    has_left_ = true;
    if (policy_ == RoutePolicy::MidStream::verified_restart) {
        sent_ += text;
    }
}

bool AnswerRelay::end() {
    if (state_ == State::catching && matched_ < sent_.size()) {
        return false;
    }
    if (state_ == State::holding || !kept_.empty()) {
        has_left_ = true;
    }
    return true;
}

std::vector<AnswerRelay::Piece> AnswerRelay::take_kept() {
    kept_bytes_ = 0;
    auto pieces = std::exchange(kept_, {});
    if (!pieces.empty() && first_chunk_.empty()) {
        first_chunk_ = pieces.front().json;
    }
    return pieces;
}

/// The chunk with other text, under the answer's first id: clients take a stream for one completion.
std::string AnswerRelay::remake(std::string_view json, std::string_view text) const {
    boost::json::error_code ec;
    auto chunk = boost::json::parse(json, ec);
    auto* members = ec ? nullptr : chunk.if_object();
    if (members == nullptr) {
        return std::string(json);
    }
    const auto first = boost::json::parse(first_chunk_, ec);
    if (const auto* from = ec ? nullptr : first.if_object()) {
        for (const auto* name : {"id", "created"}) {
            if (const auto* value = from->if_contains(name)) {
                (*members)[name] = *value;
            }
        }
    }
    auto* choices = members->if_contains("choices");
    if (choices != nullptr && choices->is_array() && !choices->get_array().empty() && !text.empty()) {
        auto* choice = choices->get_array().front().if_object();
        auto* delta = choice == nullptr ? nullptr : choice->if_contains("delta");
        if (delta != nullptr && delta->is_object()) {
            delta->get_object()["content"] = boost::json::string_view(text.data(), text.size());
        }
    }
    return boost::json::serialize(chunk);
}

}  // namespace eco2::routing
