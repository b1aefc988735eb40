#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace eco2::batch {

/// The hard cap of a job, in picousd: reserved + booked <= cap, always.
///
/// Before a shard may cost anything its worst case is reserved. What its results used is booked out of its reservation, line by
/// line. Nothing but `release` frees the rest: of a shard whose submission is unclear everything stays reserved until somebody
/// knows what became of it. After a restart the machine first reserves again for all shards that are not settled, then books
/// again what its store says; that fits, since it fitted before.
///
/// Thread-safety: none.
class Budget {
public:
    /// 0: no cap.
    explicit Budget(std::int64_t cap_picousd = 0) noexcept;

    /// Makes the shard's reservation `worst`, of which what it has booked already is a part; asking again is no second
    /// reservation.
    ///
    /// Errors: budget_exceeded: it does not fit; says how much is missing. Nothing has changed then.
    ///         invalid_field: a negative amount.
    Result<void> reserve(std::string_view shard, std::int64_t worst);
    /// How much more room `reserve` would need; 0: it fits.
    std::int64_t missing(std::string_view shard, std::int64_t worst) const noexcept;

    /// What a line has used. The provider has charged it: it is never refused. What is beyond the shard's reservation is taken
    /// from what is free, and beyond that counted as `overrun`, which says that a worst case was too small.
    void book(std::string_view shard, std::int64_t used);

    /// The shard is settled, or proven not to exist.
    void release(std::string_view shard);

    /// Errors: budget_exceeded: less than reserved + booked.
    Result<void> set_cap(std::int64_t cap_picousd);

    std::int64_t cap() const noexcept { return cap_; }  ///< 0: none
    std::int64_t reserved() const noexcept { return reserved_; }
    std::int64_t reserved(std::string_view shard) const noexcept;
    std::int64_t booked() const noexcept { return booked_; }
    /// Spent beyond the cap: booked() + overrun() was spent. Nothing is free then.
    std::int64_t overrun() const noexcept { return overrun_; }
    std::int64_t free() const noexcept;

private:
    struct Share {
        std::int64_t reserved = 0;
        std::int64_t booked = 0;
    };
    std::int64_t limit() const noexcept;
    void absorb() noexcept;

    std::int64_t cap_ = 0;
    std::int64_t reserved_ = 0;
    std::int64_t booked_ = 0;
    std::int64_t overrun_ = 0;
    std::map<std::string, Share, std::less<>> shards_;  // that hold a reservation
};

}  // namespace eco2::batch
