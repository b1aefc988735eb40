#pragma once

#include "model/calls.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace eco2::batch {

/// What requests of one provider cost, in picousd.
///
/// Thread-safety: any thread.
class Pricing {
public:
    virtual ~Pricing() = default;
    virtual bool is_priced(std::string_view model) const = 0;
    /// 0 where no price fits.
    virtual std::int64_t batch(std::string_view model, const Usage& usage) const = 0;
    virtual std::int64_t synchronous(std::string_view model, const Usage& usage) const = 0;
    virtual std::int64_t worst(std::string_view model, std::int64_t input_tokens, std::int64_t output_tokens) const = 0;
    virtual const std::string& version() const = 0;
};

}  // namespace eco2::batch
