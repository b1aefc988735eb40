#include "runs/run_frames.hpp"

#include "runs/run_record.hpp"

#include <gtest/gtest.h>

namespace eco2::test {
namespace {

const FrameStamp kStamp{"r-1", 7, 1'700'000'000'012'345'678};

TEST(RunFrames, are_the_contract_byte_for_byte) {
    EXPECT_EQ(queued_frame(kStamp),
              "id: 7\nevent: queued\ndata: {\"job_id\":\"r-1\",\"stage\":\"queued\",\"status\":\"started\",\"seq\":0,"
              "\"ts\":\"1700000000.012\",\"progress\":0}\n\n");
    EXPECT_EQ(stage_started_frame(kStamp, {2, "answer", 50}),
              "id: 7\nevent: answer\ndata: {\"job_id\":\"r-1\",\"stage\":\"answer\",\"status\":\"started\",\"seq\":30,"
              "\"ts\":\"1700000000.012\",\"progress\":50}\n\n");
    EXPECT_EQ(stage_completed_frame(kStamp, {0, "vision", 25}, "{\"a\":1}"),
              "id: 7\nevent: vision\ndata: {\"job_id\":\"r-1\",\"stage\":\"vision\",\"status\":\"completed\",\"seq\":11,"
              "\"ts\":\"1700000000.012\",\"progress\":25,\"result\":{\"a\":1}}\n\n");
    EXPECT_EQ(delta_frame(kStamp, "answer", "a \"b\"\n"),
              "id: 7\nevent: answer.delta\ndata: {\"job_id\":\"r-1\",\"stage\":\"answer\",\"text\":\"a \\\"b\\\"\\n\"}\n\n");
    EXPECT_EQ(error_frame(kStamp, {0, "vision", 0}, fail(Errc::provider_limited, "slow down")),
              "id: 7\nevent: error\ndata: {\"job_id\":\"r-1\",\"stage\":\"vision\",\"status\":\"failed\",\"seq\":12,"
              "\"ts\":\"1700000000.012\",\"progress\":0,\"error\":\"PROVIDER_LIMITED\",\"message\":\"slow down\"}\n\n");
    EXPECT_EQ(done_frame(kStamp, 4, "{}"),
              "id: 7\nevent: done\ndata: {\"job_id\":\"r-1\",\"stage\":\"done\",\"status\":\"completed\",\"seq\":51,"
              "\"ts\":\"1700000000.012\",\"progress\":100,\"result\":{}}\n\n");
}

TEST(RunFrames, the_words_of_a_delta_are_read_back) {
    const std::string words = "quote \" slash \\ 한글 \n\t\x01 end";
    EXPECT_EQ(delta_text(delta_frame(kStamp, "answer", words)), words);
    EXPECT_EQ(event_name(delta_frame(kStamp, "answer", words)), "answer.delta");
    EXPECT_EQ(delta_text(queued_frame(kStamp)), "");
    EXPECT_EQ(event_name(""), "");
}

TEST(RunRecord, an_input_comes_back_as_it_was) {
    RunInput input;
    input.language = "ko";
    input.question = "이건 \"뭐\"야?";
    input.model = "m";
    input.image_url = std::make_shared<const std::string>("https://x.example/a.jpg");
    input.traceparent = "00-1-2-3";
    const auto back = read_input_record(input_record(input)).value();
    EXPECT_EQ(back.language, "ko");
    EXPECT_EQ(back.question, input.question);
    EXPECT_EQ(back.model, "m");
    EXPECT_EQ(*back.image_url, *input.image_url);
    EXPECT_EQ(back.traceparent, input.traceparent);
    EXPECT_TRUE(back.wants_deltas);
    EXPECT_EQ(read_input_record("{").error().code, Errc::store_failed);
    EXPECT_EQ(read_input_record("[]").error().code, Errc::store_failed);
}

TEST(RunRecord, a_checkpoint_comes_back_as_it_was_and_only_at_its_stage) {
    FinishedStage finished;
    finished.output = StageOutput("{\"b\": 1, \"a\": 2}");
    finished.report.provider = "openai";
    finished.report.model = "gpt";
    finished.report.is_asked = true;
    finished.report.usage.input_tokens = 12;
    finished.report.duration = std::chrono::milliseconds(3);
    finished.reward = RewardDecision{"null", "insufficient", "", "", std::nullopt};
    const auto record = checkpoint_record("reward", finished);
    EXPECT_EQ(record.find('\n'), std::string::npos) << "one line in the store";
    const auto back = read_checkpoint_record(record, "reward").value();
    EXPECT_EQ(back.output.json(), "{\"b\": 1, \"a\": 2}") << "the bytes, in their order";
    EXPECT_EQ(back.report.provider, "openai");
    EXPECT_EQ(back.report.usage.input_tokens, 12);
    EXPECT_EQ(back.report.usage.output_tokens, -1);
    EXPECT_EQ(back.report.duration, std::chrono::milliseconds(3));
    ASSERT_TRUE(back.reward);
    EXPECT_EQ(back.reward->reason, "insufficient");
    EXPECT_EQ(read_checkpoint_record(record, "answer").error().code, Errc::config_invalid);
    EXPECT_EQ(read_checkpoint_record("x", "answer").error().code, Errc::store_failed);
    EXPECT_TRUE(read_checkpoint_record(checkpoint_record("rule", {}), "rule")->output.is_null());
}

}  // namespace
}  // namespace eco2::test
