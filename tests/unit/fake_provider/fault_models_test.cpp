#include "fake_provider/fault_models.hpp"

#include "asked.hpp"
#include "fake_provider/answer_text.hpp"
#include "fake_provider/mix.hpp"

#include <gtest/gtest.h>

#include <map>

namespace eco2::fake {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kStream = R"(,"stream":true)";

class FakeFaultModels : public testing::Test {
protected:
    Control make(double scale = 1) {
        FakeOptions options;
        options.fault_scale = scale;
        options.latency.answer_ms = 0;
        return Control(std::move(options), clock_);
    }
    static Script ask(Control& control, const std::string& model, const std::string& more = kStream) {
        return control.answer({chat(model, more), ""});
    }
    HandClock clock_;
};

TEST_F(FakeFaultModels, first_attempts_fail_and_later_ones_do_not_each_model_by_itself) {
    Control control = make();
    const Script hinted = ask(control, "fault-429-hint");
    EXPECT_EQ(hinted.status, 429);
    EXPECT_EQ(header_of(hinted, "retry-after"), "2");
    EXPECT_EQ(ask(control, "fault-429-hint").status, 200);
    EXPECT_EQ(ask(control, "fault-429-hint:another").status, 429);
    EXPECT_EQ(ask(control, "fault-500-once").status, 500);
    EXPECT_EQ(ask(control, "fault-500-once").status, 200);
    EXPECT_TRUE(ask(control, "fault-reset-once").resets);
    EXPECT_FALSE(ask(control, "fault-reset-once").resets);
    control.reset();
    EXPECT_EQ(ask(control, "fault-500-once").status, 500);
}

TEST_F(FakeFaultModels, lasting_faults_last) {
    Control control = make();
    for (int i = 0; i < 3; ++i) {
        const Script limited = ask(control, "fault-429");
        EXPECT_EQ(limited.status, 429);
        EXPECT_EQ(header_of(limited, "retry-after"), "");
        EXPECT_EQ(ask(control, "fault-503").status, 503);
        EXPECT_EQ(ask(control, "fault-silence").form, Script::Form::silence);
        const Script length = ask(control, "fault-context-length");
        EXPECT_EQ(length.status, 400);
        EXPECT_NE(bytes_of(length).find("context_length_exceeded"), std::string::npos);
        EXPECT_NE(bytes_of(ask(control, "fault-content-filter")).find("content_policy_violation"), std::string::npos);
    }
}

TEST_F(FakeFaultModels, cut_and_stall_end_after_their_words) {
    Control control = make(0.1);
    const Script cut = ask(control, "fault-cut");
    EXPECT_EQ(tokens_of(cut), 40);
    EXPECT_TRUE(cut.is_broken);
    EXPECT_FALSE(cut.hangs);
    EXPECT_EQ(bytes_of(cut).find("[DONE]"), std::string::npos);
    EXPECT_EQ(bytes_of(cut).find("\r\n0\r\n"), std::string::npos);
    EXPECT_EQ(text_of(cut).size(), Answers().text.find(cut_into_words(Answers().text)[40]));
    const Script stall = ask(control, "fault-stall");
    EXPECT_EQ(tokens_of(stall), 20);
    EXPECT_TRUE(stall.is_broken);
    EXPECT_FALSE(stall.hangs);
    EXPECT_EQ(stall.parts.back().at, milliseconds(3000));
    EXPECT_EQ(stall.parts[stall.parts.size() - 2].at, milliseconds(0));
    EXPECT_EQ(ask(control, "fault-stall", "").parts.back().at, milliseconds(3000)) << "whole answers stall as well";
}

TEST_F(FakeFaultModels, the_first_word_is_late_and_the_head_is_not) {
    Control control = make(0.1);
    const Script script = ask(control, "fault-slow-first-token");
    EXPECT_EQ(script.parts.at(0).at, milliseconds(0));
    EXPECT_NE(script.parts.at(0).bytes.find("assistant"), std::string::npos);
    EXPECT_EQ(script.parts.at(1).at, milliseconds(2000));
    EXPECT_EQ(text_of(script), Answers().text);
    EXPECT_EQ(ask(control, "fault-slow-first-token", "").parts.at(0).at, milliseconds(2000));
}

TEST_F(FakeFaultModels, the_tenth_event_is_no_json_and_the_rest_is_normal) {
    Control control = make();
    const auto events = events_of(ask(control, "fault-malformed-chunk"));
    for (std::size_t i = 0; i < events.size(); ++i) {
        EXPECT_EQ(events[i].has_value(), i != 9) << i;
    }
    EXPECT_EQ(events.size(), 62U);
    EXPECT_EQ(bytes_of(ask(control, "fault-no-done")).find("[DONE]"), std::string::npos);
    EXPECT_EQ(events_of(ask(control, "fault-no-done")).size(), 62U);
}

TEST_F(FakeFaultModels, prefill_is_refused_in_every_dialect_and_nothing_else_is) {
    Control control = make();
    EXPECT_EQ(ask(control, "fault-no-prefill").status, 200);
    const std::string turns = R"([{"role":"user","content":"q"},{"role":"assistant","content":"so"}])";
    const std::string body = R"({"model":"fault-no-prefill","max_tokens":9,"messages":)" + turns + "}";
    EXPECT_EQ(control.answer({body, ""}).status, 400);
    EXPECT_EQ(control.answer({body, "", Dialect::messages}).status, 400);
    const std::string gemini = R"({"contents":[{"role":"user","parts":[]},{"role":"model","parts":[{"text":"so"}]}]})";
    EXPECT_EQ(control.answer({gemini, "", Dialect::gemini, "fault-no-prefill"}).status, 400);
}

TEST_F(FakeFaultModels, a_flapping_model_comes_back_and_goes_down_with_a_reset) {
    Control control = make(0.1);
    EXPECT_EQ(ask(control, "fault-flap").status, 503);
    clock_.now_ += milliseconds(5999);
    EXPECT_EQ(ask(control, "fault-flap").status, 503);
    clock_.now_ += milliseconds(1);
    EXPECT_EQ(ask(control, "fault-flap").status, 200);
    control.reset();
    EXPECT_EQ(ask(control, "fault-flap").status, 503);
}

TEST_F(FakeFaultModels, a_scaled_hint_is_true_in_milliseconds) {
    Control control = make(0.1);
    const Script hinted = ask(control, "fault-429-hint");
    EXPECT_EQ(header_of(hinted, "retry-after"), "1");
    EXPECT_EQ(header_of(hinted, "retry-after-ms"), "200");
    const std::string gemini = R"({"contents":[{"role":"user","parts":[{"text":"q"}]}]})";
    EXPECT_NE(bytes_of(control.answer({gemini, "", Dialect::gemini, "fault-429-hint:g"})).find("\"0.200s\""),
              std::string::npos);
    EXPECT_EQ(bytes_of(control.answer({gemini, "", Dialect::gemini, "fault-429"})).find("retryDelay"), std::string::npos);
}

TEST_F(FakeFaultModels, a_fault_that_does_not_exist_is_no_model) {
    Control control = make();
    EXPECT_EQ(ask(control, "fault-nonsense").status, 404);
    EXPECT_EQ(ask(control, "faulty").status, 200);
    for (const std::string_view name : {"429-hint", "flap", "malformed-chunk"}) {
        EXPECT_NE(fault_model_help().find(name), std::string::npos);
    }
}

TEST_F(FakeFaultModels, the_same_faults_are_behaviours) {
    Control control = make();
    ASSERT_TRUE(control.set_behaviour(R"({"fault":"flap","down_ms":100,"up_ms":50})"));
    EXPECT_EQ(ask(control, "m").status, 503);
    clock_.now_ += milliseconds(120);
    EXPECT_EQ(ask(control, "m").status, 200);
    clock_.now_ += milliseconds(40);
    EXPECT_EQ(ask(control, "m").status, 503) << "and so on";
    ASSERT_TRUE(control.set_behaviour(R"({"fault":"status","status":500,"once":true})"));
    EXPECT_EQ(ask(control, "m").status, 500);
    EXPECT_EQ(ask(control, "m").status, 200);
    EXPECT_EQ(ask(control, "other").status, 500);
    ASSERT_TRUE(control.set_behaviour(R"({"fault":"slow_first_token","slow_ms":70,"pacing_ms":5})"));
    const Script slow = ask(control, "m");
    EXPECT_EQ(slow.parts.at(1).at, milliseconds(70));
    EXPECT_EQ(slow.parts.back().at, milliseconds(70 + 59 * 5));
    ASSERT_TRUE(control.set_behaviour(R"({"latency":{"pacing_ms":3}})"));
    EXPECT_EQ(ask(control, "m").parts.back().at, milliseconds(59 * 3));
    for (const Dialect dialect : {Dialect::chat, Dialect::messages, Dialect::responses}) {
        ASSERT_TRUE(control.set_behaviour(R"({"fault":"content_policy"})"));
        const std::string body = R"({"model":"m","max_tokens":9,"input":[{}],"messages":[{"role":"user","content":"q"}]})";
        EXPECT_EQ(control.answer({body, "", dialect}).status, 400);
    }
    const Script blocked = control.answer({R"({"contents":[{"parts":[]}]})", "", Dialect::gemini, "g"});
    EXPECT_NE(bytes_of(blocked).find("blockReason"), std::string::npos);
}

TEST(FakeMix, draws_by_share_and_the_same_for_the_same_seed) {
    const auto read = [](const std::string& text) { return read_mix(json::parse(text).as_object()); };
    const std::string text =
        R"({"429":0.1,"500":0.05,"reset_before_head":0.03,"cut":{"share":0.05,"after_chunks":3},"seed":7})";
    const Result<FaultMix> mix = read(text);
    ASSERT_TRUE(mix) << mix.error().text();
    const Result<FaultMix> twin = read(text);
    const Result<FaultMix> other = read(R"({"429":0.1,"500":0.05,"reset_before_head":0.03,"cut":0.05,"seed":8})");
    std::map<std::string, int> drawn;
    int differ = 0;
    for (std::uint64_t number = 1; number <= 10'000; ++number) {
        const Behaviour* behaviour = mix->draw(number);
        const Behaviour* same = twin->draw(number);
        ASSERT_EQ(behaviour == nullptr, same == nullptr);
        differ += (behaviour == nullptr) != (other->draw(number) == nullptr) ? 1 : 0;
        if (behaviour != nullptr) {
            ++drawn[std::string(fault_name(behaviour->fault)) +
                    (behaviour->fault == Fault::status ? std::to_string(behaviour->status) : "")];
            EXPECT_EQ(behaviour->fault, same->fault);
            EXPECT_TRUE(behaviour->fault != Fault::cut_stream || behaviour->after_chunks == 3);
        }
    }
    EXPECT_GT(differ, 0);
    EXPECT_NEAR(drawn["status429"], 1000, 120);
    EXPECT_NEAR(drawn["status500"], 500, 90);
    EXPECT_NEAR(drawn["reset_before_head"], 300, 70);
    EXPECT_NEAR(drawn["cut_stream_after_n_chunks"], 500, 90);
    for (const std::string bad : {R"({"430":0.1})",
                                  R"({"nonsense":0.1})",
                                  R"({"500":1.1})",
                                  R"({"500":"a"})",
                                  R"({"500":{"after_chunks":1}})",
                                  R"({"500":0.6,"429":0.6})",
                                  R"({"cut":{"share":0.1,"after":1}})",
                                  R"({"seed":-1})"}) {
        EXPECT_FALSE(read(bad)) << bad;
    }
}

TEST_F(FakeFaultModels, a_mix_hits_whom_the_behaviour_fits_and_reset_ends_it) {
    Control control = make();
    ASSERT_TRUE(control.set_behaviour(R"({"mix":{"503":1.0,"seed":3},"model":"primary"})"));
    EXPECT_EQ(ask(control, "primary").status, 503);
    EXPECT_EQ(ask(control, "fallback").status, 200);
    EXPECT_FALSE(control.set_behaviour(R"({"mix":{"nonsense":1}})"));
    EXPECT_EQ(ask(control, "primary").status, 503);
    control.reset();
    EXPECT_EQ(ask(control, "primary").status, 200);
}

TEST_F(FakeFaultModels, typos_are_told_with_what_was_meant) {
    Control control = make();
    const auto told = [&](const std::string& text) {
        const Result<void> set = control.set_behaviour(text);
        return set ? std::string() : set.error().detail;
    };
    EXPECT_NE(told(R"({"falt":"status"})").find("did you mean \"fault\""), std::string::npos);
    EXPECT_NE(told(R"({"fault":"silense"})").find("did you mean \"silence\""), std::string::npos);
    EXPECT_NE(told(R"({"latency":{"visionms":1}})").find("did you mean \"vision_ms\""), std::string::npos);
    EXPECT_NE(told(R"({"answers":{"txt":"a"}})").find("did you mean \"text\""), std::string::npos);
}

}  // namespace
}  // namespace eco2::fake
