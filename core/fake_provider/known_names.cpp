#include "fake_provider/known_names.hpp"

#include "base/result.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <numeric>

namespace eco2::fake {
namespace {

constexpr std::size_t kWordBytesMax = 64;  // the distance costs the product of both lengths

std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
        }
    }
    return row.back();
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const std::string_view candidate : candidates) {
        const std::size_t apart = word.size() <= kWordBytesMax ? distance(word, candidate) : best_distance;
        if (apart < best_distance) {
            best = candidate;
            best_distance = apart;
        }
    }
    return best;
}

Error bad_key(std::string_view key, std::string_view expected) {
    return fail(Errc::invalid_field, "\"" + std::string(key) + "\" must be " + std::string(expected));
}

Error unknown_key(std::string_view key, std::string_view what, const std::vector<std::string_view>& known) {
    std::string out = "\"" + shorten(key, kWordBytesMax) + "\" is not a key of " + std::string(what);
    if (const std::string near = nearest(key, known); !near.empty()) {
        return fail(Errc::invalid_field, out + "; did you mean \"" + near + "\"?");
    }
    out += "; known are";
    for (const std::string_view name : known) {
        out += " " + std::string(name);
    }
    return fail(Errc::invalid_field, out);
}

}  // namespace eco2::fake
