#include "plugin_host/loaded_library.hpp"

#include "plugin_host/abi_values.hpp"

#include <boost/dll/library_info.hpp>
#include <boost/dll/shared_library.hpp>

#include <dlfcn.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::plugin_host {
namespace {

constexpr std::string_view kMarkerPrefix = "eco2_abi_draft_";

/// Loading through the descriptor maps the very inode that was hashed, whatever has happened to the name since.
std::string path_of(int fd) {
    return "/proc/self/fd/" + std::to_string(fd);
}

std::string path_of(const PluginFile& file) {
    return file.directory + "/" + file.manifest.file;
}

std::string rebuild_sentence(std::string_view found) {
    return "it was built for ABI draft " + std::string(found) + ", this host speaks draft " + std::to_string(ECO2_ABI_DRAFT) +
           "; rebuild it with the SDK of draft " + std::to_string(ECO2_ABI_DRAFT);
}

Result<std::vector<std::string>> exported_symbols(const PluginFile& file) {
    try {
        boost::dll::library_info info(path_of(file.library.get()));
        auto symbols = info.symbols();
        std::sort(symbols.begin(), symbols.end());
        symbols.erase(std::unique(symbols.begin(), symbols.end()), symbols.end());
        return symbols;
    } catch (const std::exception& error) {
        return fail(Errc::plugin_refused, path_of(file) + " is not a shared library that can be read: " + error.what());
    }
}

Result<void> check_symbols(const PluginFile& file, const std::vector<std::string>& symbols) {
    const auto path = path_of(file);
    bool has_entry = false;
    std::vector<std::string_view> markers;
    for (const std::string_view symbol : symbols) {
        if (symbol == ECO2_PLUGIN_ENTRY_NAME) {
            has_entry = true;
        } else if (symbol.starts_with(kMarkerPrefix)) {
            markers.push_back(symbol);
        } else {
            return fail(
                Errc::plugin_refused,
                path + " exports " + std::string(symbol) + "; a plugin exports its entry and its ABI marker, nothing else");
        }
    }
    if (!has_entry) {
        return fail(Errc::plugin_refused, path + " does not export " ECO2_PLUGIN_ENTRY_NAME);
    }
    if (markers.size() != 1) {
        return fail(Errc::plugin_abi, path + " must export exactly one marker " + std::string(kMarkerPrefix) + "<N>");
    }
    const auto draft = markers.front().substr(kMarkerPrefix.size());
    if (draft != std::to_string(ECO2_ABI_DRAFT)) {
        return fail(Errc::plugin_abi, path + ": " + rebuild_sentence(draft));
    }
    return {};
}

std::string describe_mismatch(const eco2_descriptor& said, const Manifest& manifest) {
    if (text_of(said.id) != manifest.id) {
        return "the library says its id is \"" + std::string(text_of(said.id)) + "\", its manifest says \"" + manifest.id +
               "\"";
    }
    if (text_of(said.version) != manifest.version) {
        return "the library says version " + std::string(text_of(said.version)) + ", its manifest says " + manifest.version;
    }
    std::vector<std::string> interfaces;
    for (std::size_t i = 0; said.interfaces != nullptr && i < said.interface_count; ++i) {
        interfaces.emplace_back(text_of(said.interfaces[i]));
    }
    if (!std::is_permutation(interfaces.begin(), interfaces.end(), manifest.interfaces.begin(), manifest.interfaces.end())) {
        return "the library and its manifest name different interfaces";
    }
    return said.create == nullptr ? "the library has no create function" : std::string{};
}

Result<void> check_descriptor(const eco2_descriptor* said, const PluginFile& file) {
    const auto path = path_of(file);
    if (said == nullptr) {
        return fail(Errc::plugin_refused, path + ": its entry gave no descriptor");
    }
    if (said->struct_size < sizeof(eco2_descriptor)) {
        return fail(Errc::plugin_abi, path + ": its descriptor is shorter than this ABI's");
    }
    if (said->abi_draft != ECO2_ABI_DRAFT) {
        return fail(Errc::plugin_abi, path + ": " + rebuild_sentence(std::to_string(said->abi_draft)));
    }
    if (const auto mismatch = describe_mismatch(*said, file.manifest); !mismatch.empty()) {
        return fail(Errc::plugin_refused, path + ": " + mismatch);
    }
    return {};
}

}  // namespace

struct LoadedLibrary::Handle {
    boost::dll::shared_library library;
};

Result<void> LoadedLibrary::inspect(const PluginFile& file) {
    if (file.manifest.abi_draft != ECO2_ABI_DRAFT) {
        return fail(Errc::plugin_abi,
                    file.directory + "/" + std::string(kManifestName) + ": " +
                        rebuild_sentence(std::to_string(file.manifest.abi_draft)));
    }
    const auto symbols = exported_symbols(file);
    if (!symbols) {
        return symbols.error();
    }
    return check_symbols(file, *symbols);
}

Result<std::shared_ptr<const LoadedLibrary>> LoadedLibrary::load(PluginFile file) {
    if (auto inspected = inspect(file); !inspected) {
        return inspected.error();
    }
    auto handle = std::make_unique<Handle>();
    try {
        // Boost.DLL has no name for RTLD_NODELETE but passes it through. The throwing form carries dlerror's text.
        const auto mode = static_cast<boost::dll::load_mode::type>(RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        handle->library.load(path_of(file.library.get()), mode);
        // glibc knows a library by the name that it was opened with: once this number were free again, the next plugin opened
        // under it would silently be this one. So it stays open for the life of the process.
        file.library.give_away();
        auto* entry = handle->library.get<const eco2_descriptor*()>(ECO2_PLUGIN_ENTRY_NAME);
        const auto* descriptor = entry();
        if (auto checked = check_descriptor(descriptor, file); !checked) {
            return checked.error();
        }
        return std::shared_ptr<const LoadedLibrary>(new LoadedLibrary(std::move(file.manifest), std::move(handle), descriptor));
    } catch (const std::exception& error) {
        return fail(Errc::plugin_failed, path_of(file) + " cannot be loaded: " + error.what());
    } catch (...) {
        return fail(Errc::plugin_failed, path_of(file) + " threw something while it was loaded");
    }
}

LoadedLibrary::LoadedLibrary(Manifest manifest, std::unique_ptr<Handle> handle, const eco2_descriptor* descriptor)
    : manifest_(std::move(manifest)), handle_(std::move(handle)), descriptor_(descriptor) {}

LoadedLibrary::~LoadedLibrary() = default;

}  // namespace eco2::plugin_host
