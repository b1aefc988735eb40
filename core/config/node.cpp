#include "config/node.hpp"

namespace eco2::config {

const Node* Node::find(std::string_view key) const noexcept {
    for (const Member& member : members) {
        if (member.key == key) {
            return &member.value;
        }
    }
    return nullptr;
}

std::string_view kind_text(Node::Kind kind) noexcept {
    switch (kind) {
        case Node::Kind::table: return "a table";
        case Node::Kind::list: return "a list";
        case Node::Kind::text: return "a string";
        case Node::Kind::integer: return "an integer";
        case Node::Kind::real: return "a number with a fraction";
        case Node::Kind::boolean: return "true or false";
        case Node::Kind::date: return "a date";
    }
    return "a value";
}

}  // namespace eco2::config
