#include "app/front_merge.hpp"

#include "base/limits.hpp"

#include <utility>

namespace eco2::app {

Result<std::shared_ptr<FrontAnswer>> FrontMerge::find(const std::string& who, const std::string& what) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(who);
    auto answer = found == entries_.end() ? nullptr : found->second.answer.lock();
    if (answer == nullptr) {
        return std::shared_ptr<FrontAnswer>();
    }
    if (found->second.what != what) {
        return fail(Errc::idempotency_conflict,
                    "another request with this Idempotency-Key is under way; take a new key or send the same body");
    }
    return answer;
}

bool FrontMerge::add(const std::string& who, const std::string& what, const std::shared_ptr<FrontAnswer>& answer) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(who);
        const bool is_taken = found != entries_.end() && !found->second.answer.expired();
        if (is_taken || (found == entries_.end() && entries_.size() >= limits::kMergedAnswersMax)) {
            return false;
        }
        entries_[who] = {what, answer};
    }
    answer->set_on_over([self = shared_from_this(), who, raw = answer.get()] { self->remove(who, raw); });
    return true;
}

void FrontMerge::remove(const std::string& who, const FrontAnswer* answer) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(who);
    if (found == entries_.end()) {
        return;
    }
    // Its place may have been taken by a later one.
    const auto current = found->second.answer.lock();
    if (current == nullptr || current.get() == answer) {
        entries_.erase(found);
    }
}

std::size_t FrontMerge::size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

}  // namespace eco2::app
