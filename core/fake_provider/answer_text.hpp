#pragma once

#include "fake_provider/chat_request.hpp"
#include "fake_provider/fake_options.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::fake {

/// The text of an honest (and made-up) answer. `number` is the request's, for ClassPick::round_robin.
std::string answer_text(const ChatRequest& request, const Answers& answers, std::uint64_t number);

/// JSON that is outside every schema we know.
std::string answer_outside_schema();

/// A vision answer that names a class which does not exist.
std::string answer_outside_taxonomy(const ChatRequest& request);

/// `text` cut into at most `pieces_max` pieces of about one token each or more, between characters. Lifetime: views into
/// `text`.
std::vector<std::string_view> cut_into_pieces(std::string_view text, std::size_t pieces_max);

}  // namespace eco2::fake
