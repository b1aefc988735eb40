#include "intake/image_header.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace eco2::intake {
namespace {

using namespace std::string_view_literals;

constexpr auto kPngMagic = "\x89PNG\r\n\x1a\n"sv;

// Big-endian and little-endian numbers; the caller has checked that the bytes are there.
std::uint32_t big(std::string_view bytes, std::size_t at, std::size_t length) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < length; ++i) {
        value = value << 8U | static_cast<unsigned char>(bytes[at + i]);
    }
    return value;
}

std::uint32_t little(std::string_view bytes, std::size_t at, std::size_t length) {
    std::uint32_t value = 0;
    for (std::size_t i = length; i > 0; --i) {
        value = value << 8U | static_cast<unsigned char>(bytes[at + i - 1]);
    }
    return value;
}

Error broken(std::string detail) {
    return fail(Errc::image_broken, std::move(detail));
}

// Sides as the file tells them; 0 and what an int cannot hold are refused here, the rest by the limits.
Result<ImageHeader> header_of(ImageKind kind, std::uint32_t width, std::uint32_t height) {
    constexpr std::uint32_t kSideReadable = 0x7fffffff;
    if (width == 0 || height == 0 || width > kSideReadable || height > kSideReadable) {
        return broken("the image says that it has no pixels");
    }
    return ImageHeader{kind, static_cast<int>(width), static_cast<int>(height)};
}

bool is_jpeg_frame(unsigned marker) {
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

bool stands_alone(unsigned marker) {
    return marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7);
}

Result<ImageHeader> read_jpeg(std::string_view bytes) {
    std::size_t at = 2;
    for (std::size_t segments = 0; segments < limits::kImageSegmentsMax; ++segments) {
        if (at >= bytes.size() || bytes[at] != '\xff') {
            return broken("the JPEG is cut off or damaged before its picture begins");
        }
        at = bytes.find_first_not_of('\xff', at);
        if (at == std::string_view::npos || bytes.size() - at < 3) {
            return broken("the JPEG is cut off before its picture begins");
        }
        const auto marker = static_cast<unsigned>(static_cast<unsigned char>(bytes[at++]));
        if (stands_alone(marker)) {
            continue;
        }
        const std::size_t length = big(bytes, at, 2);
        const bool has_no_frame = marker == 0xd8 || marker == 0xd9 || marker == 0xda;
        if (has_no_frame || length < 2 || bytes.size() - at < length) {
            return broken("the JPEG is cut off or damaged before its picture begins");
        }
        if (is_jpeg_frame(marker)) {
            return length < 8 ? broken("the JPEG's frame header is damaged")
                              : header_of(ImageKind::jpeg, big(bytes, at + 5, 2), big(bytes, at + 3, 2));
        }
        at += length;
    }
    return broken("the JPEG has too many segments");
}

Result<ImageHeader> read_png(std::string_view bytes) {
    constexpr std::size_t kFrame = 12;  // length, name, checksum
    std::size_t at = kPngMagic.size();
    Result<ImageHeader> header = broken("the PNG has no header");
    for (std::size_t chunks = 0; chunks < limits::kImageSegmentsMax; ++chunks) {
        if (bytes.size() - at < kFrame || bytes.size() - at - kFrame < big(bytes, at, 4)) {
            return broken("the PNG is cut off");
        }
        const std::size_t length = big(bytes, at, 4);
        const auto name = bytes.substr(at + 4, 4);
        if ((chunks == 0) != (name == "IHDR"sv) || (chunks == 0 && length != 13)) {
            return broken("the PNG's header is damaged");
        }
        if (chunks == 0) {
            header = header_of(ImageKind::png, big(bytes, at + 8, 4), big(bytes, at + 12, 4));
        } else if (name == "acTL"sv) {
            return fail(Errc::image_unsupported, "this is an animated PNG: send one picture as JPEG, PNG or WebP");
        } else if (name == "IEND"sv) {
            return header;
        }
        at += kFrame + length;
    }
    return broken("the PNG has too many chunks");
}

Result<ImageHeader> read_webp(std::string_view bytes) {
    constexpr std::size_t kHeadBytes = 30;  // all three forms tell their size within it
    if (bytes.size() < kHeadBytes || bytes.size() - 8 < little(bytes, 4, 4)) {
        return broken("the WebP is cut off");
    }
    const auto form = bytes.substr(12, 4);
    if (form == "VP8X"sv) {
        if ((little(bytes, 20, 1) & 0x02U) != 0) {
            return fail(Errc::image_unsupported, "this is an animated WebP: send one picture as JPEG, PNG or WebP");
        }
        return header_of(ImageKind::webp, little(bytes, 24, 3) + 1, little(bytes, 27, 3) + 1);
    }
    if (form == "VP8L"sv && bytes[20] == '\x2f') {
        const auto packed = little(bytes, 21, 4);
        return header_of(ImageKind::webp, (packed & 0x3fffU) + 1, (packed >> 14U & 0x3fffU) + 1);
    }
    if (form == "VP8 "sv && bytes.substr(23, 3) == "\x9d\x01\x2a"sv) {
        return header_of(ImageKind::webp, little(bytes, 26, 2) & 0x3fffU, little(bytes, 28, 2) & 0x3fffU);
    }
    return broken("the WebP's header is damaged");
}

struct ForeignKind {
    std::size_t at;
    std::string_view magic;
    std::string_view name;
};

constexpr std::array kForeignKinds = {
    ForeignKind{0, "GIF8"sv, "a GIF"},
    ForeignKind{4, "ftypavif"sv, "an AVIF image"},
    ForeignKind{4, "ftypavis"sv, "an AVIF image"},
    ForeignKind{4, "ftyphei"sv, "a HEIC photo"},
    ForeignKind{4, "ftyphev"sv, "a HEIC photo"},
    ForeignKind{4, "ftypmif1"sv, "a HEIC photo"},
    ForeignKind{4, "ftypmsf1"sv, "a HEIC photo"},
    ForeignKind{4, "ftyp"sv, "a video"},
    ForeignKind{0, "II*\0"sv, "a TIFF"},
    ForeignKind{0, "MM\0*"sv, "a TIFF"},
    ForeignKind{0, "%PDF"sv, "a PDF"},
    ForeignKind{0, "BM"sv, "a BMP"},
    ForeignKind{0, "\xff\x0a"sv, "a JPEG XL image"},
    ForeignKind{4, "JXL "sv, "a JPEG XL image"},
    ForeignKind{4, "jP  "sv, "a JPEG 2000 image"},
    ForeignKind{0, "8BPS"sv, "a Photoshop file"},
    ForeignKind{0, "PK\x03\x04"sv, "a ZIP archive"},
};

std::optional<std::string_view> text_kind(std::string_view bytes) {
    constexpr std::size_t kSample = 1'024;
    const auto sample = bytes.substr(0, kSample);
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t'; };
    if (std::any_of(sample.begin(), sample.end(), is_control)) {
        return std::nullopt;
    }
    const auto lower = to_lower_ascii(sample);
    if (lower.find("<svg") != std::string::npos || lower.find("<!doctype svg") != std::string::npos) {
        return "an SVG";
    }
    // A character may be cut at the sample's end; whole characters of up to four bytes stand before it.
    for (std::size_t cut = 0; cut < std::min<std::size_t>(4, sample.size()); ++cut) {
        if (is_valid_utf8(sample.substr(0, sample.size() - cut))) {
            return "text";
        }
    }
    return std::nullopt;
}

Error unsupported(std::string_view bytes) {
    std::string_view name = "no image that is known here";
    const auto* known = std::find_if(kForeignKinds.begin(), kForeignKinds.end(), [&](const ForeignKind& kind) {
        return bytes.size() >= kind.at && bytes.substr(kind.at).starts_with(kind.magic);
    });
    if (known != kForeignKinds.end()) {
        name = known->name;
    } else if (const auto text = text_kind(bytes)) {
        name = *text;
    }
    const auto* wanted = name == "a HEIC photo"sv ? ", which is not supported: send JPEG" : ": send JPEG, PNG or WebP";
    return fail(Errc::image_unsupported, "this is " + std::string(name) + wanted);
}

Result<ImageHeader> read_header(std::string_view bytes) {
    if (bytes.starts_with("\xff\xd8\xff"sv)) {
        return read_jpeg(bytes);
    }
    if (bytes.starts_with(kPngMagic)) {
        return read_png(bytes);
    }
    if (bytes.starts_with("RIFF"sv) && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP"sv) {
        return read_webp(bytes);
    }
    return unsupported(bytes);
}

}  // namespace

Result<ImageHeader> check_image_header(std::string_view bytes, const ImageLimits& limits) {
    if (bytes.empty()) {
        return fail(Errc::image_empty, "the image has no bytes");
    }
    if (bytes.size() > limits.bytes_max) {
        return fail(Errc::image_too_large,
                    "the image has " + std::to_string(bytes.size()) + " bytes; at most " + std::to_string(limits.bytes_max) +
                        " are taken");
    }
    auto header = read_header(bytes);
    if (!header) {
        return header;
    }
    const auto size = std::to_string(header->width) + " by " + std::to_string(header->height) + " pixels";
    if (std::min(header->width, header->height) < limits.side_min) {
        return fail(Errc::image_too_small,
                    "the image has " + size + "; both sides need at least " + std::to_string(limits.side_min));
    }
    if (std::max(header->width, header->height) > limits.side_max ||
        static_cast<long>(header->width) * header->height > limits.pixels_max) {
        return fail(Errc::image_too_large,
                    "the image has " + size + "; at most " + std::to_string(limits.side_max) + " a side and " +
                        std::to_string(limits.pixels_max) + " in all are taken");
    }
    return header;
}

bool is_plain_jpeg(std::string_view bytes) noexcept {
    if (!bytes.starts_with("\xff\xd8"sv)) {
        return false;
    }
    bool has_frame = false;
    for (std::size_t at = 2; bytes.size() - at >= 2 && bytes[at] == '\xff';) {
        const auto marker = static_cast<unsigned>(static_cast<unsigned char>(bytes[at + 1]));
        if (marker == 0xd9) {
            return has_frame && at + 2 == bytes.size();
        }
        const std::size_t length = bytes.size() - at >= 4 ? big(bytes, at + 2, 2) : 0;
        if (length < 2 || bytes.size() - at - 2 < length) {
            return false;
        }
        const auto body = bytes.substr(at + 4, length - 2);
        at += 2 + length;
        switch (marker) {
            case 0xe0:  // JFIF, without a thumbnail
                if (body.size() != 14 || !body.starts_with("JFIF\0"sv) || !body.ends_with("\0\0"sv)) {
                    return false;
                }
                break;
            case 0xc0:  // baseline, as all that is sent on is
                has_frame = body.size() >= 6 && body[0] == 8 && body[5] == 3;
                if (!has_frame) {
                    return false;
                }
                break;
            case 0xc4:
            case 0xdb:
            case 0xdd: break;
            case 0xda:  // the picture's data, up to a marker that is neither stuffing nor a restart
                for (;; at += 2) {
                    at = bytes.find('\xff', at);
                    if (at == std::string_view::npos || bytes.size() - at < 2) {
                        return false;
                    }
                    const auto next = static_cast<unsigned>(static_cast<unsigned char>(bytes[at + 1]));
                    if (next != 0 && (next < 0xd0 || next > 0xd7)) {
                        break;
                    }
                }
                break;
            default: return false;
        }
    }
    return false;
}

}  // namespace eco2::intake
