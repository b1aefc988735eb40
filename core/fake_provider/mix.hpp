#pragma once

#include "base/result.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace eco2::fake {

struct Behaviour;

/// Faults by share: each request draws one, or none. The same seed and request number draw the same.
///
/// Thread-safety: distinct objects.
class FaultMix {
public:
    /// What request `number` draws; null: none. Lifetime: the mix's.
    const Behaviour* draw(std::uint64_t number) const;

private:
    friend Result<FaultMix> read_mix(const boost::json::object& json, double fault_scale);
    struct Entry {
        double up_to = 0;  // sum of the shares so far
        std::shared_ptr<const Behaviour> behaviour;
    };
    std::vector<Entry> entries_;
    std::uint64_t seed_ = 1;
};

/// {"NAME":0.05, …, "seed":7}. NAME is that of a fault model without its "fault-", of a fault, or a status; in place of the
/// share may stand {"share":0.05, …} with keys of a behaviour. `fault_scale` multiplies the fault models' times. Errors:
/// invalid_field; the shares must not sum to more than 1.
Result<FaultMix> read_mix(const boost::json::object& json, double fault_scale = 1);

}  // namespace eco2::fake
