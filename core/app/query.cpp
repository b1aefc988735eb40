#include "app/query.hpp"

#include "base/limits.hpp"

#include <charconv>
#include <string>

namespace eco2::app {
namespace {

template <class Number>
bool read_number(std::string_view text, Number& number) {
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    return ec == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string_view query_value(std::string_view query, std::string_view name) noexcept {
    while (!query.empty()) {
        const auto end = query.find('&');
        const auto pair = query.substr(0, end);
        const auto equals = pair.find('=');
        if (pair.substr(0, equals) == name) {
            return equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
        }
        query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    }
    return {};
}

Result<RunFilter> read_run_filter(std::string_view query) {
    RunFilter filter;
    if (const auto limit = query_value(query, "limit"); !limit.empty()) {
        if (!read_number(limit, filter.count_max) || filter.count_max == 0 || filter.count_max > limits::kRunListMax) {
            return fail(Errc::invalid_field, "limit must be a number from 1 to " + std::to_string(limits::kRunListMax));
        }
    }
    if (const auto before = query_value(query, "before"); !before.empty() && !read_number(before, filter.before_ns)) {
        return fail(Errc::invalid_field, "before must be the next_before of the page before");
    }
    if (const auto status = query_value(query, "status"); !status.empty()) {
        filter.state = status == "processing"  ? RunState::queued
                       : status == "completed" ? RunState::done
                       : status == "failed"    ? RunState::dead
                                               : RunState::cancelled;
        if (filter.state == RunState::cancelled && status != "cancelled") {
            return fail(Errc::invalid_field, "status must be processing, completed, failed or cancelled");
        }
    }
    return filter;
}

}  // namespace eco2::app
