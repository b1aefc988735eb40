#include "config/problems.hpp"

#include <algorithm>

namespace eco2::config {
namespace {

constexpr std::size_t kShownMax = 20;

}  // namespace

std::string at(std::string_view file, Place place) {
    std::string out(file);
    if (place.line != 0) {
        out += ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
    }
    return out;
}

void Problems::add(Place place, std::string_view key_path, std::string_view what) {
    std::string text = at(file_, place) + ": ";
    if (!key_path.empty()) {
        text += key_path;
        text += ": ";
    }
    text += what;
    found_.push_back(Found{place, std::move(text)});
}

Error Problems::error() const {
    auto sorted = found_;
    std::stable_sort(sorted.begin(), sorted.end(), [](const Found& a, const Found& b) {
        return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
    });
    std::string all;
    for (std::size_t i = 0; i < std::min(sorted.size(), kShownMax); ++i) {
        all += (i == 0 ? "" : "\n") + sorted[i].text;
    }
    if (sorted.size() > kShownMax) {
        all += "\nand " + std::to_string(sorted.size() - kShownMax) + " more";
    }
    return Error{Errc::config_invalid, std::move(all), -1};
}

}  // namespace eco2::config
