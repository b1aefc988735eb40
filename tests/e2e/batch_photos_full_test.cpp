#include "e2e/batch_programs.hpp"
#include "unit/intake/test_images.hpp"

#include <fstream>
#include <string>
#include <thread>

namespace eco2::test {
namespace {

using namespace std::chrono_literals;

constexpr int kPhotos = 500;
constexpr int kSide = 25;  // of a square of variants that all photos fit into
constexpr long kPeakKibMax = 256 * 1024;

/// Other pixels in the same bytes but two: the values of the first quantization table for the coarsest ripples.
void vary(std::string& jpeg, int variant) {
    const auto table = jpeg.find("\xff\xdb");
    ASSERT_NE(table, std::string::npos);
    jpeg[table + 6] = static_cast<char>(10 + variant % kSide);
    jpeg[table + 7] = static_cast<char>(10 + variant / kSide);
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
    intake::Drawing drawing;
    drawing.width = 4'000;
    drawing.height = 3'000;
    drawing.is_noise = true;
    auto photo = intake::draw(drawing, ".jpg[Q=60]");
    EXPECT_GT(photo.size(), 5'000'000U);
    for (int i = 0; i < kPhotos; ++i) {
        vary(photo, i);
        write(photos / ("photo-" + std::to_string(i) + ".jpg"), photo);
    }
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
    std::printf("%d photos of %zu bytes: at most %ld MiB\n", kPhotos, photo.size(), peak / 1'024);
    EXPECT_GT(peak, 0);
    EXPECT_LE(peak, kPeakKibMax);
    // Each photo is a request of its own; the second stage asks the same of those that are of one class.
    const auto stages = report().at("jobs").at(0).at("stages").as_array();
    EXPECT_EQ(stages.at(0).at("requests").to_number<int>(), kPhotos);
    expect_all_is_in_order(kPhotos + stages.at(1).at("requests").to_number<int>());
}

}  // namespace
}  // namespace eco2::test
