#include "intake/photo.hpp"
#include "support/threaded_executor.hpp"
#include "unit/intake/test_images.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace eco2::intake {
namespace {

class HostilePhoto : public testing::Test {
protected:
    std::string outcome(const std::string& bytes) {
        const auto photo = prepare(intake_, executor_, bytes);
        return photo ? "ok" : std::string(photo.error().name());
    }

    test::ThreadedExecutor executor_{1};
    PhotoIntake intake_{{}, executor_, null_log()};
};

TEST_F(HostilePhoto, every_bad_image_gets_the_answer_that_its_list_names) {
    struct Case {
        const char* file;
        const char* wanted;
    };
    for (const auto& [file, wanted] : {Case{"zero-bytes.jpg", "IMAGE_EMPTY"},
                                       Case{"text-file.jpg", "IMAGE_UNSUPPORTED"},
                                       Case{"html-with-jpeg-magic.jpg", "IMAGE_BROKEN"},
                                       Case{"truncated-header.jpg", "IMAGE_BROKEN"},
                                       Case{"truncated-half.jpg", "IMAGE_BROKEN"},
                                       Case{"lying-header-65000.jpg", "IMAGE_TOO_LARGE"},
                                       Case{"bomb-8000x8000.png", "IMAGE_TOO_LARGE"},
                                       Case{"bomb-30000x30000-1bit.png", "IMAGE_TOO_LARGE"},
                                       Case{"png-renamed.jpg", "ok"},
                                       Case{"animated.gif", "IMAGE_UNSUPPORTED"},
                                       Case{"heic-like-header.heic", "IMAGE_UNSUPPORTED"},
                                       Case{"script.svg", "IMAGE_UNSUPPORTED"},
                                       Case{"one-pixel.png", "IMAGE_TOO_SMALL"},
                                       Case{"thin-4000x8.png", "IMAGE_TOO_SMALL"},
                                       Case{"exif-orientation-6.jpg", "ok"},
                                       Case{"exif-gps.jpg", "ok"},
                                       Case{"progressive.jpg", "ok"},
                                       Case{"grey.jpg", "ok"},
                                       Case{"cmyk.jpg", "ok"},
                                       Case{"ok.webp", "ok"},
                                       Case{"jpeg-with-trailing-zip.jpg", "ok"}}) {
        EXPECT_EQ(outcome(support_file(std::string("bad_images/") + file)), wanted) << file;
    }
}

TEST_F(HostilePhoto, place_and_camera_are_gone) {
    const auto bytes = support_file("bad_images/exif-gps.jpg");
    ASSERT_NE(bytes.find("Exif"), std::string::npos) << "the test needs a photo with EXIF";
    const auto photo = prepare(intake_, executor_, bytes).value();
    for (const auto* word : {"Exif", "GPS", "http://ns.adobe.com", "ICC_PROFILE"}) {
        EXPECT_EQ(photo.bytes.find(word), std::string::npos) << word;
    }
    EXPECT_EQ(photo.bytes.find("\xff\xe1"), std::string::npos) << "no APP1 segment";
}

TEST_F(HostilePhoto, odd_but_legal_photos_come_out_as_baseline_with_three_components) {
    for (const auto* file : {"progressive.jpg", "grey.jpg", "cmyk.jpg", "ok.webp", "png-renamed.jpg"}) {
        const auto photo = prepare(intake_, executor_, support_file(std::string("bad_images/") + file)).value();
        EXPECT_TRUE(is_plain_jpeg(photo.bytes)) << file;
    }
}

TEST_F(HostilePhoto, a_photo_on_its_side_is_turned) {
    const auto bytes = support_file("bad_images/exif-orientation-6.jpg");
    const auto lying = check_image_header(bytes, {}).value();
    const auto photo = prepare(intake_, executor_, bytes).value();
    EXPECT_EQ(lying.width > lying.height, photo.width < photo.height);
}

TEST_F(HostilePhoto, bytes_after_the_picture_are_dropped) {
    const auto bytes = support_file("bad_images/jpeg-with-trailing-zip.jpg");
    const auto tail = bytes.substr(bytes.size() - 16);
    const auto photo = prepare(intake_, executor_, bytes).value();
    EXPECT_EQ(photo.bytes.find(tail), std::string::npos);
    EXPECT_TRUE(photo.bytes.ends_with("\xff\xd9"));
}

TEST_F(HostilePhoto, a_photo_cut_anywhere_is_refused) {
    const Drawing noise{.width = 48, .height = 40, .is_noise = true};
    for (const auto* suffix : {".jpg", ".jpg[interlace]", ".png", ".png[interlace]", ".webp", ".webp[lossless]"}) {
        const auto whole = draw(noise, suffix);
        ASSERT_EQ(outcome(whole), "ok") << suffix;
        for (std::size_t size = 0; size < whole.size(); size += 16) {
            ASSERT_NE(outcome(whole.substr(0, size)), "ok") << suffix << " cut at " << size << " of " << whole.size();
        }
        EXPECT_NE(outcome(whole.substr(0, whole.size() - 1)), "ok") << suffix << " without its last byte";
    }
}

TEST_F(HostilePhoto, a_webp_or_png_cut_with_its_lengths_made_to_fit_is_refused) {
    auto webp = draw({.width = 48, .height = 40, .is_noise = true}, ".webp");
    webp.resize(webp.size() / 2 & ~std::size_t{1});
    const auto put_length = [&](std::size_t at, std::size_t value) {
        for (std::size_t i = 0; i < 4; ++i) {
            webp[at + i] = static_cast<char>(value >> (8 * i) & 0xffU);
        }
    };
    put_length(4, webp.size() - 8);
    put_length(16, webp.size() - 20);
    EXPECT_NE(outcome(webp), "ok");

    const auto png = draw({.width = 48, .height = 40, .is_noise = true}, ".png");
    const auto end = png.substr(png.size() - 12);
    const auto data = png.find("IDAT");
    EXPECT_NE(outcome(png.substr(0, data - 4) + end), "ok") << "no picture at all";
}

TEST_F(HostilePhoto, wrong_bytes_anywhere_give_an_answer) {
    for (const auto* suffix : {".jpg", ".png", ".webp"}) {
        const auto whole = draw({.width = 40, .height = 40, .is_noise = true, .orientation = 3}, suffix);
        const auto step = std::max<std::size_t>(whole.size() / 150, 1);
        for (std::size_t at = 3; at < whole.size(); at += step) {
            auto bytes = whole;
            bytes[at] = static_cast<char>(bytes[at] ^ 0x55);
            const auto result = outcome(bytes);
            EXPECT_TRUE(result == "ok" || result.starts_with("IMAGE_")) << result;
        }
    }
}

}  // namespace
}  // namespace eco2::intake
