#include "e2e/batch_storm.hpp"

namespace eco2::test {
namespace {

using namespace std::chrono_literals;

TEST_F(BatchStorm, of_lost_replies_and_ten_kills_leaves_no_trace_in_results_and_bill) {
    expect_survives({300, 60, 10, 7, 900ms, 60s});
}

}  // namespace
}  // namespace eco2::test
