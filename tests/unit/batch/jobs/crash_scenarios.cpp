#include "crash_scenarios.hpp"

#include <gtest/gtest.h>

namespace eco2::batch {

const std::vector<CrashScenario>& crash_scenarios() {
    static const std::vector<CrashScenario> all = {
        {"two_stages_of_shards", "{}", 6, true, false, 4},
        {"lost_replies",
         R"({"list_lag_ms":90000,"faults":[{"on":"upload","fault":"lost_reply"},{"on":"create","fault":"lost_reply"},
             {"on":"content","fault":"half_body"},{"on":"list","fault":"status","status":500},
             {"on":"delete_file","fault":"status","status":500}]})",
         4,
         false,
         false,
         0},
        {"failing_lines",
         R"({"window_ms":600000,"faults":[{"fault":"expire","share":0.5},{"fault":"lines","times":0,"shares":{"429":0.2,"500":0.2}}]})",
         8,
         false,
         false,
         4},
        {"cancelled", "{}", 8, false, true, 4},
    };
    return all;
}

CrashRun run_with_crash(const CrashScenario& scenario, std::uint64_t seed, const std::string& point, int time, int every) {
    auto options = Bench::calm();
    options.seed = seed;
    Bench bench("", std::move(options));
    const auto set = bench.fake.behave(R"({"batch":)" + scenario.behaviour + "}");
    EXPECT_TRUE(set) << set.error().detail;
    bench.settings.requests_max = scenario.requests_max;
    bench.settings.attempts = scenario.attempts;
    bench.settings.poll_min = 40s;  // or most of the points passed would be polls
    const auto before = Bench::passed();
    if (!point.empty()) {
        bench.die_at(point, time);
    }
    bench.die_every(every);
    const auto input = scenario.is_scan ? bench.scans(scenario.items) : bench.requests(scenario.items);
    const auto job = bench.planned(input);
    if (scenario.is_cancelled) {
        bench.run_for(50s);
        JobFile other(bench.db());
        EXPECT_TRUE(other.ask_cancel(job.id));
    }
    bench.run();
    CrashRun run;
    const auto end = bench.job(job.id);
    EXPECT_EQ(name_of(end.state), name_of(scenario.is_cancelled ? JobState::cancelled : JobState::done)) << end.reason;
    Bench::Expected expected;
    expected.is_paid_once = !scenario.is_cancelled;
    bench.check(expected);
    for (const auto& [name, count] : Bench::passed()) {
        const auto known = before.find(name);
        run.passed[name] = count - (known == before.end() ? 0 : known->second);
    }
    run.rows = bench.rows(end);
    run.results = bench.results(end);
    run.deaths = bench.deaths();
    return run;
}

void compare(const CrashScenario& scenario, const CrashRun& undisturbed, const CrashRun& crashed) {
    EXPECT_EQ(crashed.deaths, 1);
    if (!scenario.is_cancelled) {
        EXPECT_EQ(crashed.rows, undisturbed.rows);
    }
    if (scenario.is_scan) {
        EXPECT_EQ(crashed.results, undisturbed.results) << "I5: not a byte differs";
    }
}

}  // namespace eco2::batch
