// The faults with the times that they have in life, under the configuration as it ships.

#include "e2e/failover.hpp"

namespace eco2::test {

const double kFailoverScale = 1;

INSTANTIATE_TEST_SUITE_P(RealTimes, FailoverFaults, ::testing::ValuesIn(all_faults()), fault_test_name);
INSTANTIATE_TEST_SUITE_P(RealTimes, FailoverScan, ::testing::ValuesIn(all_scans()), scan_test_name);

class FailoverRealTimes : public Failover {};

TEST_F(FailoverRealTimes, a_primary_that_is_down_is_asked_seldom_and_soon_again) {
    sit_out_an_outage();
}

}  // namespace eco2::test
