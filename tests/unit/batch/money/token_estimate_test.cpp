#include "batch/money/token_estimate.hpp"

#include "base/text.hpp"
#include "routing/accounting.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>

namespace eco2::batch {
namespace {

SharedText shared(std::string text) {
    return std::make_shared<const std::string>(std::move(text));
}

GenerateRequest asked(std::string text) {
    GenerateRequest request;
    request.model = "gpt-4o";
    request.messages = {{Role::user, {{Part::Kind::text, shared(std::move(text)), nullptr, {}, ImageDetail::automatic}}}};
    return request;
}

GenerateRequest chat(std::string body) {
    GenerateRequest request;
    request.chat_json = shared(std::move(body));
    return request;
}

RequestTokens of(const GenerateRequest& request, const OutputGuess& guess = {}) {
    const auto tokens = estimate_tokens(request, guess);
    EXPECT_TRUE(tokens) << (tokens ? "" : tokens.error().detail);
    return tokens ? *tokens : RequestTokens{};
}

std::string png(char width, char height) {  // of so many pixels, below 128
    return std::string("\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\0\0", 19) + width + std::string(3, '\0') + height;
}

const char* const kSchema =
    R"({"type":"object","properties":{"major_category":{"type":"string"},"middle_category":{"type":"string"},)"
    R"("minor_category":{"type":["string","null"]},"situation_tags":{"type":"array","items":{"type":"string"}}},)"
    R"("required":["major_category","middle_category","minor_category"],"additionalProperties":false})";

// The counts are o200k_base's.
TEST(EstimateText, is_near_the_tokenizers_count) {
    struct Case {
        const char* name;
        std::string text;
        std::int64_t tokens;
        int percent;  // that it may be off
    };
    const Case cases[] = {
        {"english prompt",
         "You sort a photo of something that is to be thrown away by the rules of separate collection in Korea. Sort the one "
         "thing in the middle of the photo and write one JSON object, nothing else.\n- If it is nothing to be thrown away, or "
         "cannot be recognised, put null for minor_category and add the tag for the unknown.\n",
         68,
         10},
        {"korean prompt",
         "당신은 버릴 물건의 사진을 한국의 분리배출 기준으로 분류합니다. 사진의 중심이 되는 물건 하나를 분류해 JSON 객체 "
         "하나만 "
         "출력하세요.\n- 버릴 물건이 아니거나 알아볼 수 없으면 major_category와 middle_category를 `미분류`로, minor_category를 "
         "null로 하고 `미분류_전체` 태그를 넣습니다.\n- 내용물이 든 용기는 용기의 재질로 분류합니다. 품목 뒤의 "
         "\"(배출불가)\"는 그 "
         "분류로 버릴 수 없다는 뜻입니다.\n",
         125,
         15},
        {"schema", kSchema, 65, 20},
        {"korean",
         "플라스틱 페트병은 라벨을 떼고 내용물을 비운 뒤 물로 헹구어 압착하여 투명 페트병 전용 수거함에 배출합니다.",
         46,
         20},
        {"chinese",
         "请先清空塑料瓶内的液体，撕下标签，用水冲洗后压扁，然后放入透明塑料瓶专用回收箱。瓶盖可以盖着一起丢弃。",
         47,
         10},
        {"japanese",
         "ペットボトルはラベルをはがし、中身を空にして水ですすいだ後、つぶして透明ペットボトル専用の回収箱に出してください。ふ"
         "たは"
         "閉めたままでも構いません。",
         57,
         10},
        {"german",
         "Entfernen Sie das Etikett der Plastikflasche, leeren Sie sie vollständig, spülen Sie sie mit Wasser aus, drücken Sie "
         "sie zusammen.",
         32,
         15},
        {"russian",
         "Снимите этикетку с пластиковой бутылки, вылейте содержимое, промойте водой, сожмите и положите в контейнер для "
         "прозрачного пластика.",
         39,
         25},
        {"hex", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", 43, 10},
        {"url", "https://images.eco2.example/ch/8f14e45fceea167a5a36dedd4bea2543.jpg", 29, 10},
        {"digits", "1234567890123456789012345678901234567890", 14, 0},
    };
    for (const auto& one : cases) {
        const auto found = estimate_text(one.text);
        EXPECT_LE(std::abs(found.expected - one.tokens) * 100, one.tokens * one.percent) << one.name << ": " << found.expected;
        EXPECT_LE(found.low, one.tokens) << one.name;
        EXPECT_GE(found.high, one.tokens) << one.name;
    }
    EXPECT_GE(estimate_text("플라스틱 페트병은 라벨을 떼고 내용물을 비운 뒤 물로 헹구어 압착하여 투명 페트병 전용 수거함에 "
                            "배출합니다. 뚜껑은 닫은 "
                            "채로 버려도 됩니다.")
                  .high,
              90)
        << "cl100k_base's count";
}

TEST(EstimateText, nothing_is_nothing_and_broken_text_does_no_harm) {
    EXPECT_EQ(estimate_text(""), Range{});
    EXPECT_EQ(estimate_text("a").expected, 1);
    for (int lead = 0; lead < 256; ++lead) {
        for (const std::string rest : {"", "\x80", "\x80\x80\x80\x80\x80\x80\x80", "z"}) {
            const auto found = estimate_text(static_cast<char>(lead) + rest);
            EXPECT_LE(found.low, found.expected);
            EXPECT_LE(found.expected, found.high);
        }
    }
}

TEST(EstimateTokens, a_request_is_its_texts_its_schema_its_tools_and_the_frames) {
    auto request = asked("hello");
    const auto plain = of(request);
    EXPECT_EQ(plain.prompt.expected, 1 + 4 + 3);
    request.messages.insert(request.messages.begin(), {Role::system, {}});
    EXPECT_EQ(of(request).prompt.expected, plain.prompt.expected + 4);
    request.schema_json = shared(kSchema);
    const auto with_schema = of(request).prompt.expected;
    EXPECT_EQ(with_schema, plain.prompt.expected + 4 + estimate_text(kSchema).expected);
    request.tools_json = shared(R"({"tools":[]})");
    EXPECT_GT(of(request).prompt.expected, with_schema);
    request.messages[0].parts = {{Part::Kind::tool_call, shared("{\"a\":1}"), nullptr, {}, ImageDetail::automatic}};
    EXPECT_LE(of(request).prompt.low, of(request).prompt.expected);
}

TEST(EstimateTokens, images_count_by_their_size_or_by_what_they_may_be) {
    auto request = asked("x");
    auto& parts = request.messages[0].parts;
    parts.push_back({Part::Kind::image_bytes, nullptr, shared(png(100, 100)), "image/png", ImageDetail::high});
    auto found = of(request);
    EXPECT_EQ(found.images, Range::exactly(255));
    EXPECT_EQ(found.image_count, 1);
    EXPECT_EQ(found.sizes_assumed, 0);
    parts.push_back({Part::Kind::image_url, shared("https://a.example/b.jpg"), nullptr, {}, ImageDetail::automatic});
    found = of(request);
    EXPECT_EQ(found.images, (Range{510, 255 + 765, 255 + 1'445}));
    EXPECT_EQ(found.image_urls, 1);
    EXPECT_EQ(found.sizes_assumed, 1);
    parts.push_back({Part::Kind::image_url,
                     shared("data:image/png;base64," + base64_encode(png(100, 100))),
                     nullptr,
                     {},
                     ImageDetail::low});
    found = of(request);
    EXPECT_EQ(found.images.expected, 255 + 765 + 85);
    EXPECT_EQ(found.image_urls, 1) << "inline, though in the form of a URL";
    EXPECT_FALSE(found.is_image_rule_assumed);
    request.model = "llava";
    EXPECT_TRUE(of(request).is_image_rule_assumed);
    parts.push_back({Part::Kind::image_bytes, nullptr, nullptr, "image/png", ImageDetail::high});
    parts.push_back({Part::Kind::image_url, nullptr, nullptr, {}, ImageDetail::high});
    EXPECT_EQ(of(request).sizes_assumed, 3);
}

TEST(EstimateTokens, the_high_end_is_never_below_what_routing_reserves) {
    for (const std::string text :
         {"a", "word word word", "((((((((", "1 2 3 4 5 6 7 8 9", "가나다라마바사", "\n\n\n\n\n\n\n\n\n"}) {
        std::string many;
        for (int i = 0; i < 200; ++i) {
            many += text;
        }
        const auto request = asked(many);
        EXPECT_GE(of(request).prompt.high, routing::estimate_prompt_tokens(request)) << text;
    }
}

TEST(EstimateTokens, an_answer_is_expected_typical_and_at_most_its_limit) {
    auto request = asked("x");
    auto found = of(request, {400, 5'000});
    EXPECT_EQ(found.output, (Range{133, 400, 5'000}));
    EXPECT_TRUE(found.is_output_assumed);
    request.max_output_tokens = 300;
    found = of(request);
    EXPECT_EQ(found.output, (Range{100, 300, 300}));
    EXPECT_FALSE(found.is_output_assumed);
    request.max_output_tokens = 1'000;
    request.schema_json = shared(kSchema);
    EXPECT_EQ(of(request).output.expected, estimate_text(kSchema).expected) << "about as long as what describes it";
    request.schema_json = shared("{}");
    EXPECT_EQ(of(request).output.expected, 64);
}

TEST(EstimateTokens, a_clients_own_request_is_walked) {
    const std::string image = "data:image/png;base64," + base64_encode(png(100, 100));
    const auto found = of(chat(R"({"model":"gpt-4o","n":2,"max_completion_tokens":50,"messages":[)"
                               R"({"role":"system","content":"hello"},)"
                               R"({"role":"user","content":[{"type":"text","text":"hello"},)"
                               R"({"type":"image_url","image_url":{"url":")" +
                               image +
                               R"(","detail":"low"}},)"
                               R"({"type":"image_url","image_url":{"url":"https://a.example/b.jpg"}}]}]})"));
    EXPECT_EQ(found.images.expected, 85 + 765) << "by the body's model";
    EXPECT_EQ(found.prompt.expected, 85 + 765 + 1 + 1 + 4 + 4 + 3);
    EXPECT_EQ(found.image_count, 2);
    EXPECT_EQ(found.image_urls, 1);
    EXPECT_EQ(found.output, (Range{32, 100, 100})) << "of both choices";
    EXPECT_FALSE(found.is_incomplete);
}

TEST(EstimateTokens, tools_calls_and_schemas_of_a_clients_request_count) {
    const auto base = of(chat(R"({"messages":[{"role":"user","content":"hi"}]})"));
    const auto grows = [&](const std::string& field) {
        const auto found = of(chat(R"({"messages":[{"role":"user","content":"hi"}],)" + field + "}"));
        return found.prompt.expected - base.prompt.expected;
    };
    EXPECT_GT(grows(R"("tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object"}}}])"), 10);
    EXPECT_GT(grows(R"("response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"object"}}})"), 10);
    EXPECT_EQ(grows(R"("seed":5,"logit_bias":{"50256":-100})"), 0) << "only turns the sampling";
    const auto called =
        of(chat(R"({"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function",)"
                R"("function":{"name":"f","arguments":"{\"x\":1}"}}]},{"role":"tool","tool_call_id":"call_1",)"
                R"("content":"42"}]})"));
    EXPECT_GT(called.prompt.expected, 25);
    EXPECT_FALSE(called.is_incomplete);
}

TEST(EstimateTokens, parts_that_cannot_be_counted_are_told) {
    EXPECT_TRUE(
        of(chat(R"({"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]})")).is_incomplete);
    EXPECT_TRUE(of(chat(R"({"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}]})")).is_incomplete);
    EXPECT_TRUE(of(chat(R"({"messages":[{"role":"user","content":["odd"]}]})")).is_incomplete);
}

TEST(EstimateTokens, a_body_that_is_no_object_is_refused_and_one_of_odd_types_is_not) {
    for (const std::string body : {"", "{", "[]", "\"x\"", "{\"messages\":[}"}) {
        const auto found = estimate_tokens(chat(body));
        ASSERT_FALSE(found) << body;
        EXPECT_EQ(found.error().code, Errc::invalid_json);
    }
    for (const std::string body : {"{}",
                                   R"({"messages":5,"model":7,"n":"2","max_tokens":1.5,"tools":null,"response_format":[]})",
                                   R"({"messages":[1,{"content":[{"type":"image_url","image_url":"x"},{"image_url":{}}]}]})",
                                   R"({"n":-3,"max_tokens":-1,"response_format":{"json_schema":null}})"}) {
        EXPECT_TRUE(estimate_tokens(chat(body))) << body;
    }
    EXPECT_LE(of(chat(R"({"n":9223372036854775807,"max_tokens":9223372036854775807})")).output.high, kAmountMax);
}

}  // namespace
}  // namespace eco2::batch
