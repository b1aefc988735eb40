#include "batch/money/image_size.hpp"

#include "base/text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace eco2::batch {
namespace {

std::string big(unsigned value, std::size_t count) {
    std::string out;
    for (std::size_t i = count; i > 0; --i) {
        out += static_cast<char>(value >> (8 * (i - 1)));
    }
    return out;
}

std::string little(unsigned value, std::size_t count) {
    const auto turned = big(value, count);
    return {turned.rbegin(), turned.rend()};
}

std::string png(unsigned width, unsigned height) {
    return "\x89PNG\r\n\x1A\n" + big(13, 4) + "IHDR" + big(width, 4) + big(height, 4);
}

std::string segment(unsigned char marker, const std::string& body) {
    return std::string("\xFF") + static_cast<char>(marker) + big(static_cast<unsigned>(body.size() + 2), 2) + body;
}

std::string jpeg(unsigned width, unsigned height, const std::string& before = {}, unsigned char frame = 0xC0) {
    return "\xFF\xD8" + before + segment(frame, std::string(1, 8) + big(height, 2) + big(width, 2) + std::string(10, '\3'));
}

std::string webp(const std::string& chunk, const std::string& body) {
    return "RIFF" + little(100, 4) + "WEBP" + chunk + little(50, 4) + body + std::string(20, '\0');
}

TEST(ImageSize, every_form_says_its_size) {
    EXPECT_EQ(image_size(png(1'800, 2'400)), (ImageSize{1'800, 2'400}));
    EXPECT_EQ(image_size("GIF89a" + little(640, 2) + little(480, 2)), (ImageSize{640, 480}));
    EXPECT_EQ(image_size(jpeg(4'032, 3'024)), (ImageSize{4'032, 3'024}));
    EXPECT_EQ(image_size(jpeg(4'032, 3'024, {}, 0xC2)), (ImageSize{4'032, 3'024})) << "progressive";
    EXPECT_EQ(image_size(webp("VP8X", std::string(4, '\0') + little(799, 3) + little(599, 3))), (ImageSize{800, 600}));
    EXPECT_EQ(image_size(webp("VP8L", "\x2F" + little(799U | 599U << 14U, 4))), (ImageSize{800, 600}));
    EXPECT_EQ(image_size(webp("VP8 ", std::string("\0\0\0\x9D\x01\x2A", 6) + little(800, 2) + little(600, 2))),
              (ImageSize{800, 600}));
}

TEST(ImageSize, a_jpegs_metadata_is_gone_over) {
    const auto before = segment(0xE1, std::string(60'000, '\xFF')) + segment(0xC4, "tables") + "\xFF\xFF" +
                        segment(0xE2, std::string(100, 'p')).substr(1);
    EXPECT_EQ(image_size(jpeg(30, 20, before)), (ImageSize{30, 20}));
}

TEST(ImageSize, what_is_no_image_or_says_nothing_has_no_size) {
    for (const std::string bytes : {"", "\xFF\xD8\xFF", "hello, this is a text of some length", "GIF89a", "RIFF....WEBPVP8?"}) {
        EXPECT_EQ(image_size(bytes), std::nullopt) << bytes;
    }
    EXPECT_EQ(image_size(png(0, 10)), std::nullopt);
    EXPECT_EQ(image_size(png(0xFFFF'FFFF, 10)), std::nullopt);
    EXPECT_EQ(image_size("\xFF\xD8" + segment(0xDA, std::string(40, 'x'))), std::nullopt) << "picture before its frame";
    EXPECT_EQ(image_size("\xFF\xD8\xFF\xE0" + big(1, 2) + std::string(40, '\0')), std::nullopt) << "a segment too short";
}

TEST(ImageSize, an_image_cut_at_any_byte_has_its_size_or_none) {
    const auto before = segment(0xE1, "Exif");
    for (const auto& whole : {png(17, 19),
                              jpeg(17, 19, before),
                              "GIF89a" + little(17, 2) + little(19, 2),
                              webp("VP8X", std::string(4, '\0') + little(16, 3) + little(18, 3))}) {
        const auto size = image_size(whole);
        ASSERT_EQ(size, (ImageSize{17, 19}));
        for (std::size_t at = 0; at < whole.size(); ++at) {
            const auto cut = image_size(whole.substr(0, at));
            EXPECT_TRUE(!cut || cut == size) << at;
        }
    }
}

TEST(ImageSize, a_data_url_says_it_with_its_beginning_or_with_all_of_it) {
    const auto url = [](const std::string& bytes) { return "data:image/jpeg;base64," + base64_encode(bytes); };
    EXPECT_EQ(data_url_image_size(url(jpeg(30, 20) + std::string(1'000'000, 'x'))), (ImageSize{30, 20}));
    const auto late = segment(0xE1, std::string(60'000, 'a')) + segment(0xE1, std::string(60'000, 'b'));
    EXPECT_EQ(data_url_image_size(url(jpeg(30, 20, late))), (ImageSize{30, 20}));
    EXPECT_EQ(data_url_image_size("data:image/png,abc"), std::nullopt);
    EXPECT_EQ(data_url_image_size("data:image/png;base64,%%%%"), std::nullopt);
    EXPECT_EQ(data_url_image_size("https://a.example/b.png"), std::nullopt);
}

}  // namespace
}  // namespace eco2::batch
