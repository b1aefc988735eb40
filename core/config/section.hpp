#pragma once

#include "config/expand.hpp"
#include "config/node.hpp"
#include "config/problems.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::config {

/// What all sections of one file share while it is read.
struct Reading {
    Problems problems;
    Names names;                                  // for ${...}; without an environment nothing is expanded
    std::set<std::string>* known_keys = nullptr;  // collects every key that is asked for, as "server.tls.key"
};

/// A string with its place, for checks that come later.
struct PlacedText {
    std::string text;
    Place place;
    std::string path;
};

/// One table of a file, read key by key. What is wrong goes to `Reading::problems`, and the value keeps its default.
///
/// Thread-safety: none. Lifetime: node and reading outlive it.
class Section {
public:
    /// A null `node` stands for an empty table at `place`.
    Section(Reading& reading, const Node* node, std::string path, Place place = {});

    std::optional<PlacedText> text(std::string_view key);
    std::optional<std::int64_t> integer(std::string_view key, std::int64_t least, std::int64_t most);
    std::optional<double> real(std::string_view key, double least, double most);
    std::optional<bool> boolean(std::string_view key);
    /// The index of the text in `allowed`.
    std::optional<std::size_t> choice(std::string_view key, std::initializer_list<std::string_view> allowed);
    std::optional<std::vector<PlacedText>> texts(std::string_view key);
    /// Names and strings in the file's order.
    std::vector<std::pair<std::string, PlacedText>> named_texts(std::string_view key);

    void set_text(std::string_view key, std::string& to);
    void set_count(std::string_view key, std::size_t& to, std::int64_t least, std::int64_t most);
    void set_duration(std::string_view key, std::chrono::milliseconds& to, std::int64_t least, std::int64_t most);
    void set_boolean(std::string_view key, bool& to);

    /// A string that has to be there and not empty.
    PlacedText required(std::string_view key);

    Section table(std::string_view key);
    std::vector<Section> tables(std::string_view key);
    /// The raw value; null where there is none.
    const Node* raw(std::string_view key);

    bool has(std::string_view key) const noexcept { return node_ != nullptr && node_->find(key) != nullptr; }
    bool is_present() const noexcept { return node_ != nullptr; }
    const Node* node() const noexcept { return node_; }
    Place place() const noexcept { return place_; }
    Place place_of(std::string_view key) const noexcept;
    std::string path_of(std::string_view key) const;
    void problem(std::string_view key, std::string_view what);
    void problem_here(std::string_view what) { reading_->problems.add(place_, path_, what); }

    /// Refuses every key that nobody asked for, naming the nearest one that is known. `elsewhere` may explain a key that is
    /// known in another place (empty answer: it is not).
    using Explain = std::string (*)(std::string_view key);
    void finish(Explain elsewhere = nullptr);

private:
    const Node* get(std::string_view key, Node::Kind kind);
    std::optional<std::string> expanded(const Node& node, std::string_view path);
    void wrong_kind(const Node& node, std::string_view path, std::string_view wanted);

    Reading* reading_;
    const Node* node_;
    std::string path_;
    Place place_;
    std::vector<std::string> asked_;
};

/// JSON text of a TOML value, key order kept, strings expanded. Dates and infinite numbers have no JSON form: a problem.
std::string to_json(Reading& reading, const Node& node, const std::string& path);

}  // namespace eco2::config
