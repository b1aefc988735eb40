#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::plugin_host {

inline constexpr std::string_view kManifestName = "plugin.toml";

/// What a plugin's manifest says about the library beside it.
struct Manifest {
    std::string id;
    std::string version;
    std::int64_t abi_draft = 0;
    std::string file;    // a plain name, in the manifest's own directory
    std::string sha256;  // 64 lower-case hex digits
    std::vector<std::string> interfaces;
    std::string licence;
};

/// Reads a manifest's text; `path` is for messages only.
/// Errors: plugin_refused, with file and line: not TOML, a key that is missing, unknown or of the wrong type.
Result<Manifest> parse_manifest(std::string_view text, std::string_view path);

}  // namespace eco2::plugin_host
