#include "runtime/layout.hpp"

#include <system_error>

namespace eco2::runtime {

Layout find_layout(const std::filesystem::path& program) {
    const auto base = program.parent_path().parent_path();
    Layout layout;
    layout.share_dir = base / "share" / "eco2";
    layout.config_file = layout.share_dir / "eco2.toml";
    for (const auto& candidate : {base / "plugins", base / "lib" / "eco2" / "plugins"}) {
        std::error_code ec;
        if (std::filesystem::is_directory(candidate, ec)) {
            layout.plugin_dirs.push_back(candidate);
        }
    }
    return layout;
}

std::filesystem::path this_program() {
    std::error_code ec;
    return std::filesystem::read_symlink("/proc/self/exe", ec);
}

}  // namespace eco2::runtime
