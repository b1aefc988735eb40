#pragma once

#include <filesystem>
#include <vector>

namespace eco2::runtime {

/// Where things lie beside the program, in the build tree and after installation alike.
struct Layout {
    std::filesystem::path share_dir;                 // ../share/eco2
    std::filesystem::path config_file;               // share_dir/eco2.toml
    std::vector<std::filesystem::path> plugin_dirs;  // those of ../plugins and ../lib/eco2/plugins that exist
};

Layout find_layout(const std::filesystem::path& program);

/// The running program's file, links resolved.
std::filesystem::path this_program();

}  // namespace eco2::runtime
