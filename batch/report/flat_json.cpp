#include "batch/report/flat_json.hpp"

#include "protocol/json_members.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace eco2::batch {
namespace {

void append_key(std::string& name, std::string_view key) {
    const auto text =
        key.find('\\') == std::string_view::npos ? std::string(key) : text_of_json("\"" + std::string(key) + "\"");
    for (const char c : text) {
        if (c == '.' || c == '\\') {
            name += '\\';
        }
        name += c;
    }
}

}  // namespace

void for_each_leaf(std::string_view json,
                   const std::string& root,
                   const std::function<void(const std::string& name, std::string_view value)>& leaf) {
    JsonMembers members(json);
    JsonMember member;
    bool has_any = false;
    while (members.next(member)) {
        has_any = true;
        std::string name = root + ".";
        append_key(name, member.key);
        for_each_leaf(member.value, name, leaf);
    }
    if (!has_any) {
        leaf(root, json);
    }
}

std::string text_of_json(std::string_view json) {
    if (json.size() < 2 || json.front() != '"') {
        return std::string(json);
    }
    if (json.find('\\') == std::string_view::npos) {
        return std::string(json.substr(1, json.size() - 2));
    }
    boost::json::error_code ec;
    const auto value = boost::json::parse(json, ec);
    return !ec && value.is_string() ? std::string(value.get_string()) : std::string(json);
}

void append_csv_cell(std::string& out, std::string_view text, bool is_number) {
    const bool is_formula =
        !is_number && !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
    const bool is_quoted =
        text.find_first_of(",\"\r\n") != std::string_view::npos || text.starts_with(' ') || text.ends_with(' ');
    if (!is_quoted) {
        out += is_formula ? "'" : "";
        out += text;
        return;
    }
    out += is_formula ? "\"'" : "\"";
    for (const char c : text) {
        out += c;
        if (c == '"') {
            out += c;
        }
    }
    out += '"';
}

}  // namespace eco2::batch
