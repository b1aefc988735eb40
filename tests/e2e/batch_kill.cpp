#include "e2e/batch_kill.hpp"

#include <signal.h>

namespace eco2::test {

void BatchKill::begin(int items, std::string_view batch) {
    write_items(items, 2);
    begin_with_input(batch);
    ASSERT_GT(executed_, items);
}

void BatchKill::begin_with_input(std::string_view batch) {
    start_batch_fake(batch);
    const auto ended = run_job();
    ASSERT_EQ(ended.exit_code, 0) << ended;
    undisturbed_ = results();
    executed_ = bill().at("total").at("executed").to_number<std::int64_t>();
    expect_all_is_in_order(executed_);
}

bool BatchKill::kill_at(const std::string& point, const std::string& faults, const std::map<std::string, std::string>& more) {
    SCOPED_TRACE(point);
    reset_fake();
    forget();
    if (!faults.empty()) {
        fake(R"({"batch":{"faults":[)" + faults + "]}}");
    }
    auto killing = more;
    killing["ECO2_FAIL_POINT"] = point;
    const auto killed = run_job(killing);
    if (killed.exit_code == 0) {
        return false;
    }
    EXPECT_EQ(killed.exit_code, -SIGKILL) << killed;
    const auto ended = run_job();
    EXPECT_EQ(ended.exit_code, 0) << ended;
    if (ended.exit_code == 0) {
        EXPECT_EQ(results(), undisturbed_) << "a crash shows in the results";
    }
    expect_all_is_in_order(executed_);
    return true;
}

}  // namespace eco2::test
