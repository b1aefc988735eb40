#pragma once

#include "fake_provider/answer_wire.hpp"
#include "fake_provider/chat_request.hpp"
#include "fake_provider/fake_options.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::fake {

/// The text of an honest (and made-up) answer. `number` is the request's, for ClassPick::round_robin.
std::string answer_text(const ChatRequest& request, const Answers& answers, std::uint64_t number);

/// Whether the answer is plain words: then a token is a word, and `stop` and the most tokens are obeyed.
bool is_plain_text(const ChatRequest& request) noexcept;

/// What the request's `stop` and `tokens_max` leave of a plain answer.
struct Allowed {
    std::string text;
    Ending ending = Ending::stop;
    std::string stop_sequence;  // the one that ended it; empty: none
};
Allowed allowed_text(const ChatRequest& request, std::string text);

/// JSON that is outside every schema we know.
std::string answer_outside_schema();

/// A vision answer that names a class which does not exist.
std::string answer_outside_taxonomy(const ChatRequest& request);

/// `text` cut into at most `pieces_max` pieces of about one token each or more, between characters. Lifetime: views into
/// `text`.
std::vector<std::string_view> cut_into_pieces(std::string_view text, std::size_t pieces_max);
/// `text` cut into words, each with the blanks before it; the last also has those at the end. Lifetime: views into `text`.
std::vector<std::string_view> cut_into_words(std::string_view text);

}  // namespace eco2::fake
