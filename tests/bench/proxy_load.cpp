// eco2_proxy_load: chat calls to several URLs that all lead to the same provider, in interleaved rounds. See README.md.

#include "base/limits.hpp"
#include "bench/chat_load.hpp"
#include "bench/process_watch.hpp"
#include "bench/proxy_report.hpp"
#include "net/client.hpp"
#include "net/io_threads.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>

namespace eco2::bench {
namespace {

namespace json = boost::json;

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::chrono::milliseconds kLookInterval{20};
constexpr std::chrono::seconds kRssInterval{1};

struct Options {
    std::string name = "proxy";
    std::vector<std::string> targets;
    std::string kind = "plain";
    std::string model = "gpt-5.2-mini";
    std::string expect_file;
    std::vector<std::string> headers;
    std::string json_file;
    int connections = 10;
    double rate = 0;
    double warm_up_seconds = 1;
    double duration_seconds = 5;
    double limit_seconds = 130;
    int rounds = 1;
    bool allows_errors = false;
};

/// Fills `options`, or says why the program ends now.
std::optional<int> read_options(int argc, char** argv, Options& options) {
    CLI::App app("Chat calls to one or more URLs in turn; every answer is checked whole.");
    app.add_option("--name", options.name, "name in the report");
    app.add_option("--target", options.targets, "NAME=URL[@PID]; the first is what the others are compared with")->required();
    app.add_option("--kind", options.kind)->check(CLI::IsMember({"plain", "stream", "mixed"}));
    app.add_option("--model", options.model);
    app.add_option("--expect", options.expect_file, "file with the text that every answer must have")
        ->required()
        ->check(CLI::ExistingFile);
    app.add_option("--header", options.headers, "name: value");
    app.add_option("--connections", options.connections, "calls at once; with --rate at most so many")
        ->check(CLI::Range(1, 20'000));
    app.add_option("--rate", options.rate, "calls a second, whatever the answers take (default: closed loop)")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--warmup", options.warm_up_seconds, "seconds of each round that are not measured")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--duration", options.duration_seconds, "seconds of each round that are")->check(CLI::PositiveNumber);
    app.add_option("--limit", options.limit_seconds, "seconds in which a call must end")->check(CLI::PositiveNumber);
    app.add_option("--rounds", options.rounds, "each over all targets")->check(CLI::Range(1, 1000));
    app.add_flag("--allow-errors", options.allows_errors, "an error that says so is no failure");
    app.add_option("--json", options.json_file, "file for the report as JSON");
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

ProxyTarget read_target(const std::string& text) {
    ProxyTarget target;
    const std::size_t equals = text.find('=');
    const std::size_t at = text.rfind('@');
    target.name = text.substr(0, equals);
    target.url = equals == std::string::npos ? text : text.substr(equals + 1, at == std::string::npos ? at : at - equals - 1);
    target.pid = at == std::string::npos ? 0 : std::atoi(text.c_str() + at + 1);
    return target;
}

ChatPlan::Kind make_kind(const Options& options, const std::string& text, bool is_stream) {
    json::object body{{"model", options.model},
                      {"messages", json::array{json::object{{"role", "user"}, {"content", "How do I dispose of a bottle?"}}}}};
    if (is_stream) {
        body["stream"] = true;
        body["stream_options"] = json::object{{"include_usage", true}};
    }
    return {json::serialize(body), {text, is_stream, true}};
}

ChatPlan make_plan(const Options& options) {
    ChatPlan plan;
    plan.headers = {{"content-type", "application/json"}};
    for (const std::string& header : options.headers) {
        const std::size_t colon = header.find(':');
        const std::size_t value = header.find_first_not_of(' ', std::min(colon, header.size() - 1) + 1);
        plan.headers.emplace_back(header.substr(0, colon), value == std::string::npos ? "" : header.substr(value));
    }
    const std::string text = read_file(options.expect_file);
    if (options.kind != "plain") {
        plan.kinds.push_back(make_kind(options, text, true));
    }
    if (options.kind != "stream") {
        plan.kinds.push_back(make_kind(options, text, false));
    }
    plan.connections = options.connections;
    plan.rate = options.rate;
    plan.limit = std::chrono::duration_cast<std::chrono::milliseconds>(Seconds(options.limit_seconds));
    plan.warm_up = std::chrono::duration_cast<std::chrono::nanoseconds>(Seconds(options.warm_up_seconds));
    plan.window = std::chrono::duration_cast<std::chrono::nanoseconds>(Seconds(options.duration_seconds));
    return plan;
}

net::ClientOptions client_options() {
    net::ClientOptions options;
    options.open_max = limits::kRunsMax;
    options.idle_per_origin_max = limits::kRunsMax;  // a connection that is given up would be paid for again by the next call
    return options;
}

net::IoThreads::Options one_thread() {
    net::IoThreads::Options options;
    options.io_threads = 1;
    return options;
}

/// All rounds, one after the other, on one I/O thread.
class ProxyRun {
public:
    explicit ProxyRun(const Options& options)
        : options_(options), base_plan_(make_plan(options)), threads_(one_thread()), client_(threads_, client_options()) {
        report_.name = options.name;
        report_.kind = options.kind;
        report_.connections = options.connections;
        report_.rate = options.rate;
        report_.window_seconds = options.duration_seconds;
        report_.allows_errors = options.allows_errors;
        for (const std::string& target : options.targets) {
            report_.targets.push_back(read_target(target));
        }
    }

    const ProxyReport& run() {
        threads_.start();
        const double own_before = own_cpu_seconds();
        const Clock::time_point begin = Clock::now();
        for (int round = 0; round < options_.rounds; ++round) {
            for (std::size_t i = 0; i < report_.targets.size(); ++i) {
                // Each target comes first once: what drifts within a round does not always hit the same one.
                one_round(report_.targets[(i + static_cast<std::size_t>(round)) % report_.targets.size()]);
            }
        }
        report_.own_cpu_share = (own_cpu_seconds() - own_before) / Seconds(Clock::now() - begin).count();
        threads_.stop();
        return report_;
    }

private:
    void one_round(ProxyTarget& target) {
        plans_.push_back(std::make_unique<ChatPlan>(base_plan_));
        plans_.back()->url = target.url;
        loads_.push_back(std::make_unique<ChatLoad>(*plans_.back(), client_, threads_));
        ChatLoad* load = loads_.back().get();
        const Clock::time_point begin = Clock::now();
        threads_.post_to(0, [load](TaskFate fate) {
            if (fate == TaskFate::due) {
                load->start();
            }
        });
        std::this_thread::sleep_until(begin + base_plan_.warm_up);
        const ProcessUse before = process_tree_use(target.pid);
        target.rss_kib_by_seconds.clear();
        watch_until(begin + base_plan_.warm_up + base_plan_.window, begin, target);
        const ProcessUse after = process_tree_use(target.pid);
        while (!load->is_over()) {
            std::this_thread::sleep_for(kLookInterval);
        }
        ProxyRound round = round_of(load->tally(), options_.duration_seconds, after.cpu_seconds - before.cpu_seconds);
        round.rss_kib = after.rss_kib;
        round.rss_slope = slope_per_minute(target.rss_kib_by_seconds);
        target.rounds.push_back(round);
        add_counts(target.sum, load->tally());
    }

    static void watch_until(Clock::time_point end, Clock::time_point begin, ProxyTarget& target) {
        for (Clock::time_point next = Clock::now(); next < end; next += kRssInterval) {
            std::this_thread::sleep_until(next);
            if (target.pid != 0) {
                target.rss_kib_by_seconds.emplace_back(Seconds(Clock::now() - begin).count(),
                                                       process_tree_use(target.pid).rss_kib);
            }
        }
        std::this_thread::sleep_until(end);
    }

    const Options& options_;
    const ChatPlan base_plan_;
    ProxyReport report_;
    net::IoThreads threads_;
    net::HttpClient client_;
    std::vector<std::unique_ptr<ChatPlan>> plans_;
    std::vector<std::unique_ptr<ChatLoad>> loads_;  // all kept until the threads have stopped
};

int run_main(int argc, char** argv) {
    Options options;
    if (const std::optional<int> code = read_options(argc, argv, options)) {
        return *code;
    }
    ProxyRun run(options);
    const ProxyReport& report = run.run();
    std::cout << to_text(report);
    if (!options.json_file.empty()) {
        std::ofstream(options.json_file) << to_json(report) << "\n";
    }
    return report.is_good() ? 0 : 1;
}

}  // namespace
}  // namespace eco2::bench

int main(int argc, char** argv) {
    return eco2::bench::run_main(argc, argv);
}
