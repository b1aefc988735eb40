#pragma once

#include "model/calls.hpp"

#include <cstddef>
#include <string>
#include <unordered_set>

namespace eco2::store {

/// Remembers which grants are durable, so that asking again costs no write. Forgets the older half when full: a forgotten grant
/// is written again and meets the file's own uniqueness.
///
/// Thread-safety: none.
/// Limits:        `max` keys; a key is at most two grant fields long.
class KnownGrants {
public:
    using Keys = std::unordered_set<std::string>;

    explicit KnownGrants(std::size_t max);

    /// Distinct for every pair of user and code.
    static std::string key_of(const Grant& grant);

    bool contains(const std::string& key) const;
    std::size_t size() const noexcept;

    /// What is forgotten is handed back: freeing 50,000 strings takes milliseconds that a lock should not see.
    [[nodiscard]] Keys add(std::string key);
    /// Everything: what was deleted from the file must be written again when it is earned again.
    void clear();

private:
    std::size_t half_;
    Keys young_;
    Keys old_;
};

}  // namespace eco2::store
