#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace eco2::routing {

/// The order of requests that wait for one target: callers take turns however many requests each has, one caller's come in
/// the order in which they joined (round robin).
///
/// Thread-safety: none.
/// Cost:          logarithmic, and a move of what stands behind.
class FairQueue {
public:
    /// Who waits; owned by whoever joined, who leaves before it goes.
    struct Entry {
        std::string caller;
        std::int64_t tokens = 0;  // that it wants, as told last

    private:
        friend class FairQueue;
        std::uint64_t turn = 0;
        std::uint64_t number = 0;
        bool is_waiting = false;
    };

    /// What those ahead want.
    struct Ahead {
        std::int64_t requests = 0;
        std::int64_t tokens = 0;  // their number times what one of all that wait wants on average
    };

    void join(Entry& entry);
    /// Its turn came: the others' turns count from it.
    void serve(Entry& entry);
    /// Gave up, or was served: then nothing happens.
    void leave(Entry& entry);
    void want(Entry& entry, std::int64_t tokens) noexcept;

    /// Null, or one that does not wait: a newcomer, behind all.
    Ahead ahead_of(const Entry* entry) const noexcept;
    bool has(const Entry& entry) const noexcept { return entry.is_waiting; }
    std::size_t size() const noexcept { return waiting_.size(); }
    std::size_t callers() const noexcept { return callers_.size(); }

private:
    struct Caller {
        std::uint64_t next_turn = 0;
        std::size_t waiting = 0;
    };
    using Place = std::vector<Entry*>::const_iterator;

    Place place_of(const Entry& entry) const noexcept;
    void remove(Entry& entry);

    std::vector<Entry*> waiting_;                      // by turn, then number
    std::unordered_map<std::string, Caller> callers_;  // of those that wait
    std::uint64_t now_turn_ = 0;                       // of who was served last
    std::uint64_t last_number_ = 0;
    std::int64_t tokens_ = 0;
};

}  // namespace eco2::routing
