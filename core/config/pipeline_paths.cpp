#include "config/pipeline_paths.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace eco2::config {
namespace {

constexpr std::size_t kStageNameMax = 32;

bool has_whole_parts(std::string_view path) {
    return !path.empty() && path.front() != '.' && path.back() != '.' && path.find("..") == std::string_view::npos &&
           path.find_first_of(" \t\r\n{}") == std::string_view::npos;
}

std::string names(const std::vector<std::string>& stages) {
    std::string out;
    for (const auto& stage : stages) {
        out += (out.empty() ? "" : ", ") + stage;
    }
    return out.empty() ? "none is before this one" : out;
}

}  // namespace

bool is_stage_name(std::string_view name) noexcept {
    const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
    return !name.empty() && name.size() <= kStageNameMax && is_letter(name.front()) &&
           std::all_of(name.begin(), name.end(), [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

void check_path(Problems& problems, const PlacedText& path, const std::vector<std::string>& stages, bool may_be_input) {
    const std::string_view text = path.text;
    const std::string shown = "\"" + shorten(text, 80) + "\"";
    if (!has_whole_parts(text)) {
        problems.add(path.place, path.path, shown + " is no path; must be such as \"vision.classification.major_category\"");
        return;
    }
    const auto root = text.substr(0, text.find('.'));
    if (std::find(stages.begin(), stages.end(), root) != stages.end()) {
        return;
    }
    if (may_be_input && root == "input") {
        if (root.size() == text.size()) {
            problems.add(path.place, path.path, "\"input\" alone is no path; must be such as \"input.user_input\"");
        }
        return;
    }
    problems.add(path.place,
                 path.path,
                 shown + " starts with no " +
                     (may_be_input ? "earlier stage; must start with input. or a stage before this one: "
                                   : "stage; must start with one of: ") +
                     names(stages));
}

}  // namespace eco2::config
