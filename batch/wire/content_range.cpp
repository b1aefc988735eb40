#include "batch/wire/content_range.hpp"

#include "base/text.hpp"

#include <charconv>

namespace eco2::batch {
namespace {

bool read_number(std::string_view text, std::int64_t& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size() && out >= 0;
}

}  // namespace

std::optional<ContentRange> parse_content_range(std::string_view value) {
    value = trim(value);
    if (to_lower_ascii(value.substr(0, 5)) != "bytes" || value.size() < 6 || value[5] != ' ') {
        return std::nullopt;
    }
    value = trim(value.substr(6));
    const std::size_t slash = value.find('/');
    if (slash == value.npos) {
        return std::nullopt;
    }
    const std::string_view range = value.substr(0, slash);
    const std::string_view total = value.substr(slash + 1);
    ContentRange out;
    if (total != "*" && !read_number(total, out.total)) {
        return std::nullopt;
    }
    if (range == "*") {
        return out.total >= 0 ? std::optional(out) : std::nullopt;
    }
    const std::size_t dash = range.find('-');
    const bool is_read = dash != range.npos && read_number(range.substr(0, dash), out.first) &&
                         read_number(range.substr(dash + 1), out.last) && out.first <= out.last &&
                         (out.total < 0 || out.last < out.total);
    return is_read ? std::optional(out) : std::nullopt;
}

}  // namespace eco2::batch
