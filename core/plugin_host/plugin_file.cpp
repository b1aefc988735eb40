#include "plugin_host/plugin_file.hpp"

#include "base/hash.hpp"
#include "base/io_thread.hpp"

#include <sys/stat.h>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace eco2::plugin_host {
namespace {

constexpr std::size_t kManifestBytesMax = 64 * 1024;

std::string reason() {
    return std::generic_category().message(errno);
}

enum class Expected { directory, regular_file };

/// Owner and mode of what is behind `fd`.
Result<void> check_trust(
    int fd, const std::string& path, Expected expected, bool is_production, std::vector<std::string>& warnings) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) {
        return fail(Errc::plugin_refused, path + " cannot be examined: " + reason());
    }
    if (expected == Expected::regular_file && !S_ISREG(info.st_mode)) {
        return fail(Errc::plugin_refused, path + " is not a regular file");
    }
    if (info.st_uid != 0 && info.st_uid != ::geteuid()) {
        return fail(
            Errc::plugin_refused,
            path + " belongs to user " + std::to_string(info.st_uid) + "; it must belong to root or to the running user");
    }
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        const auto text = path + " can be written by its group or by everybody; remove that permission";
        if (is_production) {
            return fail(Errc::plugin_refused, text);
        }
        warnings.push_back(text);
    }
    return {};
}

Result<Descriptor> open_beneath(int directory, const std::string& name, const std::string& path, int flags) {
    Descriptor fd(::openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags));
    if (fd.get() >= 0) {
        return fd;
    }
    if (errno == ENOENT) {
        return fail(Errc::plugin_missing, path + " does not exist");
    }
    if (errno == ELOOP || (errno == ENOTDIR && (flags & O_NOFOLLOW) != 0)) {
        return fail(Errc::plugin_refused, path + " is a symbolic link or not what it should be; put the real file there");
    }
    return fail(Errc::plugin_refused, path + " cannot be opened: " + reason());
}

Result<std::string> read_all(int fd, const std::string& path) {
    std::string text;
    std::array<char, 4096> buffer{};
    for (;;) {
        const auto got = ::read(fd, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail(Errc::plugin_refused, path + " cannot be read: " + reason());
        }
        if (got == 0) {
            return text;
        }
        text.append(buffer.data(), static_cast<std::size_t>(got));
        if (text.size() > kManifestBytesMax) {
            return fail(Errc::plugin_refused, path + " is longer than " + std::to_string(kManifestBytesMax) + " bytes");
        }
    }
}

bool is_plugin_id(std::string_view id) {
    return !id.empty() && id.size() <= 64 &&
           id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}

Result<Descriptor> open_trusted_directory(
    int base, const std::string& name, const std::string& path, bool is_production, PluginFile& file) {
    auto directory = open_beneath(base, name, path, O_DIRECTORY);
    if (!directory) {
        return directory.error();
    }
    if (auto trusted = check_trust(directory->get(), path, Expected::directory, is_production, file.warnings); !trusted) {
        return trusted.error();
    }
    return directory;
}

}  // namespace

Descriptor::~Descriptor() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

int Descriptor::give_away() noexcept {
    return std::exchange(fd_, -1);
}

Result<PluginFile> open_manifest(const std::string& plugins_directory, const std::string& plugin, const FileRules& rules) {
    assert_may_block();
    PluginFile file;
    file.directory = plugins_directory + "/" + plugin;
    if (!is_plugin_id(plugin)) {
        return fail(Errc::plugin_refused, "\"" + plugin + "\" is not a plugin id; use lower-case letters, digits, _ and -");
    }
    if (!plugins_directory.starts_with('/')) {
        return fail(Errc::plugin_refused, "the plugin directory " + plugins_directory + " must be an absolute path");
    }
    auto base = open_trusted_directory(AT_FDCWD, plugins_directory, plugins_directory, rules.is_production, file);
    if (!base) {
        return base.error();
    }
    auto folder = open_trusted_directory(base->get(), plugin, file.directory, rules.is_production, file);
    if (!folder) {
        return folder.error();
    }
    const auto path = file.directory + "/" + std::string(kManifestName);
    auto fd = open_beneath(folder->get(), std::string(kManifestName), path, O_NOFOLLOW);
    if (!fd) {
        return fd.error();
    }
    if (auto trusted = check_trust(fd->get(), path, Expected::regular_file, rules.is_production, file.warnings); !trusted) {
        return trusted.error();
    }
    auto text = read_all(fd->get(), path);
    if (!text) {
        return text.error();
    }
    auto manifest = parse_manifest(*text, path);
    if (!manifest) {
        return manifest.error();
    }
    if (manifest->id != plugin) {
        return fail(Errc::plugin_refused, path + ": its id is \"" + manifest->id + "\", its folder says \"" + plugin + "\"");
    }
    file.manifest = std::move(*manifest);
    file.folder = std::move(*folder);
    return file;
}

std::string hash_problem(std::string_view actual, const Manifest& manifest, std::string_view configured) {
    if (!configured.empty() && actual != configured) {
        return "the library's SHA-256 is " + std::string(actual) + ", the configuration expects " + std::string(configured);
    }
    if (actual != manifest.sha256) {
        return "the library's SHA-256 is " + std::string(actual) + ", its manifest expects " + manifest.sha256;
    }
    return {};
}

Result<void> open_library(PluginFile& file, const FileRules& rules) {
    if (rules.is_production && rules.configured_sha256.empty()) {
        return fail(Errc::plugin_refused, file.directory + ": the configuration must name the library's sha256 in production");
    }
    const auto path = file.directory + "/" + file.manifest.file;
    auto fd = open_beneath(file.folder.get(), file.manifest.file, path, O_NOFOLLOW);
    if (!fd) {
        return fd.error();
    }
    if (auto trusted = check_trust(fd->get(), path, Expected::regular_file, rules.is_production, file.warnings); !trusted) {
        return trusted.error();
    }
    const auto actual = sha256_hex_of_fd(fd->get());
    if (!actual) {
        return fail(Errc::plugin_refused, path + ": " + actual.error().detail);
    }
    if (const auto problem = hash_problem(*actual, file.manifest, rules.configured_sha256); !problem.empty()) {
        return fail(Errc::plugin_refused, path + ": " + problem);
    }
    file.library = std::move(*fd);
    return {};
}

}  // namespace eco2::plugin_host
