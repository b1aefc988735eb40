#include "fake_provider/batch_requests.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "fake_provider/batch_line.hpp"
#include "protocol/multipart.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace eco2::fake {
namespace {

namespace json = boost::json;

constexpr std::size_t kMetadataPairsMax = 16;
constexpr std::size_t kMetadataKeyMax = 64;
constexpr std::size_t kMetadataValueMax = 512;
constexpr std::int64_t kLifeSecondsMin = 3'600;
constexpr std::int64_t kLifeSecondsMax = 2'592'000;  // 30 days, which is also how long a batch's input is kept

ApiFault bad(std::string param, std::string code, std::string message) {
    return {400, std::move(message), "invalid_request_error", std::move(param), std::move(code)};
}

ApiFault missing(std::string_view name) {
    return bad(std::string(name), "missing_required_parameter", "Missing required parameter: '" + std::string(name) + "'.");
}

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::optional<std::string> text_at(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) {
        return std::nullopt;
    }
    return std::string(value->get_string().data(), value->get_string().size());
}

ApiFault too_long(const std::string& param, std::size_t max, std::size_t has) {
    return bad(param,
               "string_above_max_length",
               "Invalid '" + param + "': string too long. Expected a string with maximum length " + std::to_string(max) +
                   ", but got a string with length " + std::to_string(has) + " instead.");
}

std::optional<ApiFault> read_metadata(BatchOrder& out, const json::value& value) {
    if (value.is_null()) {
        return std::nullopt;
    }
    if (!value.is_object()) {
        return bad("metadata", "invalid_type", "Invalid type for 'metadata': expected an object of strings.");
    }
    const json::object& object = value.get_object();
    if (object.size() > kMetadataPairsMax) {
        return bad("metadata",
                   "object_above_max_properties",
                   "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got an object "
                   "with " +
                       std::to_string(object.size()) + " properties instead.");
    }
    out.metadata.emplace();
    for (const auto& [name, text] : object) {
        const std::string key(name);
        const std::string param = "metadata." + shorten(key, limits::kFakeNameBytesMax);
        if (characters(key) > kMetadataKeyMax) {
            return too_long(param, kMetadataKeyMax, characters(key));
        }
        if (!text.is_string()) {
            return bad(param, "invalid_type", "Invalid type for '" + param + "': expected a string.");
        }
        std::string content(text.get_string().data(), text.get_string().size());
        if (characters(content) > kMetadataValueMax) {
            return too_long(param, kMetadataValueMax, characters(content));
        }
        out.metadata->emplace_back(key, std::move(content));
    }
    return std::nullopt;
}

ApiFault bad_life(const std::string& name) {
    return bad(name,
               "invalid_value",
               "Invalid '" + name + "': expected anchor 'created_at' and seconds from " + std::to_string(kLifeSecondsMin) +
                   " to " + std::to_string(kLifeSecondsMax) + ".");
}

bool is_life(std::int64_t seconds) {
    return seconds >= kLifeSecondsMin && seconds <= kLifeSecondsMax;
}

std::optional<ApiFault> read_output_life(BatchOrder& out, const json::value& value) {
    if (value.is_null()) {
        return std::nullopt;
    }
    const json::object* object = value.if_object();
    const json::value* seconds = object != nullptr ? object->if_contains("seconds") : nullptr;
    if (seconds == nullptr || !seconds->is_int64() || !is_life(seconds->get_int64()) ||
        text_at(*object, "anchor") != "created_at") {
        return bad_life("output_expires_after");
    }
    out.output_life_seconds = seconds->get_int64();
    return std::nullopt;
}

template <class Int>
bool read_number(Int& out, std::string_view text) {
    const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
    return !text.empty() && read.ec == std::errc() && read.ptr == text.data() + text.size();
}

}  // namespace

std::variant<BatchOrder, ApiFault> read_batch_order(std::string_view body) {
    json::error_code ec;
    const json::value root = json::parse(body, ec, {}, {.max_depth = limits::kJsonDepthMax});
    if (ec || !root.is_object()) {
        return bad("", "", "We could not parse the JSON body of your request. The API expects a JSON object.");
    }
    const json::object& object = root.get_object();
    BatchOrder out;
    const std::optional<std::string> input = text_at(object, "input_file_id");
    if (!input || input->empty()) {
        return missing("input_file_id");
    }
    out.input_file_id = *input;
    const std::optional<std::string> endpoint = text_at(object, "endpoint");
    if (!endpoint) {
        return missing("endpoint");
    }
    const std::optional<Dialect> dialect = dialect_of_endpoint(*endpoint);
    if (!dialect) {
        return bad("endpoint",
                   "invalid_value",
                   "Invalid value: '" + shorten(*endpoint, limits::kFakeNameBytesMax) +
                       "'. Supported values are: " + std::string(batch_endpoints()) + ".");
    }
    out.endpoint = *endpoint;
    out.dialect = *dialect;
    const std::optional<std::string> window = text_at(object, "completion_window");
    if (!window) {
        return missing("completion_window");
    }
    if (*window != "24h") {
        return bad("completion_window",
                   "invalid_value",
                   "Invalid value: '" + shorten(*window, limits::kFakeNameBytesMax) + "'. Supported values are: '24h'.");
    }
    if (const json::value* metadata = object.if_contains("metadata")) {
        if (std::optional<ApiFault> fault = read_metadata(out, *metadata)) {
            return *std::move(fault);
        }
    }
    if (const json::value* life = object.if_contains("output_expires_after")) {
        if (std::optional<ApiFault> fault = read_output_life(out, *life)) {
            return *std::move(fault);
        }
    }
    return out;
}

std::variant<Upload, ApiFault> read_upload(std::string_view body, std::string_view content_type) {
    const Result<std::vector<FormPart>> form = parse_form(body, content_type);
    if (!form) {
        return bad("", "", "The body must be multipart/form-data with purpose and file: " + form.error().text());
    }
    const auto part = [&form](std::string_view name) -> const FormPart* {
        const auto found = std::find_if(form->begin(), form->end(), [name](const FormPart& each) { return each.name == name; });
        return found == form->end() ? nullptr : &*found;
    };
    const FormPart* purpose = part("purpose");
    const FormPart* file = part("file");
    if (purpose == nullptr || file == nullptr) {
        return missing(purpose == nullptr ? "purpose" : "file");
    }
    if (purpose->body != "batch") {
        return bad("purpose",
                   "invalid_value",
                   "'" + shorten(purpose->body, limits::kFakeNameBytesMax) +
                       "' is not one of ['batch'] - 'purpose': the fake keeps files for batches only.");
    }
    Upload out{file->body, shorten(file->file_name, limits::kFakeNameBytesMax), kLifeSecondsMax};
    if (!out.file_name.ends_with(".jsonl")) {
        return bad("file", "", "Invalid file format for Batch API. Must be .jsonl");
    }
    const FormPart* anchor = part("expires_after[anchor]");
    const FormPart* seconds = part("expires_after[seconds]");
    if (anchor != nullptr || seconds != nullptr) {
        const bool is_good = anchor != nullptr && seconds != nullptr && anchor->body == "created_at" &&
                             read_number(out.life_seconds, seconds->body) && is_life(out.life_seconds);
        if (!is_good) {
            return bad_life("expires_after");
        }
    }
    return out;
}

std::variant<Page, ApiFault> read_page(std::string_view query, std::size_t limit_default, std::size_t limit_max) {
    Page out;
    out.limit = limit_default;
    out.after = query_value(query, "after").value_or("");
    out.purpose = query_value(query, "purpose").value_or("");
    const std::string_view order = query_value(query, "order").value_or("desc");
    if (order != "asc" && order != "desc") {
        return bad("order", "invalid_value", "Invalid 'order': expected 'asc' or 'desc'.");
    }
    out.is_ascending = order == "asc";
    const std::optional<std::string_view> limit = query_value(query, "limit");
    if (limit && (!read_number(out.limit, *limit) || out.limit < 1 || out.limit > limit_max)) {
        return bad(
            "limit", "invalid_value", "Invalid 'limit': expected an integer from 1 to " + std::to_string(limit_max) + ".");
    }
    return out;
}

std::optional<std::string_view> query_value(std::string_view query, std::string_view name) noexcept {
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(pair.size() + 1, query.size()));
        if (pair.substr(0, pair.find('=')) == name && pair.size() > name.size()) {
            return pair.substr(name.size() + 1);
        }
    }
    return std::nullopt;
}

std::optional<ByteRange> read_range(std::string_view header, std::int64_t bytes) {
    constexpr std::string_view kUnit = "bytes=";
    const std::size_t dash = header.find('-');
    // Several ranges, or another unit: the whole is a right answer too.
    if (!header.starts_with(kUnit) || dash == std::string_view::npos || header.find(',') != std::string_view::npos) {
        return ByteRange{0, bytes, false};
    }
    const std::string_view from = header.substr(kUnit.size(), dash - kUnit.size());
    const std::string_view to = header.substr(dash + 1);
    ByteRange out{0, bytes, true};
    std::int64_t last = 0;
    if (from.empty()) {
        if (!read_number(last, to) || last <= 0) {
            return std::nullopt;
        }
        out.begin = std::max<std::int64_t>(bytes - last, 0);
    } else {
        if (!read_number(out.begin, from) || (!to.empty() && !read_number(last, to))) {
            return std::nullopt;
        }
        out.end = to.empty() || last >= bytes ? bytes : last + 1;
    }
    return out.begin < out.end ? std::optional(out) : std::nullopt;
}

}  // namespace eco2::fake
