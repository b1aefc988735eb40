#include "unit/intake/test_images.hpp"

#include <gtest/gtest.h>
#include <vips/vips.h>

#include <fstream>
#include <future>
#include <iterator>
#include <memory>

namespace eco2::intake {
namespace {

struct Unref {
    void operator()(VipsImage* image) const noexcept { g_object_unref(image); }
};
using Image = std::unique_ptr<VipsImage, Unref>;

// By reference: the call that fills `out` stands in the same argument list.
Image checked(int failed, VipsImage* const& out) {
    EXPECT_EQ(failed, 0) << vips_error_buffer();
    return Image(out);
}

Image plain(int width, int height, const std::array<double, 3>& colour) {
    VipsImage* black = nullptr;
    Image canvas = checked(vips_black(&black, width, height, "bands", 3, nullptr), black);
    const std::array<double, 3> ones = {1, 1, 1};
    VipsImage* out = nullptr;
    return checked(vips_linear(canvas.get(), &out, ones.data(), colour.data(), 3, "uchar", TRUE, nullptr), out);
}

Image noise(int width, int height) {
    VipsImage* out = nullptr;
    Image grey = checked(vips_gaussnoise(&out, width, height, "mean", 128.0, "sigma", 60.0, "seed", 7, nullptr), out);
    std::array<VipsImage*, 3> bands = {grey.get(), grey.get(), grey.get()};
    Image joined = checked(vips_bandjoin(bands.data(), &out, 3, nullptr), out);
    return checked(vips_cast_uchar(joined.get(), &out, nullptr), out);
}

Image base_of(const Drawing& drawing) {
    if (drawing.is_noise) {
        return noise(drawing.width, drawing.height);
    }
    VipsImage* out = nullptr;
    const Image left = plain(drawing.width / 2, drawing.height, drawing.left);
    const Image right = plain(drawing.width - drawing.width / 2, drawing.height, drawing.right);
    return checked(vips_join(left.get(), right.get(), &out, VIPS_DIRECTION_HORIZONTAL, nullptr), out);
}

Image in_space(const Image& in, VipsInterpretation space) {
    VipsImage* out = nullptr;
    return checked(vips_colourspace(in.get(), &out, space, nullptr), out);
}

}  // namespace

std::string support_file(const std::string& name) {
    std::ifstream file(std::string(ECO2_TEST_SUPPORT "/") + name, std::ios::binary);
    EXPECT_TRUE(file.good()) << name;
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string draw(const Drawing& drawing, const std::string& suffix) {
    EXPECT_EQ(VIPS_INIT("unit_intake"), 0);
    VipsImage* out = nullptr;
    Image image = base_of(drawing);
    image = checked(vips_copy(image.get(), &out, "interpretation", VIPS_INTERPRETATION_sRGB, nullptr), out);
    if (drawing.alpha >= 0) {
        image = checked(vips_bandjoin_const1(image.get(), &out, drawing.alpha, nullptr), out);
    }
    if (drawing.is_grey) {
        image = in_space(image, VIPS_INTERPRETATION_B_W);
    }
    if (drawing.is_cmyk) {
        image = in_space(image, VIPS_INTERPRETATION_CMYK);
    }
    if (drawing.is_16_bit) {
        image = in_space(image, drawing.is_grey ? VIPS_INTERPRETATION_GREY16 : VIPS_INTERPRETATION_RGB16);
    }
    if (!drawing.profile.empty()) {
        image =
            checked(vips_icc_export(
                        image.get(), &out, "output_profile", drawing.profile.c_str(), "intent", VIPS_INTENT_RELATIVE, nullptr),
                    out);
    }
    if (drawing.orientation != 0) {
        image = checked(vips_copy(image.get(), &out, nullptr), out);
        vips_image_set_int(image.get(), VIPS_META_ORIENTATION, drawing.orientation);
    }
    void* data = nullptr;
    std::size_t size = 0;
    EXPECT_EQ(vips_image_write_to_buffer(image.get(), suffix.c_str(), &data, &size, nullptr), 0) << vips_error_buffer();
    std::string bytes(static_cast<char*>(data), size);
    g_free(data);
    return bytes;
}

std::array<double, 3> Pixels::at(double x, double y) const {
    const auto column = static_cast<std::size_t>(x * (width - 1));
    const auto row = static_cast<std::size_t>(y * (height - 1));
    const auto first = (row * static_cast<std::size_t>(width) + column) * static_cast<std::size_t>(bands);
    std::array<double, 3> colour{};
    for (std::size_t i = 0; i < colour.size(); ++i) {
        colour[i] = static_cast<unsigned char>(bytes.at(first + i));
    }
    return colour;
}

Pixels decode_for_test(const std::string& bytes) {
    EXPECT_EQ(VIPS_INIT("unit_intake"), 0);
    const Image image(vips_image_new_from_buffer(bytes.data(), bytes.size(), "", nullptr));
    Pixels pixels;
    if (!image) {
        ADD_FAILURE() << vips_error_buffer();
        return pixels;
    }
    std::size_t size = 0;
    void* data = vips_image_write_to_memory(image.get(), &size);
    pixels.width = vips_image_get_width(image.get());
    pixels.height = vips_image_get_height(image.get());
    pixels.bands = vips_image_get_bands(image.get());
    pixels.is_srgb = vips_image_get_interpretation(image.get()) == VIPS_INTERPRETATION_sRGB;
    pixels.bytes.assign(static_cast<char*>(data), size);
    g_free(data);
    return pixels;
}

Result<Photo> prepare(PhotoIntake& intake, Executor& executor, const std::string& bytes) {
    std::promise<Result<Photo>> promise;
    auto answer = promise.get_future();
    executor.post_to(
        0, [&](TaskFate) { intake.prepare(bytes, [&](Result<Photo> photo) { promise.set_value(std::move(photo)); }); });
    return answer.get();
}

}  // namespace eco2::intake
