#include "openai/options.hpp"

#include "eco2/plugin/json.hpp"

#include <algorithm>

namespace eco2::openai {

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

std::string query_of(const boost::json::value* query) {
    std::string out;
    const boost::json::object* const pairs = query == nullptr ? nullptr : query->if_object();
    if (pairs == nullptr) {
        return out;
    }
    for (const auto& [name, value] : *pairs) {
        out += out.empty() ? '?' : '&';
        append_url_text(out, {name.data(), name.size()});
        out += '=';
        append_url_text(out, json_text(&value).value_or(""));
    }
    return out;
}

ResponseFormat format_named(std::string_view name) {
    if (name == "json_object") {
        return ResponseFormat::json_object;
    }
    return name == "none" ? ResponseFormat::none : ResponseFormat::json_schema;
}

}  // namespace

void append_url_text(std::string& out, std::string_view text) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    for (const char byte : text) {
        const auto code = static_cast<unsigned char>(byte);
        const bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
                              std::string_view("-._~").find(byte) != std::string_view::npos;
        if (is_plain) {
            out += byte;
        } else {
            out += '%';
            out += kHex[code >> 4];
            out += kHex[code & 15];
        }
    }
}

bool Options::has_own_authorization() const noexcept {
    return std::any_of(extra_headers.begin(), extra_headers.end(), [](const auto& header) {
        return header.first == "authorization" || header.second.find("{eco2:key}") != std::string::npos;
    });
}

Result<Options> read_options(std::string_view config_json) {
    plugin::JsonDocument<> document;
    if (!document.parse(config_json)) {
        return plugin::fail(plugin::Status::invalid_argument, "config", "the configuration is not JSON");
    }
    const boost::json::value* const config = &document.value();
    const auto text = [&](std::string_view name) { return json_text(json_member(config, name)); };

    Options options;
    std::string_view base = text("base_url").value_or("");
    while (base.ends_with('/')) {
        base.remove_suffix(1);
    }
    if (!base.starts_with("https://") && !base.starts_with("http://")) {
        return plugin::fail(plugin::Status::invalid_argument,
                            "config",
                            "base_url must be a URL such as https://api.openai.com/v1, not \"" + std::string(base) + '"');
    }
    if (base.find_first_of("?#") != std::string_view::npos) {
        return plugin::fail(plugin::Status::invalid_argument,
                            "config",
                            "base_url ends before its query; write that as query = { ... }: \"" + std::string(base) + '"');
    }
    options.api = text("api") == "responses" ? Api::responses : Api::chat;
    options.base_url = base;
    options.query = query_of(json_member(config, "query"));
    options.url = options.base_url + (options.api == Api::chat ? "/chat/completions" : "/responses") + options.query;
    options.organization = text("organization").value_or("");
    options.project = text("project").value_or("");
    options.max_tokens_field = text("max_tokens_field").value_or("max_completion_tokens");
    options.response_format = format_named(text("response_format").value_or(""));
    if (const boost::json::value* const usage = json_member(config, "stream_usage")) {
        options.asks_for_usage = usage->is_bool() ? usage->get_bool() : true;
    }
    const boost::json::value* const extra = json_member(config, "extra_headers");
    if (const boost::json::object* const headers = extra == nullptr ? nullptr : extra->if_object()) {
        for (const auto& [name, value] : *headers) {
            options.extra_headers.emplace_back(lower({name.data(), name.size()}), json_text(&value).value_or(""));
        }
    }
    return options;
}

}  // namespace eco2::openai
