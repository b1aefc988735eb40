#include "openai_batch/options.hpp"

#include "eco2/plugin/json.hpp"
#include "eco2/plugin/json_text.hpp"
#include "eco2/wire/duration.hpp"

#include <optional>
#include <utility>

namespace eco2::openai_batch {

using plugin::json_member;
using plugin::json_text;
using plugin::Result;

namespace {

/// "24h" as Go has it, and "7d", which some providers take.
std::optional<std::int64_t> seconds_of(std::string_view window) {
    const bool is_in_days = window.ends_with('d');
    const std::string hours = is_in_days ? std::string(window.substr(0, window.size() - 1)) + 'h' : std::string(window);
    const auto ms = wire::parse_duration_ms(hours);
    return ms && *ms > 0 ? std::optional(*ms / 1'000 * (is_in_days ? 24 : 1)) : std::nullopt;
}

}  // namespace

Result<Options> read_options(std::string_view config_json) {
    Result<openai::Options> live = openai::read_options(config_json);
    if (!live) {
        return std::move(live).error();
    }
    Options options;
    options.live = *std::move(live);
    plugin::JsonDocument<> document;
    document.parse(config_json);  // it was JSON a moment ago
    const boost::json::value* const config = &document.value();
    const auto read_number = [&](std::string_view name, std::int64_t& to) {
        to = plugin::json_integer(json_member(config, name)).value_or(to);
    };
    const auto read_flag = [&](std::string_view name, bool& to) {
        const boost::json::value* const flag = json_member(config, name);
        to = flag != nullptr && flag->is_bool() ? flag->get_bool() : to;
    };
    const std::string_view usual = options.live.api == openai::Api::chat ? "/v1/chat/completions" : "/v1/responses";
    options.endpoint = json_text(json_member(config, "endpoint")).value_or(usual);
    options.completion_window = json_text(json_member(config, "completion_window")).value_or(options.completion_window);
    const auto window_s = seconds_of(options.completion_window);
    if (!window_s) {
        return plugin::fail(plugin::Status::invalid_argument,
                            "config",
                            "completion_window must be a time such as 24h or 7d, not \"" + options.completion_window + '"');
    }
    options.window_s = *window_s;
    read_number("files_expire_s", options.files_expire_s);
    read_number("requests_max", options.requests_max);
    read_number("file_bytes_max", options.file_bytes_max);
    read_number("line_bytes_max", options.line_bytes_max);
    read_number("enqueued_tokens_max", options.enqueued_tokens_max);
    read_number("creations_per_hour_max", options.creations_per_hour_max);
    read_number("results_kept_s", options.results_kept_s);
    if (const boost::json::value* const factor = json_member(config, "price_factor"); factor != nullptr) {
        options.price_factor = factor->is_number() ? factor->to_number<double>() : options.price_factor;
    }
    options.expiry = json_text(json_member(config, "expiry")).value_or(options.expiry);
    read_flag("image_bytes", options.takes_image_bytes);
    read_flag("image_urls", options.takes_image_urls);
    read_flag("metadata", options.has_metadata);
    return options;
}

std::string capabilities_json(const Options& options) {
    std::string out = R"({"endpoint":)";
    plugin::append_json_quoted(out, options.endpoint);
    const auto number = [&](std::string_view name, auto value) {
        out += ",\"";
        out += name;
        out += "\":";
        plugin::append_json_number(out, value);
    };
    const auto flag = [&](std::string_view name, bool value) {
        out += ",\"";
        out += name;
        out += value ? "\":true" : "\":false";
    };
    number("requests_max", options.requests_max);
    number("file_bytes_max", options.file_bytes_max);
    number("line_bytes_max", options.line_bytes_max);
    number("enqueued_tokens_max", options.enqueued_tokens_max);
    number("creations_per_hour_max", options.creations_per_hour_max);
    number("price_factor", options.price_factor);
    number("window_s", options.window_s);
    out += R"(,"expiry":)";
    plugin::append_json_quoted(out, options.expiry);
    number("results_kept_s", options.results_kept_s);
    flag("tag", options.has_metadata);
    flag("list", true);
    flag("cancel", true);
    flag("delete_files", true);
    flag("image_bytes", options.takes_image_bytes);
    flag("image_urls", options.takes_image_urls);
    out += '}';
    return out;
}

}  // namespace eco2::openai_batch
