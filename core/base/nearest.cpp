#include "base/nearest.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace eco2 {
namespace {

constexpr std::size_t kWordBytesMax = 64;  // the distance costs the product of both lengths

std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    if (word.size() > kWordBytesMax) {
        return best;
    }
    for (const auto& candidate : candidates) {
        const bool is_beginning = word.size() >= 3 && (candidate.starts_with(word) || word.starts_with(candidate));
        const std::size_t d = is_beginning ? 1 : distance(word, candidate);
        if (d < best_distance) {
            best = candidate;
            best_distance = d;
        }
    }
    return best;
}

}  // namespace eco2
