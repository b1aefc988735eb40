#include "routing/accounting.hpp"

namespace eco2::routing {

bool glob_matches(std::string_view glob, std::string_view text) noexcept {
    std::size_t in_glob = 0;
    std::size_t in_text = 0;
    std::size_t star = std::string_view::npos;
    std::size_t star_text = 0;
    while (in_text < text.size()) {
        if (in_glob < glob.size() && glob[in_glob] == '*') {
            star = in_glob++;
            star_text = in_text;
        } else if (in_glob < glob.size() && glob[in_glob] == text[in_text]) {
            ++in_glob;
            ++in_text;
        } else if (star != std::string_view::npos) {
            // Only the last star needs to take more: an earlier one that took more would find nothing new.
            in_glob = star + 1;
            in_text = ++star_text;
        } else {
            return false;
        }
    }
    return glob.find_first_not_of('*', in_glob) == std::string_view::npos;
}

}  // namespace eco2::routing
