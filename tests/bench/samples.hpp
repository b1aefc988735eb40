#pragma once

#include <cstddef>
#include <vector>

namespace eco2::bench {

/// Measured values, all of them kept: percentiles are exact.
///
/// Thread-safety: none.
class Samples {
public:
    void add(double value) { values_.push_back(value); }
    void add(const Samples& other) { values_.insert(values_.end(), other.values_.begin(), other.values_.end()); }
    std::size_t count() const noexcept { return values_.size(); }
    double mean() const;
    double max() const;
    /// The smallest value that at least `percent` of all do not pass; 0 without values.
    double percentile(double percent) const;

private:
    std::vector<double> values_;
};

}  // namespace eco2::bench
