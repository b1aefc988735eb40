#include "protocol/multipart.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <utility>

namespace eco2 {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

Error broken(std::string detail) {
    return fail(Errc::bad_request, "the form: " + std::move(detail));
}

bool is_token_character(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

struct Parameter {
    std::string name;  // lower case
    std::string value;
};

/// Takes `; name=value` off the front; the value is a token or a quoted string. nullopt: neither.
std::optional<Parameter> take_parameter(std::string_view& rest) {
    const auto at = rest.find_first_not_of("; \t");
    const auto equals = rest.find('=');
    if (!rest.starts_with(';') || at == rest.npos || equals == rest.npos || equals < at) {
        return std::nullopt;
    }
    Parameter out{to_lower_ascii(rest.substr(at, equals - at)), {}};
    rest.remove_prefix(equals + 1);
    if (!rest.starts_with('"')) {
        const auto* const end = std::find_if_not(rest.begin(), rest.end(), is_token_character);
        out.value.assign(rest.begin(), end);
        rest.remove_prefix(out.value.size());
        rest = trim(rest);
        return out.value.empty() ? std::nullopt : std::optional(std::move(out));
    }
    for (std::size_t i = 1; i < rest.size(); ++i) {
        if (rest[i] == '"') {
            rest = trim(rest.substr(i + 1));
            return out;
        }
        // Browsers write %22 for a quote, older programs \": both end no string.
        i += rest[i] == '\\' && i + 1 < rest.size() ? 1 : 0;
        out.value += rest[i];
    }
    return std::nullopt;
}

/// The parameters of `value`, whose type must be `type`; none of those in `wanted` is there twice.
std::optional<std::vector<Parameter>> parameters_of(std::string_view value,
                                                    std::string_view type,
                                                    std::initializer_list<std::string_view> wanted) {
    const auto end = std::min(value.find(';'), value.size());
    if (to_lower_ascii(trim(value.substr(0, end))) != type) {
        return std::nullopt;
    }
    std::vector<Parameter> found;
    for (auto rest = trim(value.substr(end)); !rest.empty();) {
        auto parameter = take_parameter(rest);
        const auto is_same = [&](const Parameter& other) { return other.name == parameter->name; };
        if (!parameter || std::any_of(found.begin(), found.end(), is_same)) {
            return std::nullopt;
        }
        if (std::find(wanted.begin(), wanted.end(), parameter->name) != wanted.end()) {
            found.push_back(*std::move(parameter));
        }
    }
    return found;
}

/// The value of the parameter `name`; nullopt: it is not there.
std::optional<std::string> value_of(const std::optional<std::vector<Parameter>>& parameters, std::string_view name) {
    if (parameters) {
        for (const Parameter& parameter : *parameters) {
            if (parameter.name == name) {
                return parameter.value;
            }
        }
    }
    return std::nullopt;
}

bool is_boundary(std::string_view text) noexcept {
    constexpr std::size_t kBoundaryBytesMax = 70;
    return !text.empty() && text.size() <= kBoundaryBytesMax && !text.ends_with(' ') &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
           });
}

bool is_name(std::string_view text) noexcept {
    return !text.empty() && text.size() <= limits::kFormNameBytesMax &&
           std::all_of(text.begin(), text.end(), is_token_character);
}

/// A token, in which brackets may stand: forms name an object's members so.
bool is_field_name(std::string_view text) noexcept {
    return !text.empty() && text.size() <= limits::kFormNameBytesMax &&
           std::all_of(text.begin(), text.end(), [](char c) { return is_token_character(c) || c == '[' || c == ']'; });
}

/// The field's name, and the file's, out of a part's head, which ends in a line end.
Result<FormPart> names_of(std::string_view head) {
    std::optional<FormPart> names;
    while (!head.empty()) {
        const auto line = head.substr(0, head.find(kLineEnd));
        head.remove_prefix(line.size() + kLineEnd.size());
        const auto colon = line.find(':');
        if (colon == line.npos || !is_name(line.substr(0, colon)) ||
            line.find_first_of(std::string_view("\r\n\0", 3)) != line.npos) {
            return broken("a part has a header line that cannot be read");
        }
        const auto field = to_lower_ascii(line.substr(0, colon));
        if (field == "content-transfer-encoding" && to_lower_ascii(trim(line.substr(colon + 1))) != "binary") {
            return broken("a part has a transfer encoding");
        }
        if (field != "content-disposition") {
            continue;
        }
        const auto said = parameters_of(line.substr(colon + 1), "form-data", {"name", "filename"});
        auto name = value_of(said, "name");
        if (names || !name || !is_field_name(*name)) {
            return broken("a part has no name that can be read");
        }
        names = FormPart{*std::move(name), {}, value_of(said, "filename").value_or(std::string())};
    }
    return names ? Result<FormPart>(*std::move(names)) : broken("a part has no name");
}

/// `body` begins behind the part's boundary line; what belongs to the part is taken off it, with the boundary behind.
Result<FormPart> take_part(std::string_view& body, std::string_view delimiter) {
    // An empty head has its line end alone; what follows one is the content.
    const auto head_end = body.substr(0, limits::kFormHeadBytesMax).find("\r\n\r\n");
    if (head_end == body.npos) {
        return broken("a part's head has no end, or more than " + std::to_string(limits::kFormHeadBytesMax) + " bytes");
    }
    auto part = names_of(body.substr(0, head_end + kLineEnd.size()));
    if (!part) {
        return part.error();
    }
    // The line end before a boundary is the boundary's, so that an empty content ends where its head does.
    body.remove_prefix(head_end + kLineEnd.size());
    const auto end = body.find(delimiter, 0);
    if (end == body.npos) {
        return broken("it is cut off: a part has no boundary behind it");
    }
    if (end == 0) {
        return broken("a part's head has no end");
    }
    part->body = body.substr(kLineEnd.size(), end - kLineEnd.size());
    body.remove_prefix(end + delimiter.size());
    return part;
}

}  // namespace

Result<std::vector<FormPart>> parse_form(std::string_view body, std::string_view content_type) {
    if (to_lower_ascii(trim(content_type.substr(0, content_type.find(';')))) != "multipart/form-data") {
        return fail(Errc::unsupported_media_type);
    }
    const auto boundary = value_of(parameters_of(content_type, "multipart/form-data", {"boundary"}), "boundary");
    if (!boundary || !is_boundary(*boundary)) {
        return broken("its content type names no boundary of 1 to 70 characters");
    }
    const std::string delimiter = "\r\n--" + *boundary;
    if (!body.starts_with(std::string_view(delimiter).substr(kLineEnd.size()))) {
        return broken("it does not begin with its boundary");
    }
    body.remove_prefix(delimiter.size() - kLineEnd.size());
    std::vector<FormPart> parts;
    while (body.starts_with(kLineEnd)) {
        if (parts.size() >= limits::kFormPartsMax) {
            return broken("it has more than " + std::to_string(limits::kFormPartsMax) + " parts");
        }
        body.remove_prefix(kLineEnd.size());
        auto part = take_part(body, delimiter);
        if (!part) {
            return part.error();
        }
        if (std::any_of(parts.begin(), parts.end(), [&](const FormPart& other) { return other.name == part->name; })) {
            return broken(part->name + " is there twice");
        }
        parts.push_back(std::move(*part));
    }
    if (body != "--" && body != "--\r\n") {
        return broken("it is cut off, or has bytes behind a boundary");
    }
    return parts;
}

}  // namespace eco2
