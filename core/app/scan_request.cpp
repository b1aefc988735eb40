#include "app/scan_request.hpp"

#include "base/hash.hpp"
#include "base/limits.hpp"
#include "base/text.hpp"
#include "protocol/multipart.hpp"

#include <boost/json/parse.hpp>

#include <utility>

namespace eco2::app {
namespace {

namespace json = boost::json;

/// The field's text; empty where it is absent or null.
Result<std::string_view> text_field(const json::object& body, std::string_view name) {
    const auto* value = body.if_contains(name);
    if (value == nullptr || value->is_null()) {
        return std::string_view{};
    }
    if (!value->is_string()) {
        return fail(Errc::invalid_field, std::string(name) + " must be a string or null");
    }
    return std::string_view(value->get_string());
}

Result<std::string> decode_data_url(std::string_view url) {
    constexpr std::string_view kScheme = "data:";
    constexpr std::string_view kBase64 = ";base64";
    const auto comma = url.find(',');
    if (!to_lower_ascii(url.substr(0, kScheme.size())).starts_with(kScheme) || comma == std::string_view::npos ||
        !to_lower_ascii(url.substr(0, comma)).ends_with(kBase64)) {
        return fail(Errc::invalid_field, "image must be a data URL: data:image/jpeg;base64,...");
    }
    auto bytes = base64_decode(url.substr(comma + 1));
    if (!bytes) {
        return fail(Errc::invalid_field, "image is not base64 (RFC 4648, with padding, without line breaks)");
    }
    return std::move(*bytes);
}

/// What holds however the request was written.
Result<void> check(const ScanRequest& request, bool has_image) {
    if (has_image && !request.image_url.empty()) {
        return fail(Errc::invalid_field, "send image or image_url, not both");
    }
    if (request.question.size() > limits::kQuestionBytesMax) {
        return fail(Errc::invalid_field, "user_input is longer than " + std::to_string(limits::kQuestionBytesMax) + " bytes");
    }
    return {};
}

}  // namespace

Result<ScanRequest> parse_scan_form(std::string_view body, std::string_view content_type) {
    const auto parts = parse_form(body, content_type);
    if (!parts) {
        return parts.error();
    }
    ScanRequest request;
    for (const auto& part : *parts) {
        const auto text = trim(part.body);
        if (part.name == "image") {
            request.image = std::string(part.body);
            continue;
        }
        if (!is_valid_utf8(text)) {
            return fail(Errc::invalid_field, shorten(part.name, 40) + " is no UTF-8 text");
        }
        if (part.name == "image_url") {
            request.image_url = text;
        } else if (part.name == "user_input") {
            request.question = text;
        } else if (part.name == "model") {
            request.model = text;
        } else if (part.name == "language") {
            request.language = text;
        }
    }
    if (auto checked = check(request, request.image.has_value()); !checked) {
        return checked.error();
    }
    return request;
}

Result<ScanRequest> parse_scan_request(std::string_view body) {
    json::error_code ec;
    json::parse_options options;
    options.max_depth = limits::kJsonDepthMax;
    const auto value = json::parse(body, ec, {}, options);
    if (ec) {
        return fail(Errc::invalid_json, "the body is not JSON: " + ec.message());
    }
    const auto* object = value.if_object();
    if (object == nullptr) {
        return fail(Errc::invalid_json, "the body must be a JSON object");
    }
    ScanRequest request;
    struct Field {
        std::string_view name;
        std::string_view text;
    };
    Field fields[] = {{"image_url", {}}, {"image", {}}, {"user_input", {}}, {"model", {}}, {"language", {}}};
    for (auto& field : fields) {
        auto text = text_field(*object, field.name);
        if (!text) {
            return text.error();
        }
        field.text = text.value();
    }
    const auto& [image_url, image, user_input, model, language] = fields;
    request.image_url = trim(image_url.text);
    request.question = trim(user_input.text);
    request.model = model.text;
    request.language = language.text;
    if (auto checked = check(request, !image.text.empty()); !checked) {
        return checked.error();
    }
    if (!image.text.empty()) {
        auto bytes = decode_data_url(image.text);
        if (!bytes) {
            return bytes.error();
        }
        request.image = std::move(bytes.value());
    }
    return request;
}

std::string fingerprint_of(const ScanRequest& request, std::string_view place) {
    const auto image = request.image ? sha256_hex(*request.image) : std::string();
    std::string text;
    for (const std::string_view field : {place,
                                         std::string_view(image),
                                         std::string_view(request.image_url),
                                         std::string_view(request.question),
                                         std::string_view(request.model),
                                         std::string_view(request.language)}) {
        text += std::to_string(field.size()) + ":";
        text += field;
    }
    return sha256_hex(text);
}

}  // namespace eco2::app
