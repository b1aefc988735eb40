// The same faults in the stages of the scan: a run completes, or ends with one frame that says why not.

#include "e2e/failover.hpp"

#include <algorithm>

namespace eco2::test {
namespace {

struct ScanFault {
    std::string_view name;
    std::string_view behaviour;
    bool must_complete = true;
};

constexpr std::string_view kStages[] = {"vision", "answer"};

const ScanFault kScanFaults[] = {
    {"limited_with_a_hint", R"("fault":"status","status":429,"retry_after":1,"once":true)"},
    {"limited_without_a_hint", R"("fault":"status","status":429)"},
    {"one_500", R"("fault":"status","status":500,"once":true)"},
    {"a_lasting_503", R"("fault":"status","status":503)"},
    {"one_reset", R"("fault":"reset_before_head","once":true)"},
    {"resets", R"("fault":"reset_before_head")"},
    {"a_reset_after_the_head", R"("fault":"reset_after_head")"},
    {"silence", R"("fault":"silence")"},
    {"a_slow_first_token", R"("fault":"slow_first_token","slow_ms":20000)"},
    {"a_cut", R"("fault":"cut_stream","after_chunks":3)"},
    {"a_stall", R"("fault":"stall","after_chunks":3)"},
    {"a_malformed_chunk", R"("fault":"malformed_chunk","after_chunks":3)"},
    {"no_end_mark", R"("fault":"missing_done")"},
    {"a_prompt_that_is_too_long", R"("fault":"context_length")"},
    {"a_refused_content", R"("fault":"content_policy")", false},
    {"a_garbage_answer", R"("fault":"garbage_body")"},
};

bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const ScanCase& scan) {
    return out << scan.behaviour << " in " << scan.stage;
}

std::string scan_test_name(const ::testing::TestParamInfo<ScanCase>& info) {
    return std::string(info.param.name) + "_in_" + std::string(info.param.stage);
}

std::vector<ScanCase> all_scans() {
    std::vector<ScanCase> out;
    for (const ScanFault& fault : kScanFaults) {
        for (const std::string_view stage : kStages) {
            out.push_back({fault.name, fault.behaviour, stage, fault.must_complete});
        }
    }
    return out;
}

void FailoverScan::expect_an_end(const Reply& reply, bool must_complete) {
    EXPECT_EQ(reply.status, 200) << reply.head;
    EXPECT_TRUE(reply.is_whole) << "a stream that is not ended";
    const auto frames = reply.frames();
    ASSERT_FALSE(frames.empty());
    const auto failed =
        std::count_if(frames.begin(), frames.end(), [](const auto& frame) { return has(frame, "\"status\":\"failed\""); });
    const bool is_completed = has(frames.back(), "\"result\":{") && has(frames.back(), "\"progress\":100");
    if (must_complete || is_completed) {
        EXPECT_TRUE(is_completed) << reply.body;
        EXPECT_EQ(frames.size(), 9U) << reply.body;
        EXPECT_EQ(failed, 0) << reply.body;
    } else {
        EXPECT_EQ(failed, 1) << reply.body;
        EXPECT_TRUE(has(frames.back(), "\"status\":\"failed\"")) << "the last word: " << reply.body;
    }
}

TEST_P(FailoverScan, the_run_ends_well_or_says_why_not) {
    const ScanCase& scanned = GetParam();
    ASSERT_NO_FATAL_FAILURE(start_all(kFailoverScale));
    fake("{" + std::string(scanned.behaviour) + R"(,"kind":")" + std::string(scanned.stage) + "\"}");
    const auto begin = Clock::now();
    expect_an_end(scan(kUrlBody), scanned.must_complete);
    EXPECT_LT(Clock::now() - begin, scaled(std::chrono::seconds(100)) + std::chrono::seconds(6));
    fake("{}");
    expect_an_end(scan(kUrlBody), true);
}

}  // namespace eco2::test
