#include "config/text_file.hpp"

#include "base/limits.hpp"

#include <system_error>

#include <array>
#include <cerrno>
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
    std::string text;
    std::array<char, 16 * 1024> chunk{};
    while (in && text.size() <= limits::kConfigFileBytesMax) {
        in.read(chunk.data(), chunk.size());
        text.append(chunk.data(), static_cast<std::size_t>(in.gcount()));
    }
    if (in.bad()) {
        return fail(Errc::config_invalid, file.string() + ": cannot be read");
    }
    if (text.size() > limits::kConfigFileBytesMax) {
        return fail(Errc::config_invalid,
                    file.string() + ": larger than " + std::to_string(limits::kConfigFileBytesMax) + " bytes");
    }
    return text;
}

}  // namespace eco2::config
