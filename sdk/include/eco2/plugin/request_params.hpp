#pragma once

#include "eco2/plugin/json.hpp"
#include "eco2/plugin/json_text.hpp"
#include "eco2/plugin/upstream_errors.hpp"

#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::plugin {
inline namespace draft_2 {

/// Writes `,"name":value` unless the value is negative or no number, which stands for the upstream's default; then `name` is
/// one of `taken`. Lifetime: of `name`, as long as `taken`'s.
inline void append_number_param(std::string& out, std::string_view name, double value, std::vector<std::string_view>& taken) {
    if (value >= 0 && std::isfinite(value)) {
        out += ",\"";
        out += name;
        out += "\":";
        append_json_number(out, value);
        taken.emplace_back(name);
    }
}

/// Puts the members of the JSON object `params` into `out`, a JSON object that is being written and has members already.
///
/// A key that the dialect writes itself is refused: which of two equal keys counts is every server's own choice.
/// Errors: class caller_fault (no JSON object, or one of `taken` in it). Blank params are none.
inline Result<void> append_params(std::string& out, std::string_view params, std::span<const std::string_view> taken) {
    constexpr std::string_view kBlank = " \t\r\n";
    const std::size_t first = params.find_first_not_of(kBlank);
    if (first == std::string_view::npos) {
        return {};
    }
    params = params.substr(first, params.find_last_not_of(kBlank) - first + 1);
    JsonDocument<> document;
    const boost::json::object* const members = document.parse(params) ? document.value().if_object() : nullptr;
    if (members == nullptr) {
        return caller_fault("params must be a JSON object");
    }
    for (const std::string_view key : taken) {
        if (members->contains(boost::json::string_view(key.data(), key.size()))) {
            return caller_fault("params may not hold \"" + std::string(key) + "\": the request has a value of its own for it");
        }
    }
    if (!members->empty()) {
        out += ',';
        out += params.substr(1, params.size() - 2);
    }
    return {};
}

}  // namespace draft_2
}  // namespace eco2::plugin
