#include "pipeline/taxonomy.hpp"

#include "fixture.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace eco2::test {
namespace {

struct Case {
    std::string_view given;     // major|middle|minor, "~" for null
    std::string_view expected;  // the same, then "/" and the tags
};

boost::json::value text_or_null(std::string_view text) {
    return text == "~" ? boost::json::value(nullptr) : boost::json::value(text);
}

boost::json::value answer(std::string_view names, std::string_view tags = R"(["깨짐"])") {
    const auto first = names.find('|');
    const auto second = names.find('|', first + 1);
    boost::json::object classification;
    classification["major_category"] = text_or_null(names.substr(0, first));
    classification["middle_category"] = text_or_null(names.substr(first + 1, second - first - 1));
    classification["minor_category"] = text_or_null(names.substr(second + 1));
    boost::json::object out;
    out["situation_tags"] = boost::json::parse(tags);
    out["classification"] = std::move(classification);
    out["meta"] = {{"user_input", "what the model claims"}};
    return out;
}

std::string names_of(const boost::json::value& value) {
    const auto& names = value.at("classification").as_object();
    std::string out;
    for (const auto& [key, name] : names) {
        out += (out.empty() ? "" : "|") + (name.is_null() ? "~" : std::string(name.as_string()));
    }
    out += "/";
    for (const auto& tag : value.at("situation_tags").as_array()) {
        out += (out.back() == '/' ? "" : ",") + std::string(tag.as_string());
    }
    return out;
}

Taxonomy shipped() {
    return Taxonomy::compile(*scan_definition().stages[0].taxonomy).value();
}

TEST(Taxonomy, brings_every_answer_inside) {
    const auto taxonomy = shipped();
    for (const auto& [given, expected] : std::initializer_list<Case>{
             {"재활용폐기물|종이|신문지", "재활용폐기물|종이|신문지/깨짐"},
             {" 재활용폐기물\n| 종이 |\t신문지 ", "재활용폐기물|종이|신문지/깨짐"},
             {"재활용폐기물|종이|~", "재활용폐기물|종이|~/깨짐,미분류_소분류"},
             {"재활용|유리병|소주병", "재활용폐기물|유리병|소주병/깨짐"},
             {"재활용폐기물|나무|의자", "재활용폐기물|미분류|의자/깨짐,미분류_전체"},
             {"재활용폐기물||~", "재활용폐기물|미분류|~/깨짐,미분류_전체"},
             {"일반종량제폐기물|일반종량제폐기물|휴지", "일반종량제폐기물|일반종량제폐기물|휴지/깨짐"},
             {"일반종량제폐기물|휴지|~", "일반종량제폐기물|일반종량제폐기물|휴지/깨짐"},
             {"생활계유해폐기물|생활계유해폐기물|폐의약품", "생활계유해폐기물|생활계유해폐기물|폐의약품/깨짐"},
             {"미분류|미분류|~", "미분류|미분류|~/깨짐,미분류_전체"},
             {"../../etc/passwd|x|y", "미분류|미분류|y/깨짐,미분류_전체"},
             {"~|~|~", "미분류|미분류|~/깨짐,미분류_전체"},
             {"x|일반종량제폐기물|휴지", "일반종량제폐기물|일반종량제폐기물|휴지/깨짐"},
         }) {
        const auto checked = taxonomy.check(answer(given), "질문");
        ASSERT_TRUE(checked) << given;
        EXPECT_EQ(names_of(checked.value().value), expected);
    }
}

TEST(Taxonomy, drops_unknown_and_repeated_tags_and_says_so) {
    const auto checked =
        shipped().check(answer("재활용폐기물|종이|신문지", R"(["깨짐","none such","깨짐",7," 오염 "])"), "질문");
    EXPECT_EQ(names_of(checked.value().value), "재활용폐기물|종이|신문지/깨짐,오염");
    EXPECT_EQ(checked.value().repairs.size(), 2U);
}

TEST(Taxonomy, the_echo_is_ours_and_nothing_else_of_the_model_passes) {
    auto given = answer("재활용폐기물|종이|신문지");
    given.as_object()["extra"] = "injected";
    const auto checked = shipped().check(given, "진짜 질문");
    EXPECT_EQ(boost::json::serialize(checked.value().value),
              R"({"classification":{"major_category":"재활용폐기물","middle_category":"종이","minor_category":"신문지"},)"
              R"("situation_tags":["깨짐"],"meta":{"user_input":"진짜 질문"}})");
}

TEST(Taxonomy, a_long_minor_class_is_shortened) {
    const auto checked = shipped().check(answer("재활용폐기물|종이|" + std::string(5000, 'x')), "");
    EXPECT_LT(checked.value().value.at("classification").at("minor_category").as_string().size(), 130U);
}

TEST(Taxonomy, refuses_where_no_unclassified_class_is_configured) {
    auto definition = *scan_definition().stages[0].taxonomy;
    definition.unclassified.clear();
    const auto taxonomy = Taxonomy::compile(definition).value();
    EXPECT_EQ(taxonomy.check(answer("x|y|z"), "").error().code, Errc::outside_taxonomy);
    EXPECT_EQ(taxonomy.check(answer("재활용폐기물|나무|z"), "").error().code, Errc::outside_taxonomy);
    EXPECT_EQ(taxonomy.check(boost::json::parse("{}"), "").error().code, Errc::provider_bad_answer);
}

TEST(Taxonomy, data_of_another_shape_is_refused) {
    for (const std::string_view bad : {"[]", "{", R"({"a":7})"}) {
        auto definition = *scan_definition().stages[0].taxonomy;
        definition.taxonomy_json = bad;
        EXPECT_EQ(Taxonomy::compile(definition).error().code, Errc::config_invalid) << bad;
    }
}

}  // namespace
}  // namespace eco2::test
