#include "machine_bench.hpp"

#include "batch/jobs/fail_point.hpp"

#include <gtest/gtest.h>

namespace eco2::batch {
namespace {

TEST(MachineCrash, an_undisturbed_run_ends_well) {
    Bench bench;
    const auto job = bench.planned(bench.requests(10));
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    bench.check();
    std::cout << bench.rows(bench.job(job.id)) << bench.results(bench.job(job.id));
    for (auto& [k, v] : Bench::passed()) std::cout << k << " " << v << "\n";
}

TEST(MachineCrash, an_undisturbed_scan_ends_well) {
    Bench bench;
    const auto job = bench.planned(bench.scans(10));
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    bench.check();
    std::cout << bench.rows(bench.job(job.id)) << bench.results(bench.job(job.id));
}

}  // namespace
}  // namespace eco2::batch
