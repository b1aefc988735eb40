#pragma once

#include "base/result.hpp"
#include "plugin_host/plugin_file.hpp"

#include <eco2/abi/plugin.h>

#include <memory>
#include <string>

namespace eco2::plugin_host {

/// A plugin library that passed every check and is mapped until the process ends.
///
/// Thread-safety: control thread; `descriptor` and `manifest` are immutable.
class LoadedLibrary {
public:
    /// The checks that need no code of the plugin's: format, exported symbols, ABI marker.
    /// Errors: plugin_refused, plugin_abi. Blocks: reads the file's symbol tables.
    static Result<void> inspect(const PluginFile& file);

    /// Inspects, maps, and compares what the library says of itself with its manifest. Runs the library's constructors.
    /// Errors: plugin_refused, plugin_abi, plugin_failed (the loader's own reason).
    static Result<std::shared_ptr<const LoadedLibrary>> load(PluginFile file);

    LoadedLibrary(const LoadedLibrary&) = delete;
    LoadedLibrary& operator=(const LoadedLibrary&) = delete;
    ~LoadedLibrary();

    const Manifest& manifest() const noexcept { return manifest_; }
    const eco2_descriptor& descriptor() const noexcept { return *descriptor_; }

private:
    struct Handle;
    LoadedLibrary(Manifest manifest, std::unique_ptr<Handle> handle, const eco2_descriptor* descriptor);

    Manifest manifest_;
    std::unique_ptr<Handle> handle_;
    const eco2_descriptor* descriptor_;
};

}  // namespace eco2::plugin_host
