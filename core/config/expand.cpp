#include "config/expand.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

namespace eco2::config {
namespace {

bool is_name(std::string_view name) {
    return !name.empty() && (name.front() < '0' || name.front() > '9') && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
}

bool names_a_secret(std::string_view name) {
    static constexpr std::array<std::string_view, 4> kEndings = {"_KEY", "_TOKEN", "_SECRET", "_PASSWORD"};
    return std::any_of(kEndings.begin(), kEndings.end(), [name](std::string_view ending) { return name.ends_with(ending); });
}

struct Reference {
    std::string_view name;
    std::optional<std::string_view> fallback;
};

Reference parse_reference(std::string_view inside) {
    const auto cut = inside.find(":-");
    if (cut == std::string_view::npos) {
        return {inside, std::nullopt};
    }
    return {inside.substr(0, cut), inside.substr(cut + 2)};
}

/// Appends the value of one reference; returns what is wrong with it, or nothing.
std::string append_value(std::string& out, const Reference& reference, const Names& names) {
    const std::string shown = "${" + std::string(reference.name) + "}";
    if (!is_name(reference.name)) {
        return "\"" + shown + "\" is no reference; write ${NAME} or ${NAME:-default}, and $${ for the characters themselves";
    }
    if (const auto own = names.own.find(reference.name); own != names.own.end()) {
        out += own->second;
        return {};
    }
    if (names_a_secret(reference.name)) {
        return shown + " names a secret, which has no place in a value; use keys = [{ id = \"main\", env = \"" +
               std::string(reference.name) + "\" }] or secrets of the plugin";
    }
    auto value = names.environment != nullptr ? (*names.environment)(reference.name) : std::nullopt;
    if (value && (!value->empty() || !reference.fallback)) {
        out += *value;
        return {};
    }
    if (!reference.fallback) {
        return "environment variable " + std::string(reference.name) + " is not set; set it, or give a default: ${" +
               std::string(reference.name) + ":-default}";
    }
    out += *reference.fallback;
    return {};
}

}  // namespace

Environment process_environment() {
    return [](std::string_view name) -> std::optional<std::string> {
        const char* value = std::getenv(std::string(name).c_str());
        return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
    };
}

Expanded expand(std::string_view text, const Names& names) {
    Expanded result;
    std::size_t from = 0;
    while (true) {
        const auto start = text.find("${", from);
        if (start == std::string_view::npos) {
            result.text.append(text.substr(from));
            return result;
        }
        if (start > from && text[start - 1] == '$') {
            result.text.append(text.substr(from, start - 1 - from)).append("${");
            from = start + 2;
            continue;
        }
        result.text.append(text.substr(from, start - from));
        const auto end = text.find('}', start);
        if (end == std::string_view::npos) {
            result.problem = "\"${\" without \"}\"; write ${NAME}, and $${ for the characters themselves";
            return result;
        }
        result.problem = append_value(result.text, parse_reference(text.substr(start + 2, end - start - 2)), names);
        if (!result.problem.empty()) {
            return result;
        }
        from = end + 1;
    }
}

}  // namespace eco2::config
