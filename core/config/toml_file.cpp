#include "config/toml_file.hpp"

#include "config/problems.hpp"
#include "config/text_file.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <sstream>

namespace eco2::config {
namespace {

Place place_of(const toml::source_region& source) {
    return Place{source.begin.line, source.begin.column};
}

Node convert(const toml::node& from);

template <class Date>
std::string spelling(const Date& date) {
    std::ostringstream out;
    out << date;
    return out.str();
}

void convert_members(const toml::table& table, Node& to) {
    for (const auto& [key, value] : table) {
        to.members.push_back(Node::Member{std::string(key.str()), place_of(key.source()), convert(value)});
    }
    // toml++ sorts members by name; the file's order matters for stages' inputs, results and JSON that is passed on.
    std::stable_sort(to.members.begin(), to.members.end(), [](const Node::Member& a, const Node::Member& b) {
        return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
    });
}

Node convert(const toml::node& from) {
    Node to;
    to.place = place_of(from.source());
    if (const auto* table = from.as_table()) {
        to.kind = Node::Kind::table;
        convert_members(*table, to);
    } else if (const auto* list = from.as_array()) {
        to.kind = Node::Kind::list;
        for (const toml::node& item : *list) {
            to.items.push_back(convert(item));
        }
    } else if (const auto* text = from.as_string()) {
        to.kind = Node::Kind::text;
        to.text = text->get();
    } else if (const auto* integer = from.as_integer()) {
        to.kind = Node::Kind::integer;
        to.integer = integer->get();
    } else if (const auto* real = from.as_floating_point()) {
        to.kind = Node::Kind::real;
        to.real = real->get();
    } else if (const auto* boolean = from.as_boolean()) {
        to.kind = Node::Kind::boolean;
        to.boolean = boolean->get();
    } else {
        to.kind = Node::Kind::date;
        from.visit([&to](const auto& date) {
            if constexpr (toml::is_chronological<decltype(date)>) {
                to.text = spelling(date.get());
            }
        });
    }
    return to;
}

}  // namespace

Result<Node> parse_toml(std::string_view text, std::string_view file) {
    try {
        return convert(toml::parse(text, file));
    } catch (const toml::parse_error& error) {
        return fail(Errc::config_invalid, at(file, place_of(error.source())) + ": " + std::string(error.description()));
    }
}

Result<Node> read_toml(const std::filesystem::path& file) {
    auto text = read_text_file(file);
    if (!text) {
        return text.error();
    }
    return parse_toml(*text, file.string());
}

}  // namespace eco2::config
