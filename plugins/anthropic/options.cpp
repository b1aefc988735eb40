#include "anthropic/options.hpp"

#include "eco2/plugin/json.hpp"

#include <algorithm>

namespace eco2::anthropic {

using plugin::json_member;
using plugin::json_text;
using plugin::Result;

namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](char byte) {
        return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
    });
    return out;
}

SchemaBy schema_by_named(std::string_view name) {
    if (name == "tool") {
        return SchemaBy::tool;
    }
    return name == "none" ? SchemaBy::none : SchemaBy::format;
}

}  // namespace

bool Options::has_own_key_header() const noexcept {
    return std::any_of(extra_headers.begin(), extra_headers.end(), [](const auto& header) {
        return header.second.find("{eco2:key}") != std::string::npos;
    });
}

Result<Options> read_options(std::string_view config_json) {
    plugin::JsonDocument<> document;
    if (!document.parse(config_json)) {
        return plugin::fail(plugin::Status::invalid_argument, "config", "the configuration is not JSON");
    }
    const boost::json::value* const config = &document.value();
    std::string_view base = json_text(json_member(config, "base_url")).value_or("");
    while (base.ends_with('/')) {
        base.remove_suffix(1);
    }
    const bool is_url = base.starts_with("https://") || base.starts_with("http://");
    if (!is_url || base.find_first_of("?#") != std::string_view::npos) {
        return plugin::fail(plugin::Status::invalid_argument,
                            "config",
                            "base_url must be a URL such as https://api.anthropic.com/v1, not \"" + std::string(base) + '"');
    }
    Options options;
    options.url = std::string(base) + "/messages";
    options.version = json_text(json_member(config, "version")).value_or("2023-06-01");
    options.schema_by = schema_by_named(json_text(json_member(config, "schema_by")).value_or(""));
    options.max_tokens = plugin::json_integer(json_member(config, "max_tokens")).value_or(options.max_tokens);
    const boost::json::value* const extra = json_member(config, "extra_headers");
    if (const boost::json::object* const headers = extra == nullptr ? nullptr : extra->if_object()) {
        for (const auto& [name, value] : *headers) {
            options.extra_headers.emplace_back(lower({name.data(), name.size()}), json_text(&value).value_or(""));
        }
    }
    return options;
}

}  // namespace eco2::anthropic
