#include "cut_results.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace eco2::batch {
namespace {

constexpr int kRequests = 5;

long resident_max() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

}  // namespace

std::string honest_rows(int requests) {
    Bench bench;
    const auto job = bench.planned(bench.requests(requests));
    bench.run();
    return bench.rows(job);
}

CutResults::CutResults() : rows_(honest_rows(kRequests)) {
    Bench bench;
    EXPECT_TRUE(bench.fake.behave(R"({"batch":{"shuffle":false}})"));
    bench.planned(bench.requests(kRequests));
    std::string whole;
    bench.wire.after = [&](const std::string& step, int, WireResult&) {
        for (const auto& entry : std::filesystem::directory_iterator(bench.data_dir() / "batch" / "shards")) {
            if (step == "content" && entry.path().extension() == ".out") {
                std::ifstream in(entry.path(), std::ios::binary);
                whole.assign(std::istreambuf_iterator<char>(in), {});
            }
        }
    };
    bench.run();
    EXPECT_EQ(std::count(whole.begin(), whole.end(), '\n'), kRequests);
    auto at = whole.size() - 1;
    for (int line = 0; line < 3; ++line) {
        at = whole.rfind('\n', at - 1);
    }
    tail_ = whole.size() - at - 1;
    line_ = tail_ / 3;
}

void CutResults::check(std::size_t missing) const {
    SCOPED_TRACE(missing);
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"shuffle":false,"faults":[{"on":"content","fault":"truncate","last_bytes":)" +
                                  std::to_string(missing) + "}]}}"));
    const auto job = bench.planned(bench.requests(kRequests));
    bench.run();
    ASSERT_EQ(bench.job(job.id).state, JobState::done);
    ASSERT_EQ(bench.rows(job), rows_);
    bench.check();
    // Without its line end the last line is still a line.
    ASSERT_EQ(bench.incidents(job, "missing"), missing == 1 ? 0 : 1);
    ASSERT_EQ(bench.fake.batch_ids().size(), 1U);
}

long run_with_long_line(std::size_t bytes) {
    Bench bench;
    EXPECT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"fault":"lines","shares":{"huge":1},"bytes":)" +
                                  std::to_string(bytes) + "}]}}"));
    const auto job = bench.planned(bench.requests(2));
    const auto before = resident_max();
    bench.run();
    const auto after = resident_max();
    EXPECT_EQ(bench.job(job.id).items_done, 2);
    EXPECT_GT(bench.results(bench.job(job.id)).size(), 2 * bytes);
    bench.check();
    return after - before;
}

}  // namespace eco2::batch
