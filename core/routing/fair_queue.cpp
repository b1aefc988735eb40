#include "routing/fair_queue.hpp"

#include <algorithm>
#include <tuple>

namespace eco2::routing {

void FairQueue::join(Entry& entry) {
    auto& caller = callers_[entry.caller];
    // Behind the round that is being served, whoever it is: newcomers, however many, keep nobody from a second turn.
    entry.turn = std::max(caller.next_turn, now_turn_ + 1);
    entry.number = ++last_number_;
    entry.is_waiting = true;
    caller.next_turn = entry.turn + 1;
    ++caller.waiting;
    tokens_ += entry.tokens;
    waiting_.insert(place_of(entry), &entry);
}

void FairQueue::serve(Entry& entry) {
    if (entry.is_waiting) {
        now_turn_ = std::max(now_turn_, entry.turn);
        remove(entry);
    }
}

void FairQueue::leave(Entry& entry) {
    if (entry.is_waiting) {
        remove(entry);
    }
}

void FairQueue::want(Entry& entry, std::int64_t tokens) noexcept {
    if (entry.is_waiting) {
        tokens_ += tokens - entry.tokens;
    }
    entry.tokens = tokens;
}

FairQueue::Ahead FairQueue::ahead_of(const Entry* entry) const noexcept {
    if (waiting_.empty()) {
        return {};
    }
    const bool is_newcomer = entry == nullptr || !entry->is_waiting;
    const auto requests = is_newcomer ? static_cast<std::int64_t>(waiting_.size()) : place_of(*entry) - waiting_.begin();
    return {requests, tokens_ / static_cast<std::int64_t>(waiting_.size()) * requests};
}

FairQueue::Place FairQueue::place_of(const Entry& entry) const noexcept {
    return std::lower_bound(waiting_.begin(), waiting_.end(), &entry, [](const Entry* left, const Entry* right) {
        return std::tie(left->turn, left->number) < std::tie(right->turn, right->number);
    });
}

void FairQueue::remove(Entry& entry) {
    waiting_.erase(place_of(entry));
    tokens_ -= entry.tokens;
    entry.is_waiting = false;
    const auto caller = callers_.find(entry.caller);
    // The last turn is given back where it was not used: who gives up has had nothing.
    if (caller->second.next_turn == entry.turn + 1 && entry.turn > now_turn_) {
        caller->second.next_turn = entry.turn;
    }
    if (--caller->second.waiting == 0) {
        callers_.erase(caller);
    }
}

}  // namespace eco2::routing
