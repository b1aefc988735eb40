#include "e2e/batch_storm.hpp"

namespace eco2::test {
namespace {

using namespace std::chrono_literals;

TEST_F(BatchStorm, over_five_thousand_items_leaves_no_trace_in_results_and_bill) {
    expect_survives({5'000, 700, 10, 11, 4'000ms, 240s});
}

TEST_F(BatchStorm, leaves_no_trace_whatever_its_moments) {
    for (std::uint32_t seed = 100; seed < 120 && !HasFailure(); ++seed) {
        expect_survives({200, 40, 10, seed, 900ms, 60s});
        fake_process.reset();
        forget();
    }
}

}  // namespace
}  // namespace eco2::test
