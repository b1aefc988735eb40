#include "batch/money/image_size.hpp"

#include "base/text.hpp"

#include <cstddef>
#include <cstdint>

namespace eco2::batch {
namespace {

// Cameras put up to a few hundred KiB of metadata before a JPEG's size; most images say it within a few.
constexpr std::size_t kBeginningBytes = 64 * 1024;  // of base64: a multiple of 4

class Bytes {
public:
    explicit Bytes(std::string_view bytes) : bytes_(bytes) {}

    std::size_t size() const noexcept { return bytes_.size(); }
    bool has(std::size_t at, std::string_view text) const noexcept {
        return at <= bytes_.size() && bytes_.substr(at).starts_with(text);
    }
    /// 0 behind the end.
    std::uint32_t byte(std::size_t at) const noexcept {
        return at < bytes_.size() ? static_cast<unsigned char>(bytes_[at]) : 0;
    }
    std::uint32_t big(std::size_t at, std::size_t count) const noexcept {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < count; ++i) {
            value = value << 8U | byte(at + i);
        }
        return value;
    }
    std::uint32_t little(std::size_t at, std::size_t count) const noexcept {
        std::uint32_t value = 0;
        for (std::size_t i = count; i > 0; --i) {
            value = value << 8U | byte(at + i - 1);
        }
        return value;
    }

private:
    std::string_view bytes_;
};

std::optional<ImageSize> size_of(std::uint32_t width, std::uint32_t height) noexcept {
    constexpr std::uint32_t kSideMax = 0x7FFF'FFFF;
    if (width == 0 || height == 0 || width > kSideMax || height > kSideMax) {
        return std::nullopt;
    }
    return ImageSize{static_cast<int>(width), static_cast<int>(height)};
}

std::optional<ImageSize> png_size(const Bytes& bytes) {
    return bytes.size() < 24 ? std::nullopt : size_of(bytes.big(16, 4), bytes.big(20, 4));
}

std::optional<ImageSize> gif_size(const Bytes& bytes) {
    return bytes.size() < 10 ? std::nullopt : size_of(bytes.little(6, 2), bytes.little(8, 2));
}

std::optional<ImageSize> webp_size(const Bytes& bytes) {
    if (bytes.size() < 30) {
        return std::nullopt;
    }
    if (bytes.has(12, "VP8X")) {
        return size_of(bytes.little(24, 3) + 1, bytes.little(27, 3) + 1);
    }
    if (bytes.has(12, "VP8L")) {
        const auto bits = bytes.little(21, 4);
        return size_of((bits & 0x3FFFU) + 1, (bits >> 14U & 0x3FFFU) + 1);
    }
    if (bytes.has(12, "VP8 ")) {
        return size_of(bytes.little(26, 2) & 0x3FFFU, bytes.little(28, 2) & 0x3FFFU);
    }
    return std::nullopt;
}

std::optional<ImageSize> jpeg_size(const Bytes& bytes) {
    std::size_t at = 2;
    while (at + 9 <= bytes.size()) {
        if (bytes.byte(at) != 0xFF) {
            return std::nullopt;
        }
        const auto marker = bytes.byte(at + 1);
        if (marker == 0xFF) {  // fill
            ++at;
            continue;
        }
        if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8)) {  // stand alone
            at += 2;
            continue;
        }
        const bool is_frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
        if (is_frame) {
            return size_of(bytes.big(at + 7, 2), bytes.big(at + 5, 2));
        }
        const auto length = bytes.big(at + 2, 2);
        if (marker == 0xDA || marker == 0xD9 || length < 2) {  // the picture, or the end
            return std::nullopt;
        }
        at += 2 + length;
    }
    return std::nullopt;
}

}  // namespace

std::optional<ImageSize> image_size(std::string_view text) {
    const Bytes bytes(text);
    if (bytes.has(0, "\xFF\xD8\xFF")) {
        return jpeg_size(bytes);
    }
    if (bytes.has(0, "\x89PNG\r\n\x1A\n")) {
        return png_size(bytes);
    }
    if (bytes.has(0, "RIFF") && bytes.has(8, "WEBP")) {
        return webp_size(bytes);
    }
    if (bytes.has(0, "GIF87a") || bytes.has(0, "GIF89a")) {
        return gif_size(bytes);
    }
    return std::nullopt;
}

std::optional<ImageSize> data_url_image_size(std::string_view url) {
    const auto comma = url.find(',');
    if (comma == std::string_view::npos || !to_lower_ascii(url.substr(0, comma)).ends_with(";base64")) {
        return std::nullopt;
    }
    const auto payload = url.substr(comma + 1);
    const auto size_within = [](std::string_view base64) {
        const auto bytes = base64_decode(base64);
        return bytes ? image_size(*bytes) : std::nullopt;
    };
    const auto size = size_within(payload.substr(0, kBeginningBytes));
    return size || payload.size() <= kBeginningBytes ? size : size_within(payload);
}

}  // namespace eco2::batch
