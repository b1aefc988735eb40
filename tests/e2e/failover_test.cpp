// What fails over in seconds: the faults with a tenth of their times.

#include "e2e/failover.hpp"

namespace eco2::test {

const double kFailoverScale = 0.1;

INSTANTIATE_TEST_SUITE_P(ShortTimes, FailoverFaults, ::testing::ValuesIn(all_faults()), fault_test_name);
INSTANTIATE_TEST_SUITE_P(ShortTimes, FailoverScan, ::testing::ValuesIn(all_scans()), scan_test_name);

class FailoverShortTimes : public Failover {};

TEST_F(FailoverShortTimes, a_primary_that_is_down_is_asked_seldom_and_soon_again) {
    sit_out_an_outage();
}

}  // namespace eco2::test
