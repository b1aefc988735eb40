// The faults of a provider, through the front door, with one fallback behind it: whoever asks gets the whole answer.

#include "e2e/failover.hpp"

#include <algorithm>
#include <iterator>

namespace eco2::test {
namespace {

using bench::ChatOutcome;
using std::chrono::milliseconds;
using Answers = FaultCase::Answers;

FaultCase fault(std::string_view name, std::string_view model, Answers answers, int attempts_min, int attempts_max) {
    FaultCase out;
    out.name = name;
    out.model = model;
    out.answers = answers;
    out.primary_attempts_min = attempts_min;
    out.primary_attempts_max = attempts_max;
    return out;
}

FaultCase hinted(FaultCase out, milliseconds hint) {
    out.hint = hint;
    return out;
}

FaultCase refused(FaultCase out, std::string_view code) {
    out.error_code = code;
    return out;
}

FaultCase with_fallback(FaultCase out, std::string_view model) {
    out.fallback_model = model;
    return out;
}

FaultCase whole(FaultCase out, milliseconds longest = milliseconds(25'000)) {
    out.is_streamed = false;
    out.longest = longest;
    return out;
}

std::vector<FaultCase> streamed_faults() {
    return {
        hinted(fault("limited_with_a_hint", "fault-429-hint", Answers::primary, 2, 2), milliseconds(2'000)),
        fault("limited_without_a_hint", "fault-429", Answers::fallback, 1, 2),
        fault("one_500", "fault-500-once", Answers::primary, 2, 2),
        fault("a_lasting_503", "fault-503", Answers::fallback, 1, 2),
        fault(
            "one_reset", "fault-reset-once", Answers::primary, 2, 3),  // a pooled connection's end is tried again by the client
        fault("silence", "fault-silence", Answers::fallback, 1, 1),
        fault("a_slow_first_token", "fault-slow-first-token", Answers::fallback, 1, 1),
        fault("a_cut_after_40_words", "fault-cut", Answers::fallback, 1, 2),
        fault("a_stall_after_20_words", "fault-stall", Answers::fallback, 1, 1),
        fault("a_malformed_tenth_chunk", "fault-malformed-chunk", Answers::fallback, 1, 2),
        fault("no_end_mark", "fault-no-done", Answers::primary, 1, 1),
        fault("a_prompt_that_is_too_long", "fault-context-length", Answers::fallback, 1, 1),
        refused(fault("a_refused_content", "fault-content-filter", Answers::nobody, 1, 1), "content"),
        with_fallback(fault("a_cut_and_a_fallback_that_refuses_prefill", "fault-cut", Answers::fallback, 1, 2),
                      "fault-no-prefill"),
        with_fallback(fault("a_stall_and_a_fallback_that_refuses_prefill", "fault-stall", Answers::fallback, 1, 1),
                      "fault-no-prefill"),
    };
}

std::vector<FaultCase> whole_faults() {
    return {
        whole(hinted(fault("limited_with_a_hint_whole", "fault-429-hint", Answers::primary, 2, 2), milliseconds(2'000))),
        whole(fault("limited_without_a_hint_whole", "fault-429", Answers::fallback, 1, 2)),
        whole(fault("one_500_whole", "fault-500-once", Answers::primary, 2, 2)),
        whole(fault("a_lasting_503_whole", "fault-503", Answers::fallback, 1, 2)),
        whole(fault("one_reset_whole", "fault-reset-once", Answers::primary, 2, 3)),
        whole(fault("silence_whole", "fault-silence", Answers::fallback, 1, 1), milliseconds(75'000)),
        whole(fault("a_slow_answer_whole", "fault-slow-first-token", Answers::either, 1, 1), milliseconds(75'000)),
        whole(fault("a_cut_whole", "fault-cut", Answers::either, 1, 2)),
        whole(fault("a_prompt_that_is_too_long_whole", "fault-context-length", Answers::fallback, 1, 1)),
        whole(refused(fault("a_refused_content_whole", "fault-content-filter", Answers::nobody, 1, 1), "content")),
    };
}

}  // namespace

std::vector<FaultCase> all_faults() {
    std::vector<FaultCase> out = streamed_faults();
    const std::vector<FaultCase> more = whole_faults();
    std::copy(more.begin(), more.end(), std::back_inserter(out));
    return out;
}

std::ostream& operator<<(std::ostream& out, const FaultCase& fault) {
    return out << fault.model << (fault.is_streamed ? ", streamed" : ", whole");
}

std::string fault_test_name(const ::testing::TestParamInfo<FaultCase>& info) {
    return std::string(info.param.name);
}

TEST_P(FailoverFaults, the_caller_gets_all_that_there_is) {
    constexpr milliseconds kSlack{6'000};  // of a busy machine
    const FaultCase& fault = GetParam();
    ASSERT_NO_FATAL_FAILURE(start_all(kFailoverScale, fault.fallback_model));
    const Answer answer = chat(fault.model, fault.is_streamed, scaled(fault.longest) + kSlack);

    const Seen primary = primary_saw(fault.model);
    const Seen fallback = fallback_saw(fault.fallback_model);
    EXPECT_GE(primary.requests, fault.primary_attempts_min);
    EXPECT_LE(primary.requests, fault.primary_attempts_max);
    if (fault.answers == Answers::nobody) {
        EXPECT_EQ(answer.outcome, ChatOutcome::clean_error) << answer.fault;
        EXPECT_EQ(answer.status, 400);
        EXPECT_NE(answer.error_code.find(fault.error_code), std::string::npos) << answer.error_code;
        EXPECT_EQ(fallback.requests, 0);
    } else {
        EXPECT_EQ(answer.outcome, ChatOutcome::good) << answer.fault << "\n" << answer.head;
        EXPECT_TRUE(answer.has_usage);
        const bool is_fallbacks = answer.model == fault.fallback_model;
        EXPECT_TRUE(is_fallbacks || answer.model == fault.model) << answer.model;
        EXPECT_TRUE(fault.answers != Answers::fallback || is_fallbacks) << answer.model << " did not answer";
        EXPECT_TRUE(fault.answers != Answers::primary || !is_fallbacks) << answer.model << " was not asked for";
        EXPECT_EQ(answer.completion_tokens, (is_fallbacks ? fallback : primary).last_whole_out) << "the usage of who answered";
        EXPECT_EQ(fallback.requests, is_fallbacks ? 1 : 0);
    }
    if (fault.hint.count() != 0) {
        ASSERT_GE(primary.at_ms.size(), 2U);
        EXPECT_GE(primary.at_ms[1] - primary.at_ms[0], scaled(fault.hint).count()) << "the primary said when";
    }

    const Answer next = chat("healthy-model", fault.is_streamed, milliseconds(10'000));
    EXPECT_EQ(next.outcome, ChatOutcome::good) << "the next call: " << next.fault;
    EXPECT_EQ(next.model, "healthy-model");
}

}  // namespace eco2::test
