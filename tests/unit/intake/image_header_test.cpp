#include "intake/image_header.hpp"

#include "unit/intake/test_images.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <string>

namespace eco2::intake {
namespace {

using namespace std::string_literals;

TEST(ImageHeader, tells_kind_and_size_of_what_is_taken) {
    struct Case {
        std::string suffix;
        ImageKind kind;
    };
    for (const auto& [suffix, kind] : {Case{".jpg", ImageKind::jpeg},
                                       Case{".jpg[interlace]", ImageKind::jpeg},
                                       Case{".png", ImageKind::png},
                                       Case{".png[interlace]", ImageKind::png},
                                       Case{".webp", ImageKind::webp},
                                       Case{".webp[lossless]", ImageKind::webp}}) {
        const auto header = check_image_header(draw({.width = 70, .height = 41}, suffix), {});
        ASSERT_TRUE(header) << suffix << ' ' << header.error().text();
        EXPECT_EQ(header->kind, kind) << suffix;
        EXPECT_EQ(header->width, 70) << suffix;
        EXPECT_EQ(header->height, 41) << suffix;
    }
    const auto with_alpha = check_image_header(draw({.width = 70, .height = 41, .alpha = 99}, ".webp"), {});
    ASSERT_TRUE(with_alpha) << with_alpha.error().text();
    EXPECT_EQ(with_alpha->width, 70);
    EXPECT_EQ(with_alpha->height, 41);
}

TEST(ImageHeader, names_what_is_not_taken_and_what_to_send) {
    struct Case {
        std::string bytes;
        std::string named;
    };
    for (const auto& [bytes, named] : {Case{"GIF89a......", "GIF"},
                                       Case{"\0\0\0\x18"s + "ftypheic....", "HEIC"},
                                       Case{"\0\0\0\x18"s + "ftypmif1....", "HEIC"},
                                       Case{"\0\0\0\x18"s + "ftypavif....", "AVIF"},
                                       Case{"\0\0\0\x18"s + "ftypisom....", "video"},
                                       Case{"II*\0"s, "TIFF"},
                                       Case{"MM\0*"s, "TIFF"},
                                       Case{"%PDF-1.7", "PDF"},
                                       Case{"BM....", "BMP"},
                                       Case{"<?xml version='1.0'?><svg/>", "SVG"},
                                       Case{"사진이 아닙니다", "text"},
                                       Case{"\x80\x01\x02", "no image"}}) {
        const auto header = check_image_header(bytes, {});
        ASSERT_FALSE(header) << named;
        EXPECT_EQ(header.error().code, Errc::image_unsupported) << named;
        EXPECT_NE(header.error().detail.find(named), std::string::npos) << header.error().detail;
        EXPECT_NE(header.error().detail.find("send JPEG"), std::string::npos) << header.error().detail;
    }
}

TEST(ImageHeader, text_cut_inside_a_character_is_still_text) {
    std::string bytes(1'023, 'a');
    bytes += "가";
    EXPECT_NE(check_image_header(bytes, {}).error().detail.find("text"), std::string::npos);
}

TEST(ImageHeader, limits_hold_at_their_borders) {
    ImageLimits limits{.bytes_max = 100'000, .side_min = 40, .side_max = 100, .pixels_max = 7'000};
    const auto code = [&](int width, int height) {
        const auto header = check_image_header(draw({.width = width, .height = height}, ".png"), limits);
        return header ? "ok"s : std::string(header.error().name());
    };
    EXPECT_EQ(code(40, 40), "ok");
    EXPECT_EQ(code(39, 40), "IMAGE_TOO_SMALL");
    EXPECT_EQ(code(40, 39), "IMAGE_TOO_SMALL");
    EXPECT_EQ(code(100, 70), "ok");
    EXPECT_EQ(code(101, 40), "IMAGE_TOO_LARGE");
    EXPECT_EQ(code(40, 101), "IMAGE_TOO_LARGE");
    EXPECT_EQ(code(100, 71), "IMAGE_TOO_LARGE");
    const auto png = draw({.width = 40, .height = 40}, ".png");
    limits.bytes_max = png.size();
    EXPECT_TRUE(check_image_header(png, limits));
    limits.bytes_max = png.size() - 1;
    EXPECT_EQ(check_image_header(png, limits).error().code, Errc::image_too_large);
    EXPECT_EQ(check_image_header("", limits).error().code, Errc::image_empty);
}

TEST(ImageHeader, png_and_webp_cut_at_any_byte_are_refused) {
    for (const auto* suffix : {".png", ".webp", ".webp[lossless]"}) {
        const auto whole = draw({}, suffix);
        ASSERT_TRUE(check_image_header(whole, {})) << suffix;
        for (std::size_t size = 0; size < whole.size(); ++size) {
            ASSERT_FALSE(check_image_header(whole.substr(0, size), {})) << suffix << " cut at " << size;
        }
    }
}

TEST(ImageHeader, a_jpeg_cut_before_its_frame_is_refused_wherever_it_is_cut) {
    const auto whole = draw({.orientation = 6}, ".jpg");
    std::size_t size = 0;
    while (size < whole.size() && !check_image_header(whole.substr(0, size), {})) {
        ++size;
    }
    EXPECT_GT(size, 100U);
    for (; size < whole.size(); ++size) {
        ASSERT_TRUE(check_image_header(whole.substr(0, size), {})) << size;
    }
}

TEST(ImageHeader, every_wrong_byte_gives_an_answer) {
    for (const auto* suffix : {".jpg", ".png", ".webp", ".webp[lossless]"}) {
        const auto whole = draw({.width = 33, .height = 33}, suffix);
        for (std::size_t at = 0; at < whole.size(); ++at) {
            for (const char wrong : {'\0', '\xff', '\x7f'}) {
                auto bytes = whole;
                bytes[at] = wrong;
                const auto header = check_image_header(bytes, {});
                if (header) {
                    EXPECT_GE(header->width, 32);
                    EXPECT_LE(header->width, 12'000);
                }
            }
        }
    }
}

TEST(ImageHeader, nine_hundred_megapixels_cost_next_to_nothing) {
    const auto bomb = support_file("bad_images/bomb-30000x30000-1bit.png");
    const auto cpu_ms = [] {
        timespec time{};
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
        return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
    };
    const auto before = cpu_ms();
    const auto header = check_image_header(bomb, {});
    EXPECT_LT(cpu_ms() - before, 50);
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error().code, Errc::image_too_large);
}

TEST(ImageHeader, endless_segments_are_not_read_to_their_end) {
    const std::string segment = "\xff\xfe\0\x02"s;
    std::string jpeg = "\xff\xd8"s;
    for (std::size_t i = 0; i < limits::kImageSegmentsMax + 10; ++i) {
        jpeg += segment;
    }
    jpeg += draw({}, ".jpg").substr(2);
    const auto header = check_image_header(jpeg, {});
    ASSERT_FALSE(header);
    EXPECT_NE(header.error().detail.find("too many"), std::string::npos);
}

TEST(ImageHeader, animation_is_refused) {
    auto webp = draw({.alpha = 99}, ".webp");
    ASSERT_EQ(webp.substr(12, 4), "VP8X");
    webp[20] = static_cast<char>(webp[20] | 0x02);
    EXPECT_EQ(check_image_header(webp, {}).error().code, Errc::image_unsupported);
    auto png = draw({}, ".png");
    png.insert(33, "\0\0\0\x08"s + "acTL" + "\0\0\0\x02\0\0\0\0"s + "crc!");
    EXPECT_EQ(check_image_header(png, {}).error().code, Errc::image_unsupported);
}

TEST(PlainJpeg, is_a_picture_and_nothing_else) {
    const auto plain = draw({}, ".jpg[strip]");
    const auto progressive = draw({}, ".jpg[strip,interlace]");
    EXPECT_TRUE(is_plain_jpeg(plain));
    EXPECT_FALSE(is_plain_jpeg(progressive));
    EXPECT_FALSE(is_plain_jpeg(plain + "x")) << "a byte behind its end";
    EXPECT_FALSE(is_plain_jpeg(plain + plain));
    for (std::size_t cut = 0; cut < plain.size(); ++cut) {
        EXPECT_FALSE(is_plain_jpeg(std::string_view(plain).substr(0, cut))) << cut;
    }
    const auto with = [&](const std::string& segment) { return plain.substr(0, 2) + segment + plain.substr(2); };
    EXPECT_FALSE(
        is_plain_jpeg(with(std::string("\xff\xe1\0\x08"
                                       "Exif\0\0",
                                       10))))
        << "metadata";
    EXPECT_FALSE(
        is_plain_jpeg(with(std::string("\xff\xe2\0\x04"
                                       "IC",
                                       6))))
        << "a profile";
    EXPECT_FALSE(
        is_plain_jpeg(with(std::string("\xff\xfe\0\x04"
                                       "hi",
                                       6))))
        << "a comment";
    EXPECT_FALSE(
        is_plain_jpeg(with(std::string("\xff\xe0\0\x04"
                                       "hi",
                                       6))))
        << "something that is no JFIF";
    for (const auto* file : {"bad_images/exif-gps.jpg",
                             "bad_images/exif-orientation-6.jpg",
                             "bad_images/progressive.jpg",
                             "bad_images/grey.jpg",
                             "bad_images/cmyk.jpg",
                             "bad_images/jpeg-with-trailing-zip.jpg",
                             "bad_images/truncated-half.jpg",
                             "bad_images/ok.webp"}) {
        EXPECT_FALSE(is_plain_jpeg(support_file(file))) << file;
    }
}

}  // namespace
}  // namespace eco2::intake
