#include "config/section.hpp"

#include "base/nearest.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace eco2::config {
namespace {

std::string in_quotes(std::string_view text) {
    return "\"" + shorten(text, 80) + "\"";
}

std::string number_text(double value) {
    std::array<char, 32> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
    return std::string(buffer.data(), end);
}

void append_real(std::string& out, double value) {
    const std::string text = number_text(value);
    out += text;
    if (text.find_first_of(".e") == std::string::npos) {
        out += ".0";
    }
}

}  // namespace

Section::Section(Reading& reading, const Node* node, std::string path, Place place)
    : reading_(&reading), node_(node), path_(std::move(path)), place_(node != nullptr ? node->place : place) {}

std::string Section::path_of(std::string_view key) const {
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

Place Section::place_of(std::string_view key) const noexcept {
    const Node* node = node_ != nullptr ? node_->find(key) : nullptr;
    return node != nullptr ? node->place : place_;
}

void Section::problem(std::string_view key, std::string_view what) {
    reading_->problems.add(place_of(key), path_of(key), what);
}

void Section::wrong_kind(const Node& node, std::string_view path, std::string_view wanted) {
    reading_->problems.add(node.place, path, "is " + std::string(kind_text(node.kind)) + "; must be " + std::string(wanted));
}

const Node* Section::raw(std::string_view key) {
    if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) {
        asked_.emplace_back(key);
    }
    if (reading_->known_keys != nullptr) {
        reading_->known_keys->insert(path_of(key));
    }
    return node_ != nullptr ? node_->find(key) : nullptr;
}

const Node* Section::get(std::string_view key, Node::Kind kind) {
    const Node* node = raw(key);
    if (node != nullptr && node->kind != kind) {
        wrong_kind(*node, path_of(key), kind_text(kind));
        return nullptr;
    }
    return node;
}

std::optional<std::string> Section::expanded(const Node& node, std::string_view path) {
    if (reading_->names.environment == nullptr) {
        return node.text;
    }
    auto result = expand(node.text, reading_->names);
    if (!result.problem.empty()) {
        reading_->problems.add(node.place, path, result.problem);
        return std::nullopt;
    }
    return std::move(result.text);
}

std::optional<PlacedText> Section::text(std::string_view key) {
    const Node* node = get(key, Node::Kind::text);
    if (node == nullptr) {
        return std::nullopt;
    }
    auto value = expanded(*node, path_of(key));
    return value ? std::optional(PlacedText{std::move(*value), node->place, path_of(key)}) : std::nullopt;
}

std::optional<std::int64_t> Section::integer(std::string_view key, std::int64_t least, std::int64_t most) {
    const Node* node = get(key, Node::Kind::integer);
    if (node == nullptr) {
        return std::nullopt;
    }
    if (node->integer < least || node->integer > most) {
        problem(key,
                std::to_string(node->integer) + " is out of range; must be " + std::to_string(least) + " to " +
                    std::to_string(most));
        return std::nullopt;
    }
    return node->integer;
}

std::optional<double> Section::real(std::string_view key, double least, double most) {
    const Node* node = raw(key);
    if (node == nullptr) {
        return std::nullopt;
    }
    if (node->kind != Node::Kind::real && node->kind != Node::Kind::integer) {
        wrong_kind(*node, path_of(key), "a number");
        return std::nullopt;
    }
    const double value = node->kind == Node::Kind::real ? node->real : static_cast<double>(node->integer);
    if (!(value >= least && value <= most)) {
        problem(key, number_text(value) + " is out of range; must be " + number_text(least) + " to " + number_text(most));
        return std::nullopt;
    }
    return value;
}

std::optional<bool> Section::boolean(std::string_view key) {
    const Node* node = get(key, Node::Kind::boolean);
    return node != nullptr ? std::optional(node->boolean) : std::nullopt;
}

std::optional<std::size_t> Section::choice(std::string_view key, std::initializer_list<std::string_view> allowed) {
    const auto value = text(key);
    if (!value) {
        return std::nullopt;
    }
    const auto* const found = std::find(allowed.begin(), allowed.end(), value->text);
    if (found != allowed.end()) {
        return static_cast<std::size_t>(found - allowed.begin());
    }
    std::string list;
    for (const auto word : allowed) {
        list += (list.empty() ? "" : ", ") + in_quotes(word);
    }
    problem(key, in_quotes(value->text) + " is not known; must be one of " + list);
    return std::nullopt;
}

std::optional<std::vector<PlacedText>> Section::texts(std::string_view key) {
    const Node* node = get(key, Node::Kind::list);
    if (node == nullptr) {
        return std::nullopt;
    }
    std::vector<PlacedText> out;
    for (std::size_t i = 0; i < node->items.size(); ++i) {
        const Node& item = node->items[i];
        const std::string path = path_of(key) + "[" + std::to_string(i) + "]";
        if (item.kind != Node::Kind::text) {
            wrong_kind(item, path, kind_text(Node::Kind::text));
        } else if (auto value = expanded(item, path)) {
            out.push_back(PlacedText{std::move(*value), item.place, path});
        }
    }
    return out;
}

std::vector<std::pair<std::string, PlacedText>> Section::named_texts(std::string_view key) {
    std::vector<std::pair<std::string, PlacedText>> out;
    const Node* node = get(key, Node::Kind::table);
    if (node == nullptr) {
        return out;
    }
    for (const Node::Member& member : node->members) {
        const std::string path = path_of(key) + "." + member.key;
        if (member.value.kind != Node::Kind::text) {
            wrong_kind(member.value, path, kind_text(Node::Kind::text));
        } else if (auto value = expanded(member.value, path)) {
            out.emplace_back(member.key, PlacedText{std::move(*value), member.value.place, path});
        }
    }
    return out;
}

void Section::set_text(std::string_view key, std::string& to) {
    if (auto value = text(key)) {
        to = std::move(value->text);
    }
}

void Section::set_count(std::string_view key, std::size_t& to, std::int64_t least, std::int64_t most) {
    if (const auto value = integer(key, least, most)) {
        to = static_cast<std::size_t>(*value);
    }
}

void Section::set_duration(std::string_view key, std::chrono::milliseconds& to, std::int64_t least, std::int64_t most) {
    if (const auto value = integer(key, least, most)) {
        to = std::chrono::milliseconds(*value);
    }
}

void Section::set_boolean(std::string_view key, bool& to) {
    if (const auto value = boolean(key)) {
        to = *value;
    }
}

PlacedText Section::required(std::string_view key) {
    if (!has(key)) {
        raw(key);
        problem(key, "is missing; must be a string");
        return {};
    }
    auto value = text(key);
    if (value && value->text.empty()) {
        problem(key, "is empty; must be a string with at least one character");
    }
    return value.value_or(PlacedText{});
}

Section Section::table(std::string_view key) {
    return Section(*reading_, get(key, Node::Kind::table), path_of(key), place_);
}

std::vector<Section> Section::tables(std::string_view key) {
    std::vector<Section> out;
    const Node* node = get(key, Node::Kind::list);
    if (node == nullptr) {
        return out;
    }
    for (std::size_t i = 0; i < node->items.size(); ++i) {
        const Node& item = node->items[i];
        std::string path = path_of(key) + "[" + std::to_string(i) + "]";
        if (item.kind != Node::Kind::table) {
            wrong_kind(item, path, kind_text(Node::Kind::table));
        } else {
            out.emplace_back(*reading_, &item, std::move(path));
        }
    }
    return out;
}

void Section::finish(Explain elsewhere) {
    if (node_ == nullptr) {
        return;
    }
    for (const Node::Member& member : node_->members) {
        if (std::find(asked_.begin(), asked_.end(), member.key) != asked_.end()) {
            continue;
        }
        std::string what = elsewhere != nullptr ? elsewhere(member.key) : std::string();
        if (what.empty()) {
            const std::string near = nearest(member.key, asked_);
            std::string all;
            for (const auto& key : asked_) {
                all += (all.empty() ? "" : ", ") + key;
            }
            what = "unknown key; " + (near.empty() ? "known here: " + all : "did you mean \"" + near + "\"?");
        }
        reading_->problems.add(member.place, path_of(shorten(member.key, 80)), what);
    }
}

std::string to_json(Reading& reading, const Node& node, const std::string& path) {
    std::string out;
    switch (node.kind) {
        case Node::Kind::table:
            for (const Node::Member& member : node.members) {
                out += (out.empty() ? "" : ",") + json_quote(member.key) + ":";
                out += to_json(reading, member.value, path + "." + member.key);
            }
            return "{" + out + "}";
        case Node::Kind::list:
            for (std::size_t i = 0; i < node.items.size(); ++i) {
                out += (i == 0 ? "" : ",") + to_json(reading, node.items[i], path + "[" + std::to_string(i) + "]");
            }
            return "[" + out + "]";
        case Node::Kind::text: {
            if (reading.names.environment == nullptr) {
                return json_quote(node.text);
            }
            const auto value = expand(node.text, reading.names);
            if (!value.problem.empty()) {
                reading.problems.add(node.place, path, value.problem);
            }
            return json_quote(value.text);
        }
        case Node::Kind::integer: return std::to_string(node.integer);
        case Node::Kind::real:
            if (!std::isfinite(node.real)) {
                reading.problems.add(node.place, path, "is not finite; JSON has no such number");
                return "null";
            }
            append_real(out, node.real);
            return out;
        case Node::Kind::boolean: return node.boolean ? "true" : "false";
        case Node::Kind::date:
            reading.problems.add(node.place, path, "is a date; JSON has none, write it as a string in quotes");
            return "null";
    }
    return "null";
}

}  // namespace eco2::config
