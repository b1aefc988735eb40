#pragma once

#include "base/result.hpp"
#include "intake/photo.hpp"

#include <array>
#include <string>
#include <vector>

namespace eco2::intake {

/// A file below tests/support.
std::string support_file(const std::string& name);

/// What a picture drawn for a test looks like; drawn and encoded by libvips.
struct Drawing {
    int width = 64;
    int height = 48;
    bool is_noise = false;  // else the left half `left`, the right half `right`
    std::array<double, 3> left = {200, 30, 30};
    std::array<double, 3> right = {30, 30, 200};
    double alpha = -1;  // -1: no alpha channel
    bool is_grey = false;
    bool is_cmyk = false;
    bool is_16_bit = false;
    std::string profile{};  // embedded ICC profile, as libvips names it; empty: none
    int orientation = 0;    // EXIF; 0: none
};

/// `suffix` as libvips takes it: ".jpg", ".png[interlace]", ".webp".
std::string draw(const Drawing& drawing, const std::string& suffix);

struct Pixels {
    int width = 0;
    int height = 0;
    int bands = 0;
    bool is_srgb = false;
    std::array<double, 3> at(double x, double y) const;  // both 0..1
    std::string bytes;                                   // the decoded file, 8 bits a band
};

Pixels decode_for_test(const std::string& bytes);

/// Hands `bytes` in from an I/O thread and waits for the answer.
Result<Photo> prepare(PhotoIntake& intake, Executor& executor, const std::string& bytes);

}  // namespace eco2::intake
