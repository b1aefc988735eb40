#include "e2e/batch_programs.hpp"
#include "unit/intake/test_images.hpp"

#include <fstream>
#include <string>
#include <thread>

namespace eco2::test {
namespace {

using namespace std::chrono_literals;

constexpr int kPhotos = 500;
constexpr int kVariants = 25;  // of a drawing, which takes a second
constexpr long kPeakKibMax = 256 * 1024;

/// Other pixels in the same bytes but two: the values of the first quantization table for the coarsest ripples.
void vary(std::string& jpeg) {
    const auto table = jpeg.find("\xff\xdb");
    ASSERT_NE(table, std::string::npos);
    ++jpeg[table + 6];
    ++jpeg[table + 7];
}

long peak_kib(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("VmHWM:")) {
            return std::stol(line.substr(line.find_first_of("0123456789")));
        }
    }
    return 0;
}

TEST_F(BatchPrograms, five_hundred_large_photos_take_no_more_memory_than_a_few) {
    const auto photos = directory / "photos";
    std::filesystem::create_directories(photos);
    std::uintmax_t bytes = 0;
    for (int i = 0; i < kPhotos; i += kVariants) {
        intake::Drawing drawing;
        drawing.width = 4'000;
        drawing.height = 3'000;
        drawing.is_noise = true;
        auto photo = intake::draw(drawing, ".jpg[Q=60]");
        for (int variant = 0; variant < kVariants; ++variant) {
            vary(photo);
            bytes += photo.size();
            write(photos / ("photo-" + std::to_string(i + variant) + ".jpg"), photo);
        }
    }
    RecordProperty("photo_bytes_mean", std::to_string(bytes / kPhotos));
    EXPECT_GT(bytes / kPhotos, 3'000'000U);
    start_batch_fake();
    const auto job =
        start(Command{{},
                      {"batch", "run", photos, "--output", output(), "--data", data_dir, "--config", config_file, "--json"},
                      environment});
    long peak = 0;
    const auto end = std::chrono::steady_clock::now() + 20min;
    while (job->is_running() && std::chrono::steady_clock::now() < end) {
        peak = std::max(peak, peak_kib(job->pid()));
        std::this_thread::sleep_for(20ms);
    }
    ASSERT_EQ(job->exit_code_within(0ms), 0) << job->err();
    std::printf("%d photos of %ju bytes: at most %ld MiB\n", kPhotos, bytes / kPhotos, peak / 1'024);
    EXPECT_GT(peak, 0);
    EXPECT_LE(peak, kPeakKibMax);
    expect_all_is_in_order(2 * kPhotos);
}

}  // namespace
}  // namespace eco2::test
