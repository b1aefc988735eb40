#include "pipeline/text_template.hpp"

#include "base/text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <functional>
#include <utility>

namespace eco2 {
namespace {

namespace json = boost::json;

/// Walks the text: `on_literal(text)` and `on_place(verb, argument)` in turn.
Result<void> walk(std::string_view text,
                  const std::function<void(std::string_view)>& on_literal,
                  const std::function<Result<void>(std::string_view, std::string_view)>& on_place) {
    for (;;) {
        const auto open = text.find("{{");
        on_literal(text.substr(0, open));
        if (open == std::string_view::npos) {
            return {};
        }
        const auto close = text.find("}}", open);
        if (close == std::string_view::npos) {
            return fail(Errc::config_invalid, "\"" + shorten(text.substr(open), 40) + "\" is not closed by }}");
        }
        const auto place = trim(text.substr(open + 2, close - open - 2));
        const auto space = place.find(' ');
        const auto verb = place.substr(0, space);
        const auto argument = space == std::string_view::npos ? std::string_view{} : trim(place.substr(space));
        if (auto done = on_place(verb, argument); !done) {
            return done.error();
        }
        text.remove_prefix(close + 2);
    }
}

std::string plain(const json::value& value) {
    return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

std::string joined(const json::array& array) {
    std::string out;
    for (const auto& item : array) {
        out += (out.empty() ? "" : ", ") + plain(item);
    }
    return out;
}

void outline(const json::value& value, int level, std::string& out) {
    const std::string indent(static_cast<std::size_t>(level) * 2, ' ');
    if (const auto* object = value.if_object()) {
        for (const auto& [key, inner] : *object) {
            out += indent + "- " + std::string(key);
            if (inner.is_object()) {
                out += '\n';
                outline(inner, level + 1, out);
            } else {
                out += ": " + (inner.is_array() ? joined(inner.get_array()) : plain(inner)) + '\n';
            }
        }
        return;
    }
    out += indent + (value.is_array() ? joined(value.get_array()) : plain(value)) + '\n';
}

/// Prompts put values into blocks like <user_input>: no value may close its block.
void append_marked(std::string& out, std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto mark = text.find('<', at);
        out += text.substr(at, mark - at);
        if (mark == std::string_view::npos) {
            return;
        }
        out += "\\u003c";
        at = mark + 1;
    }
}

Result<json::value> data_value(std::string_view argument, const std::map<std::string, std::string, std::less<>>& data) {
    constexpr std::string_view kPrefix = "data.";
    const auto found = argument.starts_with(kPrefix) ? data.find(argument.substr(kPrefix.size())) : data.end();
    if (found == data.end()) {
        return fail(Errc::config_invalid, "\"" + std::string(argument) + "\" names nothing in [data]");
    }
    json::error_code ec;
    auto value = json::parse(found->second, ec);
    if (ec) {
        return fail(Errc::config_invalid, std::string(argument) + " is not JSON: " + ec.message());
    }
    return value;
}

}  // namespace

Result<TextTemplate> TextTemplate::compile(std::string_view text, const std::vector<std::string>& stages) {
    TextTemplate result;
    auto done = walk(
        text,
        [&](std::string_view literal) {
            if (!literal.empty()) {
                result.pieces_.push_back({Verb::literal, std::string(literal), {}});
            }
        },
        [&](std::string_view verb, std::string_view argument) -> Result<void> {
            if (verb != "text" && verb != "json") {
                return fail(Errc::config_invalid, "\"{{" + std::string(verb) + " ...}}\": use text or json here");
            }
            auto path = ValuePath::parse(argument, stages);
            if (!path) {
                return path.error();
            }
            result.pieces_.push_back({verb == "text" ? Verb::text : Verb::json, {}, std::move(path.value())});
            return {};
        });
    if (!done) {
        return done.error();
    }
    return result;
}

std::string TextTemplate::render(const RunValues& values) const {
    std::string out;
    for (const auto& piece : pieces_) {
        if (piece.verb == Verb::literal) {
            out += piece.literal;
        } else if (piece.verb == Verb::json) {
            append_marked(out, values.json(piece.path));
        } else if (const auto* value = values.find(piece.path); value != nullptr && !value->is_null()) {
            out += plain(*value);
        }
    }
    out.shrink_to_fit();  // a prompt is kept for as long as the provider is asked
    return out;
}

Result<std::string> render_data(std::string_view text, const std::map<std::string, std::string, std::less<>>& data) {
    std::string out;
    auto done = walk(
        text,
        [&](std::string_view literal) { out += literal; },
        [&](std::string_view verb, std::string_view argument) -> Result<void> {
            if (verb != "outline" && verb != "json") {
                return fail(Errc::config_invalid, "\"{{" + std::string(verb) + " ...}}\": use outline or json here");
            }
            auto value = data_value(argument, data);
            if (!value) {
                return value.error();
            }
            if (verb == "json") {
                out += json::serialize(value.value());
            } else {
                std::string lines;
                outline(value.value(), 0, lines);
                lines.pop_back();  // the place stands on a line of its own
                out += lines;
            }
            return {};
        });
    if (!done) {
        return done.error();
    }
    return out;
}

}  // namespace eco2
