#include "asked.hpp"
#include "fake_provider/answer_text.hpp"

#include <gtest/gtest.h>

namespace eco2::fake {
namespace {

namespace json = boost::json;

const std::string kStream = R"(,"stream":true)";
const std::string kTools =
    R"(,"tools":[{"type":"function","function":{"name":"first","parameters":{"type":"object","properties":{"a":{"type":"string"}}}}},)"
    R"({"type":"function","function":{"name":"second","parameters":{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}}}}}])";

class FakePlainChat : public testing::Test {
protected:
    Script ask(const std::string& more) { return control_.answer({chat("m", more), ""}); }
    json::value whole(const std::string& more) { return json::parse(bytes_of(ask(more))); }
    HandClock clock_;
    Control control_{FakeOptions{}, clock_};
};

TEST_F(FakePlainChat, the_default_answer_has_sixty_words_and_says_that_it_is_made_up) {
    const Answers answers;
    EXPECT_EQ(cut_into_words(answers.text).size(), 60U);
    EXPECT_NE(answers.text.find("made up"), std::string::npos);
    const json::value body = whole("");
    EXPECT_EQ(body.at("choices").at(0).at("message").at("content").as_string(), answers.text);
    EXPECT_EQ(body.at("usage").at("completion_tokens").to_number<int>(), 60);
    EXPECT_EQ(text_of(ask(kStream)), answers.text);
    EXPECT_EQ(ask(kStream).parts.size(), 60U) << "one chunk a word";
    EXPECT_EQ(tokens_of(ask(kStream)), 60);
}

TEST_F(FakePlainChat, the_canonical_answer_can_be_chosen) {
    ASSERT_TRUE(control_.set_behaviour(R"({"answers":{"text":" one  two\nthree \n"}})"));
    EXPECT_EQ(text_of(ask(kStream)), " one  two\nthree \n");
    EXPECT_EQ(ask(kStream).parts.size(), 3U);
    EXPECT_FALSE(control_.set_behaviour(R"({"answers":{"text":""}})"));
    EXPECT_FALSE(control_.set_behaviour(R"({"answers":{"text":7}})"));
}

TEST_F(FakePlainChat, usage_is_null_in_every_chunk_and_then_told_once_without_choices) {
    const auto events = events_of(ask(kStream + R"(,"stream_options":{"include_usage":true})"));
    for (std::size_t i = 0; i + 1 < events.size(); ++i) {
        EXPECT_TRUE(events[i]->at("usage").is_null());
        EXPECT_EQ(events[i]->at("choices").as_array().size(), 1U);
    }
    EXPECT_TRUE(events.back()->at("choices").as_array().empty());
    EXPECT_EQ(events.back()->at("usage").at("completion_tokens").to_number<int>(), 60);
    for (const auto& event : events_of(ask(kStream))) {
        EXPECT_FALSE(event->as_object().contains("usage"));
    }
}

TEST_F(FakePlainChat, most_tokens_end_it_with_length_and_stop_words_before_themselves) {
    for (const std::string key : {"max_tokens", "max_completion_tokens"}) {
        const json::value body = whole(",\"" + key + "\":4");
        EXPECT_EQ(body.at("choices").at(0).at("message").at("content"), json::value("This answer is made"));
        EXPECT_EQ(body.at("choices").at(0).at("finish_reason"), json::value("length"));
        EXPECT_EQ(body.at("usage").at("completion_tokens").to_number<int>(), 4);
    }
    EXPECT_EQ(whole(R"(,"max_tokens":60)").at("choices").at(0).at("finish_reason"), json::value("stop"));
    for (const std::string stop : {R"(" made")", R"(["nowhere"," made","up"])"}) {
        const json::value body = whole(",\"stop\":" + stop);
        EXPECT_EQ(body.at("choices").at(0).at("message").at("content"), json::value("This answer is"));
        EXPECT_EQ(body.at("choices").at(0).at("finish_reason"), json::value("stop"));
    }
    EXPECT_EQ(text_of(ask(kStream + R"(,"max_tokens":2)")), "This answer");
}

TEST_F(FakePlainChat, several_choices_are_all_told_and_all_paid) {
    const json::value body = whole(R"(,"n":3,"max_tokens":2)");
    EXPECT_EQ(body.at("choices").as_array().size(), 3U);
    EXPECT_EQ(body.at("choices").at(2).at("index"), json::value(2));
    EXPECT_EQ(body.at("usage").at("completion_tokens").to_number<int>(), 6);
    const Script script = ask(kStream + R"(,"n":3,"max_tokens":2)");
    for (int index = 0; index < 3; ++index) {
        EXPECT_EQ(text_of(script, index), "This answer");
    }
    EXPECT_EQ(tokens_of(script), 6);
    EXPECT_EQ(ask(R"(,"n":0)").status, 400);
    EXPECT_EQ(ask(R"(,"n":129)").status, 400);
    EXPECT_EQ(ask(R"(,"n":null)").status, 200);
}

TEST_F(FakePlainChat, a_forced_tool_is_called_and_a_free_choice_is_text) {
    EXPECT_TRUE(whole(kTools + R"(,"tool_choice":"auto")").at("choices").at(0).at("message").at("content").is_string());
    const json::value any = whole(kTools + R"(,"tool_choice":"required")").at("choices").at(0);
    EXPECT_EQ(any.at("finish_reason"), json::value("tool_calls"));
    EXPECT_TRUE(any.at("message").at("content").is_null());
    EXPECT_EQ(any.at("message").at("tool_calls").at(0).at("function").at("name"), json::value("first"));
    const std::string named = kTools + R"(,"tool_choice":{"type":"function","function":{"name":"second"}})";
    const json::value call = whole(named).at("choices").at(0).at("message").at("tool_calls").at(0);
    EXPECT_EQ(call.at("type"), json::value("function"));
    const std::string arguments(call.at("function").at("arguments").as_string());
    EXPECT_TRUE(json::parse(arguments).at("city").is_string());

    const auto events = events_of(ask(named + kStream));
    std::string joined;
    int fragments = 0;
    for (const auto& event : events) {
        const json::object& delta = event->at("choices").at(0).at("delta").as_object();
        if (const json::value* calls = delta.if_contains("tool_calls")) {
            EXPECT_EQ(calls->at(0).at("index"), json::value(0));
            EXPECT_EQ(calls->at(0).as_object().contains("id"), fragments == 0) << "the head comes once, first";
            joined += std::string(calls->at(0).at("function").at("arguments").as_string());
            ++fragments;
        }
    }
    EXPECT_EQ(joined, arguments);
    EXPECT_GT(fragments, 3);
    EXPECT_EQ(events.back()->at("choices").at(0).at("finish_reason"), json::value("tool_calls"));
    EXPECT_EQ(ask(kTools + R"(,"tool_choice":{"type":"function","function":{"name":"third"}})").status, 400);
}

TEST_F(FakePlainChat, anthropic_calls_tools_in_its_own_words) {
    const std::string body =
        R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"}],"tools":[{"name":"t","input_schema":)"
        R"({"type":"object","properties":{"city":{"type":"string"}}}}])";
    const auto ask_it = [&](const std::string& more) { return control_.answer({body + more + "}", "", Dialect::messages}); };
    const json::value whole = json::parse(bytes_of(ask_it(R"(,"tool_choice":{"type":"any"})")));
    EXPECT_EQ(whole.at("stop_reason"), json::value("tool_use"));
    EXPECT_EQ(whole.at("content").at(0).at("input").at("city"), json::value("made up"));
    std::string joined;
    for (const auto& event : events_of(ask_it(R"(,"tool_choice":{"type":"tool","name":"t"},"stream":true)"))) {
        const json::value* delta = event->as_object().if_contains("delta");
        if (delta != nullptr && delta->as_object().contains("partial_json")) {
            joined += std::string(delta->at("partial_json").as_string());
        }
    }
    EXPECT_EQ(json::parse(joined).at("city"), json::value("made up"));
    const json::value text = json::parse(bytes_of(ask_it("")));
    EXPECT_EQ(text.at("stop_reason"), json::value("max_tokens")) << "nothing forces the tool";
    EXPECT_EQ(text.at("usage").at("output_tokens"), json::value(9));
    const json::value stopped = json::parse(bytes_of(ask_it(R"(,"stop_sequences":[" made"])")));
    EXPECT_EQ(stopped.at("stop_reason"), json::value("stop_sequence"));
    EXPECT_EQ(stopped.at("stop_sequence"), json::value(" made"));
}

TEST_F(FakePlainChat, gemini_calls_functions_in_one_part) {
    const std::string body =
        R"({"contents":[{"role":"user","parts":[{"text":"q"}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":)"
        R"({"type":"OBJECT","properties":{"city":{"type":"STRING"}}}}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}})";
    for (const bool is_stream : {false, true}) {
        const Script script = control_.answer({body, "", Dialect::gemini, "g", is_stream});
        const json::value first = is_stream ? *events_of(script).front() : json::parse(bytes_of(script));
        const json::value call = first.at("candidates").at(0).at("content").at("parts").at(0).at("functionCall");
        EXPECT_EQ(call.at("name"), json::value("f"));
        EXPECT_EQ(call.at("args").at("city"), json::value("made up"));
    }
    const std::string cut = R"({"contents":[{"parts":[{"text":"q"}]}],"generationConfig":{"maxOutputTokens":3}})";
    const json::value whole = json::parse(bytes_of(control_.answer({cut, "", Dialect::gemini, "g"})));
    EXPECT_EQ(whole.at("candidates").at(0).at("finishReason"), json::value("MAX_TOKENS"));
}

TEST_F(FakePlainChat, unknown_fields_are_kept_as_they_came) {
    const std::string more = R"(,"x_vendor":{"deep":[1,2]},"logprobs":true)";
    EXPECT_EQ(ask(more).status, 200);
    EXPECT_EQ(control_.ledger()->stats().bodies.back(), chat("m", more));
}

}  // namespace
}  // namespace eco2::fake
