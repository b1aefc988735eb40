#include "config/text_file.hpp"

#include "base/limits.hpp"

#include <system_error>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace eco2::config {

Result<std::string> read_text_file(const std::filesystem::path& file) {
    std::error_code ec;
    const auto status = std::filesystem::status(file, ec);
    if (!std::filesystem::exists(status)) {
        return fail(Errc::config_invalid, file.string() + ": no such file");
    }
    if (std::filesystem::is_directory(status)) {
        return fail(Errc::config_invalid, file.string() + ": is a folder, not a file");
    }
    std::ifstream in(file, std::ios::binary);
    if (!in) {
        return fail(Errc::config_invalid, file.string() + ": cannot be read: " + std::generic_category().message(errno));
    }
    std::string text(limits::kConfigFileBytesMax + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (in.bad()) {
        return fail(Errc::config_invalid, file.string() + ": cannot be read");
    }
    if (text.size() > limits::kConfigFileBytesMax) {
        return fail(Errc::config_invalid,
                    file.string() + ": larger than " + std::to_string(limits::kConfigFileBytesMax) + " bytes");
    }
    text.shrink_to_fit();
    return text;
}

}  // namespace eco2::config
