// eco2_load: users in a closed loop against POST /api/v1/scan/classify/completion, or against a provider directly. See
// README.md.

#include "base/limits.hpp"
#include "bench/health_probe.hpp"
#include "bench/load_report.hpp"
#include "bench/load_user.hpp"
#include "bench/process_watch.hpp"
#include "net/client.hpp"
#include "net/io_threads.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <thread>

namespace eco2::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::string_view kDefaultBody =
    R"({"image_url":"https://images.example.com/scan/{{hex}}.jpg","user_input":"이 물건은 어떻게 버리나요?"})";
constexpr std::chrono::milliseconds kLookInterval{100};

struct Options {
    std::string name = "load";
    std::string url;
    int users = 10;
    double ramp_seconds = 0;
    double duration_seconds = 10;
    int think_ms = 0;
    double wait_seconds = 130;
    std::vector<std::string> body_files;
    bool is_direct = false;
    int poll_ms = 0;
    bool holds = false;
    bool unique_users = false;
    std::vector<std::string> headers;
    std::string health_url;
    int pid = 0;
    std::string json_file;
    std::string ca_file;
    int threads = 1;
};

/// Fills `options`, or says why the program ends now.
std::optional<int> read_options(int argc, char** argv, Options& options) {
    CLI::App app("Users in a closed loop; every run is checked frame by frame.");
    app.add_option("--name", options.name, "name in the report");
    app.add_option("--url", options.url, "where to POST")->required();
    app.add_option("--users", options.users)->check(CLI::Range(1, 20'000));
    app.add_option("--ramp", options.ramp_seconds, "seconds over which the users start")->check(CLI::NonNegativeNumber);
    app.add_option("--duration", options.duration_seconds, "seconds after the ramp in which runs may start")
        ->check(CLI::PositiveNumber);
    app.add_option("--think-ms", options.think_ms, "pause of a user between two runs")->check(CLI::NonNegativeNumber);
    app.add_option("--wait", options.wait_seconds, "seconds to wait for runs that are open at the end; also a run's limit")
        ->check(CLI::PositiveNumber);
    app.add_option("--body",
                   options.body_files,
                   "request body; {{hex}} becomes 32 hex digits. With --direct several: one call each, in order")
        ->check(CLI::ExistingFile);
    app.add_flag("--direct", options.is_direct, "the URL is a provider's: any 200 is a good answer, no frames are expected");
    app.add_option("--poll-ms", options.poll_ms, "the URL submits: ask for the result so often until it is there")
        ->check(CLI::PositiveNumber);
    app.add_flag("--hold", options.holds, "the URL streams runs that do not end: open them all and keep them until the end");
    app.add_flag("--unique-users", options.unique_users, "each user sends an x-user-id of its own");
    app.add_option("--header", options.headers, "name: value");
    app.add_option("--health", options.health_url, "URL to probe every 100 ms");
    app.add_option("--pid", options.pid, "process whose CPU and memory are read");
    app.add_option("--json", options.json_file, "file for the report as JSON");
    app.add_option("--ca", options.ca_file, "CA bundle for https")->check(CLI::ExistingFile);
    app.add_option("--threads", options.threads, "I/O threads of the load runner")->check(CLI::Range(1, 16));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error);
    }
    return std::nullopt;
}

std::string read_file(const std::string& name) {
    std::ifstream file(name, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

LoadPlan make_plan(const Options& options) {
    LoadPlan plan;
    plan.url = options.url;
    plan.headers = {{"content-type", "application/json"},
                    {"accept", options.is_direct || options.poll_ms != 0 ? "application/json" : "text/event-stream"}};
    for (const std::string& header : options.headers) {
        const std::size_t colon = header.find(':');
        const std::size_t value =
            std::min(header.find_first_not_of(' ', std::min(colon, header.size() - 1) + 1), header.size());
        plan.headers.emplace_back(header.substr(0, colon), header.substr(value));
    }
    for (const std::string& file : options.body_files) {
        plan.bodies.push_back(read_file(file));
    }
    if (plan.bodies.empty()) {
        plan.bodies.emplace_back(kDefaultBody);
    }
    plan.expects_frames = !options.is_direct && !options.holds && options.poll_ms == 0;
    plan.poll = std::chrono::milliseconds(options.poll_ms);
    plan.has_own_user_id = options.unique_users;
    plan.think = std::chrono::milliseconds(options.think_ms);
    plan.run_limit = std::chrono::duration_cast<std::chrono::milliseconds>(Seconds(options.wait_seconds));
    return plan;
}

net::IoThreads::Options thread_options(std::size_t count) {
    net::IoThreads::Options options;
    options.io_threads = count;
    return options;
}

/// The whole measurement: threads, users, probe.
class LoadRun {
public:
    explicit LoadRun(const Options& options)
        : options_(options),
          plan_(make_plan(options)),
          threads_(thread_options(static_cast<std::size_t>(options.threads))),
          probe_thread_(thread_options(1)),
          client_(threads_, client_options()),
          probe_client_(probe_thread_, client_options()),
          tallies_(static_cast<std::size_t>(options.threads)) {}

    LoadReport run() {
        LoadReport report;
        report.before = process_use(options_.pid);
        const double own_before = own_cpu_seconds();
        const Clock::time_point begin = Clock::now();
        start();
        watch(report);
        report.after = process_use(options_.pid);
        report.own_cpu_share = (own_cpu_seconds() - own_before) / Seconds(Clock::now() - begin).count();
        threads_.stop();
        probe_thread_.stop();
        fill(report);
        return report;
    }

private:
    net::ClientOptions client_options() const {
        net::ClientOptions options;
        options.ca_file = options_.ca_file;
        options.open_max = limits::kRunsMax;
        return options;
    }

    void start() {
        const Clock::time_point now = Clock::now();
        clock_.window_start = now + std::chrono::duration_cast<Clock::duration>(Seconds(options_.ramp_seconds));
        clock_.window_end =
            clock_.window_start + std::chrono::duration_cast<Clock::duration>(Seconds(options_.duration_seconds));
        for (int i = 0; i < options_.users; ++i) {
            Tally& tally = tallies_[static_cast<std::size_t>(i % options_.threads)];
            users_.push_back(std::make_unique<LoadUser>(plan_, clock_, tally, client_, threads_));
        }
        threads_.start();
        for (int i = 0; i < options_.users; ++i) {
            const Seconds delay(options_.ramp_seconds * i / options_.users);
            LoadUser* user = users_[static_cast<std::size_t>(i)].get();
            threads_.post_to(i % options_.threads, [user, delay](TaskFate fate) {
                if (fate == TaskFate::due) {
                    user->start_after(std::chrono::duration_cast<std::chrono::nanoseconds>(delay));
                }
            });
        }
        if (!options_.health_url.empty()) {
            probe_ = std::make_unique<HealthProbe>(options_.health_url, probe_client_, probe_thread_);
            probe_thread_.start();
            probe_thread_.post_to(0, [this](TaskFate fate) {
                if (fate == TaskFate::due) {
                    probe_->start();
                }
            });
        }
    }

    void watch(LoadReport& report) {
        const Clock::time_point last =
            clock_.window_end + std::chrono::duration_cast<Clock::duration>(Seconds(options_.wait_seconds));
        while (Clock::now() < clock_.window_end || (!options_.holds && clock_.open.load() > 0 && Clock::now() < last)) {
            report.rss_peak_kib = std::max(report.rss_peak_kib, process_use(options_.pid).rss_kib);
            std::this_thread::sleep_for(kLookInterval);
        }
    }

    void fill(LoadReport& report) {
        for (Tally& tally : tallies_) {
            report.tally.started += tally.started;
            report.tally.completed += tally.completed;
            report.tally.failed += tally.failed;
            report.tally.malformed += tally.malformed;
            report.tally.without_reward += tally.without_reward;
            report.tally.completed_in_window += tally.completed_in_window;
            report.tally.first_stage_ms.add(tally.first_stage_ms);
            report.tally.total_ms.add(tally.total_ms);
            report.tally.faults.insert(report.tally.faults.end(), tally.faults.begin(), tally.faults.end());
        }
        report.unfinished = report.tally.started - report.tally.completed - report.tally.failed;
        report.name = options_.name;
        report.users = options_.users;
        report.ramp_seconds = options_.ramp_seconds;
        report.window_seconds = options_.duration_seconds;
        report.think_ms = options_.think_ms;
        report.open_max = clock_.open_max.load();
        if (probe_) {
            report.health_ms = probe_->times_ms();
            report.health_failed = probe_->failed();
        }
    }

    const Options& options_;
    const LoadPlan plan_;
    LoadClock clock_;
    net::IoThreads threads_;
    net::IoThreads probe_thread_;  // its own: a busy load thread must not look like a slow host
    net::HttpClient client_;
    net::HttpClient probe_client_;
    std::vector<Tally> tallies_;
    std::vector<std::unique_ptr<LoadUser>> users_;
    std::unique_ptr<HealthProbe> probe_;
};

int run_main(int argc, char** argv) {
    Options options;
    if (const std::optional<int> code = read_options(argc, argv, options)) {
        return *code;
    }
    LoadRun run(options);
    const LoadReport report = run.run();
    std::cout << to_text(report);
    if (!options.json_file.empty()) {
        std::ofstream(options.json_file) << to_json(report) << "\n";
    }
    const bool are_all_held = report.tally.failed == 0 && report.open_max == options.users;
    return (options.holds ? are_all_held : report.is_good()) ? 0 : 1;
}

}  // namespace
}  // namespace eco2::bench

int main(int argc, char** argv) {
    return eco2::bench::run_main(argc, argv);
}
