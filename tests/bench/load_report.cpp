#include "bench/load_report.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <cmath>
#include <iomanip>
#include <sstream>

namespace eco2::bench {
namespace {

namespace json = boost::json;

json::object percentiles(const Samples& samples) {
    json::object out;
    out["count"] = samples.count();
    out["mean"] = samples.mean();
    out["p50"] = samples.percentile(50);
    out["p95"] = samples.percentile(95);
    out["p99"] = samples.percentile(99);
    out["max"] = samples.max();
    return out;
}

void append_line(std::ostringstream& out, std::string_view name, const Samples& samples) {
    if (samples.count() > 0) {
        out << "  " << std::left << std::setw(14) << name << std::right << " p50 " << std::setw(9) << samples.percentile(50)
            << "  p95 " << std::setw(9) << samples.percentile(95) << "  p99 " << std::setw(9) << samples.percentile(99)
            << "  max " << std::setw(9) << samples.max() << "  ms\n";
    }
}

double runs_per_second(const LoadReport& report) {
    return report.window_seconds > 0 ? static_cast<double>(report.tally.completed_in_window) / report.window_seconds : 0;
}

double cpu_per_thousand(const LoadReport& report) {
    const auto runs = static_cast<double>(report.tally.completed);
    return runs > 0 ? (report.after.cpu_seconds - report.before.cpu_seconds) / runs * 1000 : 0;
}

double kib_per_open_run(const LoadReport& report) {
    return report.open_max > 0
               ? static_cast<double>(report.rss_peak_kib - report.before.rss_kib) / static_cast<double>(report.open_max)
               : 0;
}

}  // namespace

std::string to_text(const LoadReport& report) {
    std::ostringstream out;
    out << std::fixed << std::setprecision(2);
    const Tally& tally = report.tally;
    out << report.name << ": " << report.users << " users, ramp " << report.ramp_seconds << " s, window "
        << report.window_seconds << " s, think " << report.think_ms << " ms\n";
    out << "  runs           started " << tally.started << "  completed " << tally.completed << "  failed " << tally.failed
        << " (malformed " << tally.malformed << ")  unfinished " << report.unfinished << "  without reward "
        << tally.without_reward << "\n";
    out << "  throughput     " << runs_per_second(report) << " runs/s in the window, open at most " << report.open_max << "\n";
    append_line(out, "first stage", tally.first_stage_ms);
    append_line(out, "total", tally.total_ms);
    append_line(out, "health", report.health_ms);
    if (report.health_failed > 0) {
        out << "  health failed  " << report.health_failed << "\n";
    }
    if (report.before.is_there && report.after.is_there) {
        out << "  process        " << cpu_per_thousand(report) << " CPU s per 1,000 runs; RSS idle "
            << static_cast<double>(report.before.rss_kib) / 1024 << ", peak " << static_cast<double>(report.rss_peak_kib) / 1024
            << ", end " << static_cast<double>(report.after.rss_kib) / 1024 << " MiB; " << kib_per_open_run(report)
            << " KiB per open run; " << report.after.threads << " threads\n";
    }
    out << "  load runner    " << report.own_cpu_share * 100 << " % of a core\n";
    for (const std::string& fault : tally.faults) {
        out << "  FAULT          " << fault << "\n";
    }
    return out.str();
}

std::string to_json(const LoadReport& report) {
    const Tally& tally = report.tally;
    json::object out;
    out["name"] = report.name;
    out["users"] = report.users;
    out["ramp_seconds"] = report.ramp_seconds;
    out["window_seconds"] = report.window_seconds;
    out["think_ms"] = report.think_ms;
    out["runs"] = json::object{{"started", tally.started},
                               {"completed", tally.completed},
                               {"failed", tally.failed},
                               {"malformed", tally.malformed},
                               {"unfinished", report.unfinished},
                               {"without_reward", tally.without_reward},
                               {"open_max", report.open_max},
                               {"per_second", runs_per_second(report)}};
    out["first_stage_ms"] = percentiles(tally.first_stage_ms);
    out["total_ms"] = percentiles(tally.total_ms);
    out["health_ms"] = percentiles(report.health_ms);
    out["health_failed"] = report.health_failed;
    if (report.before.is_there && report.after.is_there) {
        out["process"] = json::object{{"cpu_seconds", report.after.cpu_seconds - report.before.cpu_seconds},
                                      {"cpu_seconds_per_1000_runs", cpu_per_thousand(report)},
                                      {"rss_idle_kib", report.before.rss_kib},
                                      {"rss_peak_kib", report.rss_peak_kib},
                                      {"rss_end_kib", report.after.rss_kib},
                                      {"rss_kib_per_open_run", kib_per_open_run(report)},
                                      {"threads", report.after.threads}};
    }
    out["load_runner_cpu_share"] = report.own_cpu_share;
    out["faults"] = json::array(tally.faults.begin(), tally.faults.end());
    out["good"] = report.is_good();
    return json::serialize(out);
}

}  // namespace eco2::bench
