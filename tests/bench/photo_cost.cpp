// eco2_photo_cost: CPU time and peak memory of one photo's way through intake, with libvips' own thumbnail as the floor. Each
// measurement is a process of its own, since peak memory is the process's. See README.md.

#include "intake/photo.hpp"
#include "support/threaded_executor.hpp"
#include "unit/intake/test_images.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <vips/vips.h>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

namespace eco2::bench {
namespace {

constexpr int kPhotos = 5;

double cpu_ms() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto ms = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
    };
    return ms(usage.ru_utime) + ms(usage.ru_stime);
}

/// KiB of a line of /proc/self/status.
long status_kib(const std::string& name) {
    std::ifstream in("/proc/self/status");
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(name + ":")) {
            return std::strtol(line.c_str() + name.size() + 1, nullptr, 10);
        }
    }
    return 0;
}

struct Cost {
    double cpu_ms = 0;
    double peak_mib = 0;
    bool is_good = true;
};

/// Runs `work` on warm ground and measures it.
Cost measure(const std::function<bool()>& warm_up, const std::function<bool()>& work) {
    Cost cost;
    cost.is_good = warm_up();
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
    const long before_kib = status_kib("VmRSS");
    const double before_ms = cpu_ms();
    for (int i = 0; i < kPhotos; ++i) {
        cost.is_good = work() && cost.is_good;
    }
    cost.cpu_ms = (cpu_ms() - before_ms) / kPhotos;
    cost.peak_mib = static_cast<double>(status_kib("VmHWM") - before_kib) / 1024;
    return cost;
}

/// In a process of its own.
Cost apart(const std::function<Cost()>& work) {
    int ends[2] = {-1, -1};
    if (::pipe(ends) != 0) {
        return {0, 0, false};
    }
    const pid_t child = ::fork();
    if (child == 0) {
        const auto cost = work();
        ::_exit(::write(ends[1], &cost, sizeof cost) == sizeof cost ? 0 : 1);
    }
    ::close(ends[1]);
    Cost cost;
    cost.is_good = ::read(ends[0], &cost, sizeof cost) == sizeof cost && cost.is_good;
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    return cost;
}

Cost through_intake(const std::string& bytes, const std::string& small) {
    test::ThreadedExecutor executor(1);
    intake::PhotoIntake photos(intake::PhotoIntake::Options{}, executor, null_log());
    return measure([&] { return intake::prepare(photos, executor, small).has_value(); },
                   [&] { return intake::prepare(photos, executor, bytes).has_value(); });
}

bool thumbnail(const std::string& bytes) {
    VipsImage* image = nullptr;
    void* out = nullptr;
    std::size_t size = 0;
    const bool is_made = vips_thumbnail_buffer(const_cast<char*>(bytes.data()), bytes.size(), &image, 1'024, nullptr) == 0 &&
                         vips_jpegsave_buffer(image, &out, &size, "Q", 82, "strip", TRUE, nullptr) == 0;
    g_free(out);
    if (image != nullptr) {
        g_object_unref(image);
    }
    return is_made;
}

Cost by_thumbnail(const std::string& bytes, const std::string& small) {
    vips_init("eco2_photo_cost");
    vips_concurrency_set(1);
    return measure([&] { return thumbnail(small); }, [&] { return thumbnail(bytes); });
}

struct Kind {
    const char* name;
    int width;
    int height;
    const char* suffix;
    bool is_noise;
};

/// Drawn apart: a large picture would stay in this process's memory.
std::string drawn(const Kind& kind) {
    char name[] = "/tmp/eco2-photo-XXXXXX";
    const int fd = ::mkstemp(name);
    const pid_t child = ::fork();
    if (child == 0) {
        intake::Drawing drawing;
        drawing.width = kind.width;
        drawing.height = kind.height;
        drawing.is_noise = kind.is_noise;
        std::ofstream(name, std::ios::binary) << intake::draw(drawing, kind.suffix);
        ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
    std::ifstream in(name, std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    ::close(fd);
    ::unlink(name);
    return bytes;
}

int run() {
    const Kind kinds[] = {{"0.8 MP JPEG, clean", 1'024, 768, ".jpg[strip]", true},
                          {"0.8 MP JPEG with metadata", 1'024, 768, ".jpg", true},
                          {"1 MP JPEG", 1'155, 866, ".jpg", true},
                          {"12 MP JPEG", 4'032, 3'024, ".jpg[Q=75]", true},
                          {"12 MP PNG", 4'032, 3'024, ".png", false},
                          {"12 MP WebP", 4'032, 3'024, ".webp", true},
                          {"40 MP progressive JPEG", 7'700, 5'150, ".jpg[interlace,Q=25]", true},
                          {"40 MP interlaced PNG", 7'700, 5'150, ".png[interlace]", false}};
    const auto small = drawn({"", 64, 64, ".jpg", false});
    std::printf("| photo | KiB in | CPU ms | peak MiB | thumbnail alone: CPU ms | peak MiB |\n|---|---|---|---|---|---|\n");
    bool is_good = true;
    for (const auto& kind : kinds) {
        const auto bytes = drawn(kind);
        const auto ours = apart([&] { return through_intake(bytes, small); });
        const auto floor = apart([&] { return by_thumbnail(bytes, small); });
        std::printf("| %s | %zu | %.0f | %.0f | %.0f | %.0f |%s\n",
                    kind.name,
                    bytes.size() / 1024,
                    ours.cpu_ms,
                    ours.peak_mib,
                    floor.cpu_ms,
                    floor.peak_mib,
                    ours.is_good ? "" : " refused");
        std::fflush(stdout);
        is_good = is_good && floor.is_good;
    }
    return is_good ? 0 : 1;
}

}  // namespace
}  // namespace eco2::bench

int main() {
    return eco2::bench::run();
}
