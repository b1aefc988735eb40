#include "e2e/batch_storm.hpp"

#include <signal.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace eco2::test {
namespace {

using namespace std::chrono_literals;

constexpr auto kLifeMin = 300ms;  // of a process: a start takes half of it

// What happened is not what the client is told.
constexpr std::array kFaults = {
    R"({"on":"create","fault":"lost_reply"})",
    R"({"on":"create","fault":"half_body"})",
    R"({"on":"create","fault":"status","status":500,"executed":true})",
    R"({"on":"create","fault":"status","status":504,"executed":true})",
    R"({"on":"create","fault":"reset"})",
    R"({"on":"create","fault":"status","status":429,"retry_after":0})",
    R"({"on":"upload","fault":"lost_reply"})",
    R"({"on":"upload","fault":"half_body"})",
    R"({"on":"upload","fault":"status","status":502,"executed":true})",
    R"({"on":"upload","fault":"reset"})",
    R"({"on":"content","fault":"half_body"})",
    R"({"on":"content","fault":"status","status":503})",
    R"({"on":"retrieve","fault":"lost_reply"})",
    R"({"on":"retrieve","fault":"status","status":500})",
    R"({"on":"retrieve","fault":"not_found","for_ms":300,"times":1})",
    R"({"on":"list","fault":"status","status":500})",
    R"({"on":"list_files","fault":"lost_reply"})",
    R"({"on":"delete_file","fault":"lost_reply"})",
    R"({"fault":"null_output"})",
    R"({"fault":"duplicate_line","line":2})",
    R"({"fault":"crlf"})",
};

}  // namespace

std::string BatchStorm::some_faults(std::mt19937& random) const {
    std::vector<std::string_view> drawn;
    std::sample(kFaults.begin(), kFaults.end(), std::back_inserter(drawn), 8, random);
    std::shuffle(drawn.begin(), drawn.end(), random);
    std::string list;
    for (const auto fault : drawn) {
        list += (list.empty() ? "" : ",") + std::string(fault);
    }
    return R"({"batch":{"list_lag_ms":300,"faults":[)" + list + "]}}";
}

void BatchStorm::expect_survives(const Plan& plan) {
    SCOPED_TRACE("seed " + std::to_string(plan.seed));
    set_batch("requests_max", std::to_string(plan.requests_max));
    begin(plan.items, R"("in_progress_ms":2000)");
    reset_fake();
    forget();
    std::mt19937 random(plan.seed);
    std::uniform_int_distribution<int> life(static_cast<int>(kLifeMin.count()), static_cast<int>(plan.life_max.count()));
    int kills = 0;
    Ended ended;
    while (kills < plan.kills) {
        fake(some_faults(random));
        const auto process = start_job();
        if (const auto exit_code = process->exit_code_within(std::chrono::milliseconds(life(random)))) {
            ended = {*exit_code, process->out(), process->err()};
            break;
        }
        process->signal(SIGKILL);
        ASSERT_EQ(process->exit_code_within(5s), -SIGKILL);
        ++kills;
    }
    EXPECT_GE(kills, plan.kills / 2) << "hardly a storm";
    if (ended.exit_code != 0) {
        ended = run_job({}, plan.time_max);
    }
    ASSERT_EQ(ended.exit_code, 0) << ended;
    EXPECT_EQ(results(), undisturbed_);
    expect_all_is_in_order(executed_);
}

}  // namespace eco2::test
