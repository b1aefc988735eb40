#pragma once

#include "app/front_answer.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace eco2::app {

/// Answers under way that were asked for with an Idempotency-Key: an equal request joins the one that is there.
///
/// Thread-safety: any thread. Lifetime: shared by its answers.
/// Limits:        limits::kMergedAnswersMax; what comes beyond goes alone.
class FrontMerge : public std::enable_shared_from_this<FrontMerge> {
public:
    /// `who` is the caller with its key, `what` the request's hash.
    /// The answer that is under way; null: there is none. Errors: idempotency_conflict (another request has the key).
    Result<std::shared_ptr<FrontAnswer>> find(const std::string& who, const std::string& what);

    /// False: there are too many, or an equal one came in between; the answer is then nobody else's.
    bool add(const std::string& who, const std::string& what, const std::shared_ptr<FrontAnswer>& answer);

    std::size_t size() const;

private:
    struct Entry {
        std::string what;
        std::weak_ptr<FrontAnswer> answer;
    };

    void remove(const std::string& who, const FrontAnswer* answer);

    mutable std::mutex mutex_;  // guards entries_
    std::unordered_map<std::string, Entry> entries_;
};

}  // namespace eco2::app
