#include "app/scan_frames.hpp"

#include "../pipeline/fixture.hpp"
#include "runs/run_result.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace eco2::app {
namespace {

using test::RunBench;

/// All frames of a run so far, one a line.
std::string frames(const eco2::Run& run) {
    std::string out;
    for (const auto& event : run.log()) {
        if (const auto frame = scan_frame(run, event); !frame.empty()) {
            out += frame + "\n";
        }
    }
    return out;
}

const std::string kGoldenStart = R"({"status":"started","task_id":"run-1"}
{"step":"vision","status":"started","progress":0}
{"step":"vision","status":"completed","progress":25}
{"step":"rule","status":"started","progress":25}
{"step":"rule","status":"completed","progress":50}
{"step":"answer","status":"started","progress":50}
{"step":"answer","status":"completed","progress":75}
{"step":"reward","status":"started","progress":75}
)";

TEST(ScanFrames, a_whole_run_is_told_byte_for_byte) {
    RunBench bench;
    const auto run = bench.start();
    bench.doors.last().observer->on_usage({100, 20, 50, -1, false});
    bench.doors.answer(RunBench::vision());
    bench.doors.result(R"({"이름":"종이"})");
    bench.doors.answer(R"({"user_answer":"접어요","steps":1})");
    bench.doors.result(R"({"reward":{"name":"페이피","dialog":"d","match_reason":"종이>신문지","type":"t"},"reason":null})");
    EXPECT_EQ(
        frames(*run),
        kGoldenStart +
            R"({"step":"reward","status":"completed","progress":100,"result":{"task_id":"run-1","status":"completed",)"
            R"("message":"classification completed","pipeline_result":{"classification_result":{"classification":)"
            R"({"major_category":"재활용폐기물","middle_category":"종이","minor_category":"신문지"},"situation_tags":["깨짐"],)"
            R"("meta":{"user_input":"이건?"}},"disposal_rules":{"이름":"종이"},"final_answer":{"steps":1,"user_answer":"접어요"}},)"
            R"("reward":{"name":"페이피","dialog":"d","match_reason":"종이>신문지","type":"t"},"error":null,"reward_reason":null,)"
            R"("provider":{"vision":"p","answer":"p"},"usage":{"vision":{"model":"model-a","input_tokens":100,"output_tokens":20,)"
            R"("cached_input_tokens":50},"answer":{"model":"model-a","input_tokens":null,"output_tokens":null,)"
            R"("cached_input_tokens":null}}}})"
            "\n");
}

TEST(ScanFrames, no_rule_gives_null_and_a_reason) {
    RunBench bench;
    const auto run = bench.start();
    bench.doors.answer(RunBench::vision("미분류", "미분류"));
    bench.doors.no_result();
    bench.doors.result(R"({"reward":null,"reason":"not_recyclable"})");
    const auto result = boost::json::parse(run_result(*run)).as_object();
    EXPECT_EQ(result.at("status"), "completed");
    EXPECT_TRUE(result.at("pipeline_result").at("disposal_rules").is_null());
    EXPECT_EQ(result.at("pipeline_result").at("final_answer").at("user_answer"), "모름");
    EXPECT_TRUE(result.at("reward").is_null());
    EXPECT_EQ(result.at("reward_reason"), "not_recyclable");
}

TEST(ScanFrames, a_failed_stage_is_the_last_frame) {
    RunBench bench;
    const auto run = bench.start();
    bench.doors.fail_call(Errc::provider_limited);
    EXPECT_EQ(frames(*run), R"({"status":"started","task_id":"run-1"}
{"step":"vision","status":"started","progress":0}
{"step":"vision","status":"failed","progress":0,"error":"PROVIDER_LIMITED","message":"told by the test"}
)");
    EXPECT_EQ(boost::json::parse(run_result(*run)).at("error"), "PROVIDER_LIMITED");
    EXPECT_EQ(boost::json::parse(run_result(*run)).at("status"), "failed");
}

TEST(ScanFrames, a_timeout_has_its_own_frame) {
    RunBench bench([] {
        auto definition = test::scan_definition();
        definition.deadline = std::chrono::seconds(5);
        return definition;
    }());
    const auto run = bench.start();
    bench.executor.advance(std::chrono::seconds(5));
    EXPECT_TRUE(frames(*run).ends_with("{\"status\":\"timeout\",\"task_id\":\"run-1\"}\n")) << frames(*run);
}

TEST(ScanFrames, faults_of_requests_have_the_contracts_shapes) {
    EXPECT_EQ(scan_error_frame(fail(Errc::image_url_required)), R"({"status":"error","error":"IMAGE_URL_REQUIRED"})");
    EXPECT_EQ(error_body(fail(Errc::unauthorized, "Missing x-user-id header")),
              R"({"detail":"Missing x-user-id header","code":"UNAUTHORIZED"})");
    EXPECT_EQ(
        failed_result("id", fail(Errc::https_required, "no")),
        R"({"task_id":"id","status":"failed","message":"no","pipeline_result":null,"reward":null,"error":"HTTPS_REQUIRED",)"
        R"("reward_reason":null,"provider":{},"usage":{}})");
    EXPECT_EQ(unsupported_model_body(test::scan_definition(), "x\"y"),
              R"({"detail":{"error":"UNSUPPORTED_MODEL","message":"\"x\"y\" is not a model of this pipeline",)"
              R"("supported_models":["model-a","model-b"]},"code":"UNSUPPORTED_MODEL"})");
}

TEST(ScanFrames, categories_come_from_the_taxonomy) {
    EXPECT_EQ(categories_body(R"({"가":{"a":["x","y"],"b":["z"]},"나":["p","q"]})").value(),
              R"([{"id":1,"name":"가","display_name":"가","instructions":["a: x, y","b: z"]},)"
              R"({"id":2,"name":"나","display_name":"나","instructions":["p, q"]}])");
    EXPECT_FALSE(categories_body("[]"));
    EXPECT_EQ(category_count(R"({"가":[],"나":[]})"), 2U);
}

}  // namespace
}  // namespace eco2::app
