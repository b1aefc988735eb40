#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::config {

/// Where something stands in a file. Line 0: nowhere (the command line, the environment).
struct Place {
    std::size_t line = 0;
    std::size_t column = 0;
};

/// A TOML value as plain data: tables keep the order of the file, everything knows its place.
struct Node {
    enum class Kind { table, list, text, integer, real, boolean, date };
    struct Member;

    Kind kind = Kind::table;
    Place place;
    std::string text;  // text; of a date: its spelling
    std::int64_t integer = 0;
    double real = 0;
    bool boolean = false;
    std::vector<Member> members;  // table
    std::vector<Node> items;      // list

    /// Null: no such member.
    const Node* find(std::string_view key) const noexcept;
};

struct Node::Member {
    std::string key;
    Place place;  // the key's
    Node value;
};

/// "a table", "a string": for messages.
std::string_view kind_text(Node::Kind kind) noexcept;

}  // namespace eco2::config
