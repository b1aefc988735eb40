#pragma once

#include "base/error.hpp"
#include "config/node.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::config {

/// "file:line:column", or "file" where there is no line.
std::string at(std::string_view file, Place place);

/// Everything that is wrong with one file, told in one go. Limits: the first 20; the rest is counted.
class Problems {
public:
    explicit Problems(std::string file) : file_(std::move(file)) {}

    /// `what` says what is wrong and, after a semicolon, what is allowed.
    void add(Place place, std::string_view key_path, std::string_view what);

    bool empty() const noexcept { return found_.empty(); }
    const std::string& file() const noexcept { return file_; }
    /// All lines in the order of the file. Not to be called when empty.
    Error error() const;

private:
    struct Found {
        Place place;
        std::string text;
    };

    std::string file_;
    std::vector<Found> found_;
};

}  // namespace eco2::config
