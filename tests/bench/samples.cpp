#include "bench/samples.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace eco2::bench {

double Samples::mean() const {
    return values_.empty() ? 0 : std::accumulate(values_.begin(), values_.end(), 0.0) / static_cast<double>(values_.size());
}

double Samples::max() const {
    return values_.empty() ? 0 : *std::max_element(values_.begin(), values_.end());
}

double Samples::percentile(double percent) const {
    if (values_.empty()) {
        return 0;
    }
    std::vector<double> sorted = values_;
    const double rank = std::ceil(percent / 100.0 * static_cast<double>(sorted.size()));
    const auto index = static_cast<std::size_t>(std::clamp(rank, 1.0, static_cast<double>(sorted.size()))) - 1;
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(index), sorted.end());
    return sorted[index];
}

}  // namespace eco2::bench
