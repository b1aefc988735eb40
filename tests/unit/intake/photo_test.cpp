#include "intake/photo.hpp"

#include "support/threaded_executor.hpp"
#include "unit/intake/test_images.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <map>
#include <mutex>
#include <tuple>

namespace eco2::intake {
namespace {

using Colour = std::array<double, 3>;

bool is_near(const Colour& one, const Colour& other, double distance) {
    double largest = 0;
    for (std::size_t i = 0; i < one.size(); ++i) {
        largest = std::max(largest, std::abs(one[i] - other[i]));
    }
    return largest <= distance;
}

void expect_near(const Colour& is, const Colour& wanted, double distance = 12) {
    EXPECT_TRUE(is_near(is, wanted, distance))
        << is[0] << ' ' << is[1] << ' ' << is[2] << " instead of " << wanted[0] << ' ' << wanted[1] << ' ' << wanted[2];
}

class PhotoTest : public testing::Test {
protected:
    Photo prepared(const std::string& bytes) {
        auto photo = prepare(intake_, executor_, bytes);
        EXPECT_TRUE(photo) << photo.error().text();
        return photo ? std::move(*photo) : Photo{};
    }

    // What every prepared photo is, whatever came in.
    static Pixels checked_pixels(const Photo& photo) {
        EXPECT_EQ(photo.mime, "image/jpeg");
        const auto header = check_image_header(photo.bytes, {});
        EXPECT_TRUE(header) << header.error().text();
        EXPECT_NE(photo.bytes.find("\xff\xc0"), std::string::npos) << "a baseline frame";
        for (const auto* word : {"Exif", "GPS", "http", "ICC_PROFILE", "xpacket"}) {
            EXPECT_EQ(photo.bytes.find(word), std::string::npos) << word;
        }
        const auto pixels = decode_for_test(photo.bytes);
        EXPECT_EQ(pixels.bands, 3);
        EXPECT_TRUE(pixels.is_srgb);
        EXPECT_EQ(pixels.width, photo.width);
        EXPECT_EQ(pixels.height, photo.height);
        return pixels;
    }

    test::ThreadedExecutor executor_{2};
    PhotoIntake intake_{{}, executor_, null_log()};
};

TEST_F(PhotoTest, every_kind_of_pixels_becomes_the_same_three_channel_jpeg) {
    const Drawing drawing;
    Drawing grey = drawing;
    grey.is_grey = true;
    Drawing deep = drawing;
    deep.is_16_bit = true;
    Drawing deep_grey = grey;
    deep_grey.is_16_bit = true;
    Drawing opaque = drawing;
    opaque.alpha = 255;
    for (const auto& [drawn, suffix, is_coloured] : {std::tuple{drawing, ".jpg", true},
                                                     std::tuple{drawing, ".jpg[interlace]", true},
                                                     std::tuple{drawing, ".png", true},
                                                     std::tuple{drawing, ".png[interlace]", true},
                                                     std::tuple{drawing, ".png[palette]", true},
                                                     std::tuple{drawing, ".webp", true},
                                                     std::tuple{drawing, ".webp[lossless]", true},
                                                     std::tuple{opaque, ".png", true},
                                                     std::tuple{opaque, ".webp", true},
                                                     std::tuple{deep, ".png", true},
                                                     std::tuple{grey, ".jpg", false},
                                                     std::tuple{grey, ".png", false},
                                                     std::tuple{deep_grey, ".png", false}}) {
        SCOPED_TRACE(std::string(suffix) + (drawn.is_16_bit ? " 16 bit" : "") + (drawn.is_grey ? " grey" : ""));
        const auto pixels = checked_pixels(prepared(draw(drawn, suffix)));
        EXPECT_EQ(pixels.width, drawn.width);
        EXPECT_EQ(pixels.height, drawn.height);
        if (is_coloured) {
            expect_near(pixels.at(0.2, 0.5), drawn.left);
            expect_near(pixels.at(0.8, 0.5), drawn.right);
        } else {
            const auto colour = pixels.at(0.2, 0.5);
            expect_near(colour, {colour[0], colour[0], colour[0]}, 3);
            EXPECT_GT(colour[0], 40);
            EXPECT_LT(colour[0], 160);
        }
    }
}

TEST_F(PhotoTest, a_cmyk_photo_keeps_its_colours_about) {
    Drawing drawing;
    drawing.is_cmyk = true;
    drawing.left = {180, 80, 60};
    const auto pixels = checked_pixels(prepared(draw(drawing, ".jpg")));
    expect_near(pixels.at(0.2, 0.5), drawing.left, 45);
    const auto cmyk = checked_pixels(prepared(support_file("bad_images/cmyk.jpg")));
    const auto original = checked_pixels(prepared(support_file("photos/glass_bottle.jpg")));
    EXPECT_EQ(cmyk.width, original.width);
    expect_near(cmyk.at(0.5, 0.5), original.at(0.5, 0.5), 60);
    expect_near(cmyk.at(0.1, 0.1), original.at(0.1, 0.1), 60);
}

TEST_F(PhotoTest, a_wide_gamut_profile_is_applied_and_an_srgb_profile_changes_nothing) {
    for (const auto* profile : {"srgb", "p3"}) {
        for (const auto* suffix : {".jpg", ".png"}) {
            SCOPED_TRACE(std::string(profile) + suffix);
            Drawing drawing;
            drawing.left = {180, 80, 60};
            drawing.right = {90, 120, 170};
            drawing.profile = profile;
            const auto photo = draw(drawing, suffix);
            const auto pixels = checked_pixels(prepared(photo));
            expect_near(pixels.at(0.2, 0.5), drawing.left);
            expect_near(pixels.at(0.8, 0.5), drawing.right);
        }
    }
}

TEST_F(PhotoTest, transparent_pixels_become_white) {
    for (const auto* suffix : {".png", ".webp[lossless]"}) {
        SCOPED_TRACE(suffix);
        const auto clear = checked_pixels(prepared(draw({.alpha = 0}, suffix)));
        expect_near(clear.at(0.2, 0.5), {255, 255, 255});
        const auto half = checked_pixels(prepared(draw({.left = {0, 0, 0}, .alpha = 128}, suffix)));
        expect_near(half.at(0.2, 0.5), {127, 127, 127});
    }
    const auto deep = checked_pixels(prepared(draw({.left = {0, 0, 0}, .alpha = 128, .is_16_bit = true}, ".png")));
    expect_near(deep.at(0.2, 0.5), {127, 127, 127});
}

TEST_F(PhotoTest, every_orientation_is_turned_upright) {
    // Where the left half of the stored pixels is to be seen.
    const std::array<std::pair<double, double>, 9> left_half = {
        {{}, {0.2, 0.5}, {0.8, 0.5}, {0.8, 0.5}, {0.2, 0.5}, {0.5, 0.2}, {0.5, 0.2}, {0.5, 0.8}, {0.5, 0.8}}};
    for (int orientation = 1; orientation <= 8; ++orientation) {
        SCOPED_TRACE(orientation);
        Drawing drawing;
        drawing.orientation = orientation;
        const auto pixels = checked_pixels(prepared(draw(drawing, ".jpg")));
        EXPECT_EQ(pixels.width, orientation < 5 ? drawing.width : drawing.height);
        const auto& [x, y] = left_half.at(static_cast<std::size_t>(orientation));
        expect_near(pixels.at(x, y), drawing.left);
        expect_near(pixels.at(1 - x, 1 - y), drawing.right);
    }
}

TEST_F(PhotoTest, large_photos_are_scaled_down_and_small_ones_never_up) {
    const auto large = checked_pixels(prepared(draw({.width = 2'000, .height = 1'500}, ".jpg")));
    EXPECT_EQ(large.width, 1'024);
    EXPECT_EQ(large.height, 768);
    const auto huge = checked_pixels(prepared(draw({.width = 900, .height = 5'000}, ".jpg")));
    EXPECT_EQ(huge.height, 1'024);
    EXPECT_NEAR(huge.width, 184, 2);
    const auto small = checked_pixels(prepared(draw({.width = 40, .height = 33}, ".jpg")));
    EXPECT_EQ(small.width, 40);
    EXPECT_EQ(small.height, 33);
    const auto turned = checked_pixels(prepared(draw({.width = 3'000, .height = 1'000, .orientation = 6}, ".jpg")));
    EXPECT_EQ(turned.height, 1'024);
}

TEST_F(PhotoTest, done_runs_once_on_the_asking_thread_and_never_from_inside) {
    const auto photo = draw({}, ".jpg");
    std::mutex mutex;
    std::condition_variable changed;
    int answers = 0;
    int wrong = 0;
    constexpr int kEach = 20;
    for (int thread = 0; thread < 2; ++thread) {
        executor_.post_to(thread, [&, thread](TaskFate) {
            for (int i = 0; i < kEach; ++i) {
                auto is_inside = std::make_shared<std::atomic<bool>>(true);
                intake_.prepare(i % 2 == 0 ? photo : std::string(), [&, thread, is_inside](Result<Photo>) {
                    const std::lock_guard lock(mutex);
                    wrong += executor_.current_thread() != thread || *is_inside ? 1 : 0;
                    ++answers;
                    changed.notify_all();
                });
                *is_inside = false;
            }
        });
    }
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(30), [&] { return answers == 2 * kEach; }));
    EXPECT_EQ(wrong, 0);
}

// Counts answers by code; outlives the intake that gives them.
struct Tally {
    std::mutex mutex;
    std::map<std::string, int> codes;

    PhotoIntake::Done next() {
        return [this](Result<Photo> photo) {
            const std::lock_guard lock(mutex);
            ++codes[photo ? "ok" : std::string(photo.error().name())];
        };
    }
    int count(const std::string& code) {
        const std::lock_guard lock(mutex);
        return codes[code];
    }
};

TEST(PhotoQueue, refuses_what_is_over_its_number_and_answers_the_rest_at_stop) {
    Tally tally;
    const auto photo = draw({}, ".jpg");
    {
        test::ThreadedExecutor executor(1);
        PhotoIntake::Options options;
        options.threads = 0;
        options.queue_max = 2;
        PhotoIntake intake(options, executor, null_log());
        for (int i = 0; i < 5; ++i) {
            intake.prepare(photo, tally.next());
        }
        EXPECT_EQ(intake.queue_depth(), 2U);
        intake.stop();
        intake.prepare(photo, tally.next());
        EXPECT_EQ(intake.queue_depth(), 0U);
    }
    EXPECT_EQ(tally.count("OVERLOADED"), 3);
    EXPECT_EQ(tally.count("DRAINING"), 3);
}

TEST(PhotoQueue, refuses_what_is_over_its_bytes) {
    Tally tally;
    const auto photo = draw({}, ".jpg");
    {
        test::ThreadedExecutor executor(1);
        PhotoIntake::Options options;
        options.threads = 0;
        options.queue_bytes_max = photo.size() * 3;
        PhotoIntake intake(options, executor, null_log());
        for (int i = 0; i < 4; ++i) {
            intake.prepare(photo, tally.next());
        }
        EXPECT_EQ(intake.queue_depth(), 3U);
    }
    EXPECT_EQ(tally.count("OVERLOADED"), 1);
    EXPECT_EQ(tally.count("DRAINING"), 3);
}

TEST(PhotoQueue, stop_while_busy_answers_every_photo_once) {
    const auto photo = draw({.width = 3'000, .height = 2'000, .is_noise = true}, ".jpg");
    constexpr int kPhotos = 12;
    for (const int delay_ms : {0, 5, 30}) {
        Tally tally;
        {
            test::ThreadedExecutor executor(2);
            PhotoIntake intake({}, executor, null_log());
            for (int i = 0; i < kPhotos; ++i) {
                intake.prepare(photo, tally.next());
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
            intake.stop();
        }
        EXPECT_EQ(tally.count("ok") + tally.count("DRAINING"), kPhotos) << delay_ms;
        EXPECT_GT(tally.count("DRAINING"), 0) << delay_ms;
    }
}

TEST(PhotoQueue, a_photo_that_takes_too_long_is_broken_off) {
    test::ThreadedExecutor executor(1);
    PhotoIntake::Options options;
    options.decode_time_max = std::chrono::milliseconds(1);
    PhotoIntake intake(options, executor, null_log());
    const auto photo = prepare(intake, executor, draw({.width = 3'000, .height = 2'000, .is_noise = true}, ".jpg"));
    ASSERT_FALSE(photo);
    EXPECT_EQ(photo.error().code, Errc::image_broken);
    EXPECT_NE(photo.error().detail.find("too long"), std::string::npos) << photo.error().detail;
}

TEST_F(PhotoTest, a_small_clean_photo_is_sent_on_as_it_is_and_any_other_is_encoded) {
    Drawing drawing;
    drawing.width = 640;
    drawing.height = 480;
    drawing.is_noise = true;
    const auto clean = draw(drawing, ".jpg[strip]");
    EXPECT_EQ(prepared(clean).bytes, clean);
    EXPECT_EQ(prepared(clean).width, 640);
    EXPECT_EQ(prepared(clean).sha256.size(), 64U);
    EXPECT_NE(prepared(clean + "PK").bytes, clean + "PK");
    drawing.orientation = 6;
    EXPECT_EQ(prepared(draw(drawing, ".jpg")).width, 480);
    drawing.orientation = 0;
    drawing.width = 1'100;
    EXPECT_EQ(prepared(draw(drawing, ".jpg[strip]")).width, 1'024);
}

}  // namespace
}  // namespace eco2::intake
