#pragma once

#include "base/result.hpp"
#include "plugin_host/manifest.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace eco2::plugin_host {

/// An open file descriptor, closed at the end unless it was given away.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) noexcept : fd_(fd) {}
    ~Descriptor();
    Descriptor(Descriptor&& other) noexcept : fd_(other.give_away()) {}
    Descriptor& operator=(Descriptor&& other) noexcept;

    int get() const noexcept { return fd_; }
    int give_away() noexcept;

private:
    int fd_ = -1;
};

/// A plugin's folder after the checks that need no code of its own: owner, mode, manifest, hash.
struct PluginFile {
    Manifest manifest;
    std::string directory;  // <dir>/<id>
    Descriptor folder;      // of that directory
    Descriptor library;     // the very file whose hash was checked
    std::vector<std::string> warnings;
};

struct FileRules {
    bool is_production = false;
    std::string configured_sha256;  // empty: the manifest's alone, which production refuses
};

/// Reads and checks the manifest alone: folder, owner, mode, keys, id.
/// Errors: plugin_missing (no such folder or manifest), plugin_refused. Blocks: reads one small file.
Result<PluginFile> open_manifest(const std::string& plugins_directory, const std::string& plugin, const FileRules& rules);

/// Opens the library that the manifest names, once, and checks owner, mode and hash through the descriptor.
/// Errors: plugin_missing, plugin_refused. Blocks: reads the whole library.
Result<void> open_library(PluginFile& file, const FileRules& rules);

/// The sentence for a hash that is not the one expected; empty: it is.
std::string hash_problem(std::string_view actual, const Manifest& manifest, std::string_view configured);

}  // namespace eco2::plugin_host
