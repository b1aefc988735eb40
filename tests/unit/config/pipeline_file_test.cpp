#include "config/pipeline_file.hpp"

#include "unit/config/folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace eco2::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr std::string_view kHead = R"(name = "scan"
models = ["gpt-5.2", "gpt-5-mini"]
languages = ["ko", "en"]
deadline_ms = 90_000
[default_question]
ko = "어떻게?"
en = "How?"
[data]
taxonomy = "taxonomy.json"
tags = "tags.json"
)";

constexpr std::string_view kVision = R"([[stage]]
name = "vision"
kind = "infer"
provider = "openai"
system = { ko = "a.md", en = "b.md" }
user = { ko = "b.md" }
image = true
detail = "low"
schema = "answer.json"
timeout_ms = 60_000
concurrency = 7
queue = 0
max_output_tokens = 100
temperature = 0.5
model = "gpt-5.2"
params = { reasoning = { effort = "low" }, seed = 7 }
stream_field = "text"
output_order = ["steps", "text"]
[stage.taxonomy]
taxonomy = "taxonomy"
tags = "tags"
extra_majors = ["hazardous"]
unclassified = "none"
unclassified_tag = "none_all"
no_minor_tag = "none_minor"
)";

constexpr std::string_view kRest = R"([[stage]]
name = "rule"
kind = "rules"
store = "rules_sqlite"
category = "vision.classification.major"
key = "vision.classification.middle"
[[stage]]
name = "reward"
kind = "reward"
engine = "characters"
only_if = "rule"
otherwise = { ko = "fallback.json" }
[stage.input]
zulu = "vision.classification"
has_rule = "has rule"
question = "input.user_input"
)";

constexpr std::string_view kResult = R"([result]
zulu = "vision"
alpha = "rule.steps"
)";

class PipelineFileTest : public testing::Test {
protected:
    PipelineFileTest() {
        folder_.write("a.md", "system ko");
        folder_.write("b.md", "other");
        folder_.write("taxonomy.json", R"({"a":["b"]})");
        folder_.write("tags.json", R"({"g":["t"]})");
        folder_.write("answer.json", R"({"type":"object","properties":{"text":{},"steps":{}}})");
        folder_.write("fallback.json", R"({"text":"no rule"})");
        folder_.write("broken.json", "{\n\"a\": 1,\n}");
        folder_.write("list.json", "[]");
        folder_.write("latin1.md", "caf\xE9");
    }

    Result<PipelineDefinition> load(std::string_view text) {
        file_ = folder_.write("p.toml", text);
        return load_pipeline(file_);
    }

    std::string problem(std::string_view text) {
        const auto pipeline = load(text);
        return pipeline ? "no problem" : pipeline.error().detail;
    }

    static std::string whole() { return std::string(kHead) + std::string(kVision) + std::string(kRest) + std::string(kResult); }

    /// The whole file with one piece of text replaced.
    std::string with(std::string_view old_text, std::string_view new_text) {
        std::string text = whole();
        const auto at = text.find(old_text);
        EXPECT_NE(at, std::string::npos) << old_text;
        return problem(text.replace(at, old_text.size(), new_text));
    }

    /// The place of some text in the whole file, as ":line:".
    static std::string line_of(std::string_view text) {
        const auto all = whole();
        const auto end = all.begin() + static_cast<std::ptrdiff_t>(all.find(text));
        return ":" + std::to_string(std::count(all.begin(), end, '\n') + 1) + ":";
    }

    Folder folder_;
    std::filesystem::path file_;
};

TEST_F(PipelineFileTest, everything_is_read) {
    const auto loaded = load(whole());
    ASSERT_TRUE(loaded) << loaded.error().detail;
    const PipelineDefinition& p = *loaded;
    EXPECT_EQ(p.name, "scan");
    EXPECT_EQ(p.file, file_.string());
    EXPECT_THAT(p.models, ElementsAre("gpt-5.2", "gpt-5-mini"));
    EXPECT_THAT(p.languages, ElementsAre("ko", "en"));
    EXPECT_EQ(p.deadline, std::chrono::seconds(90));
    EXPECT_THAT(p.default_question, ElementsAre(Pair("en", "How?"), Pair("ko", "어떻게?")));
    EXPECT_THAT(p.data, ElementsAre(Pair("tags", R"({"g":["t"]})"), Pair("taxonomy", R"({"a":["b"]})")));
    EXPECT_THAT(p.result, ElementsAre(Pair("zulu", "vision"), Pair("alpha", "rule.steps")));
    ASSERT_EQ(p.stages.size(), 3U);

    const StageDefinition& vision = p.stages[0];
    EXPECT_EQ(vision.kind, StageDefinition::Kind::infer);
    EXPECT_EQ(vision.provider, "openai");
    EXPECT_EQ(vision.system.at("ko"), "system ko");
    EXPECT_EQ(vision.system.at("en"), "other");
    EXPECT_THAT(vision.user, ElementsAre(Pair("ko", "other")));
    EXPECT_TRUE(vision.sends_image);
    EXPECT_EQ(vision.detail, ImageDetail::low);
    EXPECT_EQ(vision.schema_name, "answer");
    EXPECT_THAT(vision.schema_json, HasSubstr("properties"));
    EXPECT_EQ(vision.concurrency_max, 7U);
    EXPECT_EQ(vision.queue_max, 0U);
    EXPECT_EQ(vision.max_output_tokens, 100);
    EXPECT_DOUBLE_EQ(vision.temperature, 0.5);
    EXPECT_EQ(vision.model, "gpt-5.2");
    EXPECT_EQ(vision.params_json, R"({"reasoning":{"effort":"low"},"seed":7})");
    EXPECT_EQ(vision.stream_field, "text");
    EXPECT_THAT(vision.output_order, ElementsAre("steps", "text"));
    ASSERT_TRUE(vision.taxonomy);
    EXPECT_EQ(vision.taxonomy->taxonomy_json, R"({"a":["b"]})");
    EXPECT_THAT(vision.taxonomy->extra_majors, ElementsAre("hazardous"));
    EXPECT_EQ(vision.taxonomy->no_minor_tag, "none_minor");

    EXPECT_EQ(p.stages[1].kind, StageDefinition::Kind::rules);
    EXPECT_EQ(p.stages[1].store, "rules_sqlite");
    EXPECT_EQ(p.stages[1].key, "vision.classification.middle");
    EXPECT_EQ(p.stages[1].temperature, -1);
    const StageDefinition& reward = p.stages[2];
    EXPECT_EQ(reward.kind, StageDefinition::Kind::reward);
    EXPECT_EQ(reward.only_if, "rule");
    EXPECT_EQ(reward.otherwise.at("ko"), R"({"text":"no rule"})");
    EXPECT_THAT(
        reward.input,
        ElementsAre(Pair("zulu", "vision.classification"), Pair("has_rule", "has rule"), Pair("question", "input.user_input")));
}

TEST_F(PipelineFileTest, stage_names_are_unlike_and_not_reserved) {
    for (const std::string name : {"input", "data", "queued", "done", "error"}) {
        EXPECT_THAT(with("name = \"rule\"", "name = \"" + name + "\""), HasSubstr("\"" + name + "\" is reserved")) << name;
    }
    EXPECT_THAT(with("name = \"rule\"", "name = \"vision\""), HasSubstr("\"vision\" is there already"));
    for (const std::string name : {"Rule", "9rule", "ru-le", "ru.le", "r\xC3\xBCle"}) {
        EXPECT_THAT(with("name = \"rule\"", "name = \"" + name + "\""), HasSubstr("is no stage name")) << name;
    }
    EXPECT_THAT(with("name = \"rule\"\n", ""), HasSubstr("stage[1].name: is missing"));
}

TEST_F(PipelineFileTest, keys_of_another_kind_and_unknown_keys_are_refused) {
    EXPECT_THAT(with("store = ", "provider = \"x\"\nstore = "),
                HasSubstr("stage[1].provider: does not belong to a stage of this kind; it belongs to kind = \"infer\""));
    EXPECT_THAT(with("image = true", "store = \"x\""), HasSubstr("it belongs to kind = \"rules\""));
    EXPECT_THAT(with("image = true", "imagee = true"), HasSubstr("stage[0].imagee: unknown key; did you mean \"image\"?"));
    EXPECT_THAT(with("deadline_ms", "deadline"), HasSubstr("did you mean \"deadline_ms\"?"));
    EXPECT_THAT(with("kind = \"rules\"", "kind = \"rule\""), HasSubstr(R"(must be one of "infer", "rules", "reward")"));
    EXPECT_THAT(with("kind = \"rules\"\n", ""), HasSubstr("stage[1].kind: is missing"));
    EXPECT_THAT(with("unclassified_tag", "unclasified_tag"), HasSubstr("did you mean \"unclassified_tag\"?"));
}

TEST_F(PipelineFileTest, paths_start_with_input_or_an_earlier_stage) {
    EXPECT_THAT(with("category = \"vision.", "category = \"reward."), HasSubstr("starts with no earlier stage"));
    EXPECT_THAT(with("category = \"vision.", "category = \"rule."), HasSubstr("a stage before this one: vision"));
    EXPECT_THAT(with("only_if = \"rule\"", "only_if = \"rulee\""), HasSubstr("stage[2].only_if"));
    EXPECT_THAT(with("\"has rule\"", "\"has nothing\""),
                HasSubstr("stage[2].input.has_rule: \"nothing\" starts with no earlier stage"));
    EXPECT_THAT(with("\"input.user_input\"", "\"input\""), HasSubstr("\"input\" alone is no path"));
    EXPECT_THAT(with("alpha = \"rule.steps\"", "alpha = \"input.x\""),
                HasSubstr("result.alpha: \"input.x\" starts with no stage"));
    EXPECT_THAT(with("alpha = \"rule.steps\"", "alpha = \"rule\""), HasSubstr("no problem"));
    for (const std::string path : {"vision..a", ".vision", "vision.", "vision a", ""}) {
        EXPECT_THAT(with("\"vision.classification.major\"", "\"" + path + "\""), HasSubstr("stage[1].category")) << path;
    }
}

TEST_F(PipelineFileTest, missing_and_broken_files_are_told_with_the_line_that_names_them) {
    EXPECT_THAT(with("en = \"b.md\"", "en = \"none.md\""), HasSubstr(line_of("system = ")));
    EXPECT_THAT(with("en = \"b.md\"", "en = \"none.md\""), HasSubstr("none.md: no such file"));
    EXPECT_THAT(with("\"tags.json\"", "\"broken.json\""), HasSubstr("data.tags: broken.json:3: is not JSON"));
    EXPECT_THAT(with("\"tags.json\"", "\"list.json\""), HasSubstr("list.json: must hold a JSON object"));
    EXPECT_THAT(with("schema = \"answer.json\"", "schema = \"a.md\""), HasSubstr("is not JSON"));
    EXPECT_THAT(with("\"fallback.json\"", "\"broken.json\""), HasSubstr("stage[2].otherwise.ko"));
    EXPECT_THAT(with("ko = \"a.md\"", "ko = \"latin1.md\""), HasSubstr("is not UTF-8"));
}

TEST_F(PipelineFileTest, the_default_language_is_there_everywhere_and_no_other_than_the_listed) {
    EXPECT_THAT(with("user = { ko = ", "user = { en = "),
                HasSubstr("stage[0].user: has no text in the default language; \"ko\" must be there"));
    EXPECT_THAT(with("user = { ko = ", "user = { de = \"b.md\", ko = "), HasSubstr("stage[0].user.de: is no language"));
    EXPECT_THAT(with("ko = \"어떻게?\"\n", ""), HasSubstr("default_question: has no text in the default language"));
    EXPECT_THAT(with("otherwise = { ko", "otherwise = { en"), HasSubstr("stage[2].otherwise"));
    EXPECT_THAT(with("user = { ko = \"b.md\" }\n", ""), HasSubstr("stage[0].user: has no text"));
    EXPECT_THAT(with("[\"ko\", \"en\"]", "[]"), HasSubstr("languages: is missing; must be a list of at least one name"));
    EXPECT_THAT(with("[\"ko\", \"en\"]", "[\"ko\", \"en\", \"ko\"]"), HasSubstr("languages[2]: \"ko\" is there already"));
    EXPECT_THAT(with("models = [\"gpt-5.2\", \"gpt-5-mini\"]\n", ""), HasSubstr("models: is missing"));
}

TEST_F(PipelineFileTest, what_a_stage_needs_is_asked_for) {
    for (const std::string line : {"store = \"rules_sqlite\"\n",
                                   "engine = \"characters\"\n",
                                   "key = \"vision.classification.middle\"\n",
                                   "unclassified = \"none\"\n",
                                   "tags = \"tags\"\n"}) {
        const std::string key = line.substr(0, line.find(' '));
        EXPECT_THAT(with(line, ""), HasSubstr(key + ": is missing")) << line;
    }
    EXPECT_THAT(with("tags = \"tags\"\n", "tags = \"tag\"\n"),
                HasSubstr("\"tag\" is not in [data]; must be one of: tags, taxonomy"));
    EXPECT_THAT(with("[result]\nzulu = \"vision\"\nalpha = \"rule.steps\"\n", ""), HasSubstr("result: is missing"));
    EXPECT_THAT(problem(kHead), HasSubstr("stage: is missing"));
    EXPECT_THAT(with("only_if = \"rule\"\n", ""), HasSubstr("otherwise: is never used without only_if"));
}

TEST_F(PipelineFileTest, a_stage_without_a_provider_leaves_it_to_the_routes) {
    EXPECT_EQ(with("provider = \"openai\"\n", ""), "no problem");
}

TEST_F(PipelineFileTest, numbers_are_in_range_and_output_keys_in_the_schema) {
    EXPECT_THAT(with("timeout_ms = 60_000", "timeout_ms = 0"), HasSubstr("out of range"));
    EXPECT_THAT(with("temperature = 0.5", "temperature = 3"), HasSubstr("3 is out of range; must be 0 to 2"));
    EXPECT_THAT(with("temperature = 0.5", "temperature = nan"), HasSubstr("out of range"));
    EXPECT_THAT(with("deadline_ms = 90_000", "deadline_ms = 1"), HasSubstr("out of range"));
    EXPECT_THAT(with("stream_field = \"text\"", "stream_field = \"txt\""),
                HasSubstr("is no property of the schema; did you mean \"text\"?"));
    EXPECT_THAT(with("[\"steps\", \"text\"]", "[\"steps\", \"steps\"]"), HasSubstr("is there already"));
}

TEST_F(PipelineFileTest, a_file_cut_at_every_line_is_refused_with_a_place_or_whole) {
    const auto text = whole();
    for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1)) {
        const auto told = problem(text.substr(0, at));
        if (told != "no problem") {
            EXPECT_THAT(told, HasSubstr(file_.string())) << at;
        }
    }
}

TEST_F(PipelineFileTest, what_a_request_must_bring_follows_from_the_stages_unless_it_is_said) {
    EXPECT_EQ(load(whole())->image, Need::required);
    EXPECT_EQ(load(whole())->question, Need::optional);
    EXPECT_EQ(load(whole() + "[input]\nimage = \"optional\"\nquestion = \"required\"\n")->image, Need::optional);
    EXPECT_EQ(load(whole() + "[input]\nimage = \"optional\"\nquestion = \"required\"\n")->question, Need::required);
    EXPECT_THAT(load(whole() + "[input]\nimage = \"none\"\n").error().detail,
                HasSubstr("input.image: is \"none\", and a stage"));
    EXPECT_THAT(load(whole() + "[input]\nimage = \"maybe\"\n").error().detail, HasSubstr("input.image"));
    EXPECT_THAT(load(whole() + "[input]\npicture = 1\n").error().detail, HasSubstr("input.picture"));
    EXPECT_EQ(load(whole() + "[title]\nko = \"ㄱ\"\n")->title.at("ko"), "ㄱ");
}

}  // namespace
}  // namespace eco2::config
