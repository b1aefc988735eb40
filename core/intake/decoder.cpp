#include "intake/decoder.hpp"

#include "base/hash.hpp"
#include "base/text.hpp"

#include <vips/vips.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <utility>

namespace eco2::intake {
namespace {

struct Unref {
    void operator()(VipsImage* image) const noexcept { g_object_unref(image); }
};
using Image = std::unique_ptr<VipsImage, Unref>;

void drop_message(const char*, GLogLevelFlags, const char*, void*) {}

// libvips is one for the whole process, whatever number of intakes there are.
std::once_flag start_once;
std::atomic<bool> is_started = false;

bool start_vips() {
    std::call_once(start_once, [] {
        // G_DEBUG must not turn a strange photo's warning into an abort; what matters comes back as a Result.
        g_log_set_always_fatal(G_LOG_LEVEL_ERROR);
        g_log_set_default_handler(drop_message, nullptr);
        if (VIPS_INIT("eco2") != 0) {
            return;
        }
        vips_block_untrusted_set(TRUE);
        vips_cache_set_max(0);
        vips_concurrency_set(1);
        is_started = true;
    });
    return is_started;
}

// The buffer is shared by all threads of libvips, so its text is for the log only.
std::string take_vips_error() {
    const std::unique_ptr<char, void (*)(void*)> text(vips_error_buffer_copy(), g_free);
    return shorten(trim(text.get()), 300);
}

// Breaks a picture off that takes too long. libvips calls it between lines, on one of its own threads.
class Watch {
public:
    Watch(std::chrono::milliseconds time_max, const std::atomic<bool>& is_stopping)
        : end_(std::chrono::steady_clock::now() + time_max), is_stopping_(is_stopping) {}

    void attach(VipsImage* image) {
        vips_image_set_progress(image, TRUE);
        g_signal_connect(image, "eval", G_CALLBACK(&Watch::on_eval), this);
    }

    bool is_late() const { return std::chrono::steady_clock::now() >= end_; }
    bool is_stopping() const { return is_stopping_; }

private:
    static void on_eval(VipsImage* image, VipsProgress*, void* self) {
        const auto* watch = static_cast<const Watch*>(self);
        if (watch->is_late() || watch->is_stopping()) {
            vips_image_set_kill(image, TRUE);
        }
    }

    std::chrono::steady_clock::time_point end_;
    const std::atomic<bool>& is_stopping_;
};

// The largest scale that the JPEG decoder gives for free and that still leaves the target's pixels.
int free_shrink(const ImageHeader& header, int side_target) {
    const int side = std::max(header.width, header.height);
    for (const int shrink : {8, 4, 2}) {
        if (side / shrink >= side_target) {
            return shrink;
        }
    }
    return 1;
}

Image load(const std::string& bytes, const ImageHeader& header, int side_target) {
    VipsImage* out = nullptr;
    auto* data = const_cast<char*>(bytes.data());  // the C API has no const; loaders only read
    int failed = -1;
    switch (header.kind) {
        case ImageKind::jpeg:
            failed = vips_jpegload_buffer(data,
                                          bytes.size(),
                                          &out,
                                          "shrink",
                                          free_shrink(header, side_target),
                                          "fail_on",
                                          VIPS_FAIL_ON_TRUNCATED,
                                          "access",
                                          VIPS_ACCESS_SEQUENTIAL,
                                          nullptr);
            break;
        case ImageKind::png:
            failed = vips_pngload_buffer(
                data, bytes.size(), &out, "fail_on", VIPS_FAIL_ON_TRUNCATED, "access", VIPS_ACCESS_SEQUENTIAL, nullptr);
            break;
        case ImageKind::webp:
            failed = vips_webpload_buffer(
                data, bytes.size(), &out, "fail_on", VIPS_FAIL_ON_TRUNCATED, "access", VIPS_ACCESS_SEQUENTIAL, nullptr);
            break;
    }
    return Image(failed == 0 ? out : nullptr);
}

// Without a profile, RGB is taken as sRGB: sending it through the colour engine as well would shift its colours.
bool needs_colour_engine(VipsImage* image) {
    return vips_image_get_typeof(image, VIPS_META_ICC_NAME) != 0 ||
           vips_image_get_interpretation(image) == VIPS_INTERPRETATION_CMYK;
}

// Runs the decoder: the result is in memory and the input no longer needed. Turning comes later, on few pixels.
Image shrink(const Image& in, int side_target, Watch& watch) {
    VipsImage* small = nullptr;
    const auto run = [&](auto... colour) {
        return vips_thumbnail_image(in.get(),
                                    &small,
                                    side_target,
                                    "height",
                                    side_target,
                                    "size",
                                    VIPS_SIZE_DOWN,
                                    "no_rotate",
                                    TRUE,
                                    colour...,
                                    nullptr);
    };
    const int failed = needs_colour_engine(in.get()) ? run("export_profile", "srgb", "intent", VIPS_INTENT_RELATIVE) : run();
    if (failed != 0) {
        return {};
    }
    const Image holder(small);
    watch.attach(small);
    return Image(vips_image_copy_memory(small));
}

Image turn_upright(const Image& in) {
    VipsImage* out = nullptr;
    return Image(vips_autorot(in.get(), &out, nullptr) == 0 ? out : nullptr);
}

Image to_srgb(const Image& in) {
    VipsImage* out = nullptr;
    return Image(vips_colourspace(in.get(), &out, VIPS_INTERPRETATION_sRGB, nullptr) == 0 ? out : nullptr);
}

Image without_alpha(Image in) {
    if (vips_image_hasalpha(in.get()) == 0) {
        return in;
    }
    const std::array<double, 3> white = {255, 255, 255};
    const std::unique_ptr<VipsArrayDouble, void (*)(VipsArrayDouble*)> background(
        vips_array_double_new(white.data(), static_cast<int>(white.size())),
        [](VipsArrayDouble* array) { vips_area_unref(VIPS_AREA(array)); });
    VipsImage* out = nullptr;
    return Image(vips_flatten(in.get(), &out, "background", background.get(), nullptr) == 0 ? out : nullptr);
}

Result<Photo> encode(const Image& in, int quality) {
    void* data = nullptr;
    std::size_t size = 0;
    if (vips_jpegsave_buffer(in.get(), &data, &size, "Q", quality, "strip", TRUE, nullptr) != 0) {
        return fail(Errc::image_broken, "the image cannot be encoded");
    }
    const std::unique_ptr<void, void (*)(void*)> holder(data, g_free);
    std::string bytes(static_cast<const char*>(data), size);
    auto sha256 = sha256_hex(bytes);
    return Photo{
        std::move(bytes), "image/jpeg", std::move(sha256), vips_image_get_width(in.get()), vips_image_get_height(in.get())};
}

Image prepared(const std::string& bytes, const ImageHeader& header, int side_target, Watch& watch) {
    auto image = load(bytes, header, side_target);
    image = image ? shrink(image, side_target, watch) : nullptr;
    image = image ? turn_upright(image) : nullptr;
    image = image ? to_srgb(image) : nullptr;
    return image ? without_alpha(std::move(image)) : nullptr;
}

}  // namespace

Result<Photo> decode(const std::string& bytes,
                     const ImageHeader& header,
                     const PhotoIntake::Options& options,
                     const std::atomic<bool>& is_stopping,
                     Log& log) {
    if (!start_vips()) {
        log.error("libvips cannot start", {{"reason", take_vips_error()}});
        return fail(Errc::internal, "libvips cannot start");
    }
    Watch watch(options.decode_time_max, is_stopping);
    const auto image = prepared(bytes, header, options.side_target, watch);
    if (image && vips_image_get_bands(image.get()) == 3) {
        // Decoded whole, small enough, and with nothing to take away: encoding it again would only cost time and pixels.
        const bool is_as_it_should_be = header.kind == ImageKind::jpeg &&
                                        std::max(header.width, header.height) <= options.side_target && is_plain_jpeg(bytes);
        return is_as_it_should_be ? Photo{bytes, "image/jpeg", sha256_hex(bytes), header.width, header.height}
                                  : encode(image, options.jpeg_quality);
    }
    log.debug("libvips refused a photo", {{"reason", take_vips_error()}});
    vips_error_clear();
    if (watch.is_stopping()) {
        return fail(Errc::draining, "the host is stopping");
    }
    return fail(Errc::image_broken,
                watch.is_late() ? "decoding the image took too long" : "the image is cut off or damaged: send it again");
}

void leave_decoder_thread() noexcept {
    if (is_started) {
        vips_thread_shutdown();
    }
}

}  // namespace eco2::intake
