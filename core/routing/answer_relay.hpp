#pragma once

#include "model/calls.hpp"
#include "model/route_definition.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::routing {

/// Decides which pieces of the attempts of one request reach its asker, so that he sees one answer.
///
///   start-up  -> events without content are kept until the first content: a late error can still fail over
///   live      -> pieces pass as they are
///   holding   -> everything is kept until the answer is whole
///   catching  -> after a restart: what equals the text already sent is dropped, the first different byte is a divergence
///
/// Thread-safety: none. Limits: limits::kHeldChunksMax and kHeldBytesMax of start-up events, what is beyond is dropped; what is
/// held or remembered is bounded by the call's own limit on its text.
class AnswerRelay {
public:
    enum class Take {
        keep,     // nothing passes now
        pass,     // what `kept` holds, then the piece as it is
        rest,     // the piece is `rest_text` alone; of a chat chunk: `remade_chunk`
        diverged  // it contradicts what has been sent
    };

    AnswerRelay(RoutePolicy::MidStream policy, bool holds) : policy_(policy), holds_(holds) {}

    /// An attempt begins.
    void begin();

    Take text(std::string_view text);
    Take chat(std::string_view text, std::string_view json, bool has_more);
    Take tool(std::string_view json);

    /// The attempt has ended well. False: its answer is shorter than what has been sent.
    bool end();

    struct Piece {
        enum class Kind { text, chat, tool };
        Kind kind = Kind::text;
        std::string text;
        std::string json;
        bool has_more = false;
    };
    /// What was kept and passes now, in order; empty afterwards.
    std::vector<Piece> take_kept();
    std::string_view rest_text() const noexcept { return rest_; }
    const std::string& remade_chunk() const noexcept { return remade_; }

    bool has_left() const noexcept { return has_left_; }
    /// Whether another attempt could make whole what has left.
    bool can_restart() const noexcept { return !has_left_ || (!has_more_left_ && policy_ != RoutePolicy::MidStream::give_up); }
    /// The asker has been told that what has left is void.
    void forget();

private:
    enum class State { start_up, live, holding, catching };

    Take kept(Piece piece);
    Take catch_up(std::string_view text);
    void note_sent(std::string_view text);
    std::string remake(std::string_view json, std::string_view text) const;

    const RoutePolicy::MidStream policy_;
    const bool holds_;
    State state_ = State::start_up;
    std::vector<Piece> kept_;
    std::size_t kept_bytes_ = 0;
    std::string sent_;           // text that has left, for a verified restart
    std::string first_chunk_;    // of a chat answer, for its id
    std::size_t matched_ = 0;    // of sent_, by the restarted answer
    bool is_restarted_ = false;  // chat chunks are given the first one's id
    bool has_left_ = false;
    bool has_more_left_ = false;  // content that is no text of the first choice
    std::string_view rest_;
    std::string remade_;
};

}  // namespace eco2::routing
