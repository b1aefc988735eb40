#pragma once

#include "config/environment.hpp"

#include <map>
#include <string>
#include <string_view>

namespace eco2::config {

/// What `${...}` may name.
struct Names {
    const Environment* environment = nullptr;
    std::map<std::string, std::string, std::less<>> own;  // config_dir, data_dir
};

struct Expanded {
    std::string text;
    std::string problem;  // empty: none
};

/// Replaces `${NAME}` and `${NAME:-default}` (also where NAME is empty); `$${` stands for `${`. What is put in is not looked at
/// again. Variables that hold secrets by their name (*_KEY, *_TOKEN, *_SECRET, *_PASSWORD) are refused: a value is logged and
/// shown, a secret is not.
Expanded expand(std::string_view text, const Names& names);

}  // namespace eco2::config
