#include "batch/jobs/definition_record.hpp"

#include "config/pipeline_file.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <tuple>

namespace eco2::batch {
namespace {

namespace json = boost::json;

const std::filesystem::path kPipelines = std::filesystem::path(ECO2_CONFIG_DIR) / "pipelines";

// Bindings, so that a new field does not compile here: it then gets a value of its own in `unusual` too.

bool is_equal(const TaxonomyDefinition& left, const TaxonomyDefinition& right) {
    const auto all = [](const TaxonomyDefinition& of) {
        const auto& [a, b, c, d, e, f] = of;
        return std::tie(a, b, c, d, e, f);
    };
    return all(left) == all(right);
}

bool is_equal(const StageDefinition& left, const StageDefinition& right) {
    const auto all = [](const StageDefinition& of) {
        const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, taxonomy, v, w, x, y, z] = of;
        return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z);
    };
    return all(left) == all(right) && left.taxonomy.has_value() == right.taxonomy.has_value() &&
           (!left.taxonomy || is_equal(*left.taxonomy, *right.taxonomy));
}

bool is_equal(const PipelineDefinition& left, const PipelineDefinition& right) {
    const auto all = [](const PipelineDefinition& of) {
        const auto& [a, b, c, d, e, f, g, h, i, j, stages, k] = of;
        return std::tie(a, b, c, d, e, f, g, h, i, j, k);
    };
    return all(left) == all(right) && std::equal(left.stages.begin(),
                                                 left.stages.end(),
                                                 right.stages.begin(),
                                                 right.stages.end(),
                                                 [](const auto& one, const auto& other) { return is_equal(one, other); });
}

/// Each field another than its default, and other than its neighbours.
PipelineDefinition unusual() {
    StageDefinition stage;
    auto& [name,
           kind,
           timeout,
           concurrency_max,
           queue_max,
           only_if,
           otherwise,
           provider,
           model,
           system,
           user,
           sends_image,
           detail,
           schema_name,
           schema_json,
           params_json,
           max_output_tokens,
           temperature,
           stream_field,
           defaults_json,
           output_order,
           taxonomy,
           store,
           category,
           key,
           engine,
           input] = stage;
    name = "name";
    kind = StageDefinition::Kind::reward;
    timeout = std::chrono::milliseconds(7);
    concurrency_max = std::numeric_limits<std::size_t>::max();
    queue_max = 0;
    only_if = "a.b";
    otherwise = {{"ko", "\"모름\"\n"}, {"en", ""}};
    provider = "provider";
    model = "model";
    system = {{"ko", "제목\t\"\\"}};
    user = {{"en", std::string("a\0b", 3)}};
    sends_image = true;
    detail = ImageDetail::high;
    schema_name = "schema";
    schema_json = R"({"type":"object"})";
    params_json = R"({"seed":1})";
    max_output_tokens = std::numeric_limits<std::int64_t>::max();
    temperature = 0.1 + 0.2;
    stream_field = "field";
    defaults_json = "{}";
    output_order = {"z", "a"};
    taxonomy = TaxonomyDefinition{"{}", "[]", {"x", "y"}, "none", "tag", "minor"};
    store = "store";
    category = "category";
    key = "key";
    engine = "engine";
    input = {{"z", "1"}, {"a", "2"}, {"z", "3"}};

    PipelineDefinition out;
    out.name = "pipeline";
    out.file = "caf\xe9.toml";  // no UTF-8
    out.title = {{"en", "Title"}};
    out.image = Need::none;
    out.question = Need::required;
    out.models = {"b", "a"};
    out.languages = {"ko", "en"};
    out.default_question = {{"ko", "?"}};
    out.deadline = std::chrono::milliseconds(-1);
    out.data = {{"taxonomy", "{}"}, {"empty", ""}};
    out.stages = {stage, StageDefinition()};
    out.result = {{"z", "name"}, {"a", "name"}};
    return out;
}

TEST(DefinitionRecord, every_field_comes_back_as_it_was) {
    const auto definition = unusual();
    const auto back = read_definition_record(definition_record(definition));
    ASSERT_TRUE(back) << back.error().detail;
    EXPECT_TRUE(is_equal(*back, definition));
    EXPECT_EQ(definition_record(*back), definition_record(definition));
    EXPECT_FALSE(is_equal(*back, PipelineDefinition()));
}

TEST(DefinitionRecord, doubles_come_back_to_the_last_bit) {
    PipelineDefinition definition;
    definition.stages.resize(1);
    for (const double temperature : {0.0, -1.0, 0.7, 1.0 / 3, 5e-324, 1.7976931348623157e308, 0.30000000000000004}) {
        definition.stages[0].temperature = temperature;
        EXPECT_EQ(read_definition_record(definition_record(definition)).value().stages[0].temperature, temperature);
    }
}

TEST(DefinitionRecord, the_shipped_pipelines_come_back) {
    int count = 0;
    for (const auto& file : std::filesystem::directory_iterator(kPipelines)) {
        const auto definition = config::load_pipeline(file.path()).value();
        const auto record = definition_record(definition);
        const auto back = read_definition_record(record);
        ASSERT_TRUE(back) << file.path() << ": " << back.error().detail;
        EXPECT_TRUE(is_equal(*back, definition)) << file.path();
        EXPECT_EQ(definition_record(*back), record) << file.path();
        ++count;
    }
    EXPECT_EQ(count, 2);
}

/// Runs `change` on each object within `value`, from outside to inside; true: it has changed it, once in all.
bool change_nth(json::value& value, int& n, const std::function<bool(json::object&, int&)>& change) {
    if (auto* object = value.if_object()) {
        if (change(*object, n)) {
            return true;
        }
        for (auto& [key, inner] : *object) {
            // Their keys are the user's own words: one less is another definition, no damaged one.
            if (key != "otherwise" && key != "system" && key != "user" && key != "title" && key != "default_question" &&
                key != "data" && change_nth(inner, n, change)) {
                return true;
            }
        }
    } else if (auto* array = value.if_array()) {
        for (auto& inner : *array) {
            if (change_nth(inner, n, change)) {
                return true;
            }
        }
    }
    return false;
}

TEST(DefinitionRecord, a_missing_field_is_an_error_whichever_it_is) {
    const auto whole = json::parse(definition_record(unusual()), json::storage_ptr(), [] {
        json::parse_options options;
        options.allow_invalid_utf8 = true;
        return options;
    }());
    int count = 0;
    for (;; ++count) {
        auto value = whole;
        int n = count;
        if (!change_nth(value, n, [](json::object& object, int& left) {
                if (left >= static_cast<int>(object.size())) {
                    left -= static_cast<int>(object.size());
                    return false;
                }
                object.erase(object.begin() + left);
                return true;
            })) {
            break;
        }
        const auto back = read_definition_record(json::serialize(value));
        ASSERT_FALSE(back) << json::serialize(value);
        EXPECT_EQ(back.error().code, Errc::store_failed);
    }
    EXPECT_EQ(count, 2 + 12 + 2 * 27 + 6) << "fields of the record, the pipeline, two stages and a taxonomy";
}

TEST(DefinitionRecord, a_field_of_another_type_is_an_error_whichever_it_is) {
    const auto record = definition_record(unusual());
    json::parse_options options;
    options.allow_invalid_utf8 = true;
    const auto whole = json::parse(record, {}, options);
    for (const json::value& wrong : {json::value(1.5), json::value(json::array{1}), json::value("no such word")}) {
        for (int count = 0;; ++count) {
            auto value = whole;
            int n = count;
            bool is_free_text = false;
            if (!change_nth(value, n, [&](json::object& object, int& left) {
                    if (left >= static_cast<int>(object.size())) {
                        left -= static_cast<int>(object.size());
                        return false;
                    }
                    auto& field = (object.begin() + left)->value();
                    const auto key = (object.begin() + left)->key();
                    is_free_text = field.is_string() && wrong.is_string() && key != "kind" && key != "detail" &&
                                   key != "image" && key != "question" && key != "temperature";
                    field = wrong;
                    return true;
                })) {
                break;
            }
            EXPECT_EQ(read_definition_record(json::serialize(value)).has_value(), is_free_text) << json::serialize(value);
        }
    }
}

TEST(DefinitionRecord, the_error_names_the_field) {
    auto record = definition_record(unusual());
    record.replace(record.find("\"queue_max\""), 11, "\"queue_min\"");
    const auto back = read_definition_record(record);
    ASSERT_FALSE(back);
    EXPECT_NE(back.error().detail.find("queue_max"), std::string::npos) << back.error().detail;
}

TEST(DefinitionRecord, a_field_too_many_is_an_error) {
    auto record = definition_record(unusual());
    record.replace(record.find("\"models\""), 8, "\"news\":1,\"models\"");
    EXPECT_FALSE(read_definition_record(record));
}

TEST(DefinitionRecord, another_format_is_refused_with_what_to_do) {
    auto record = definition_record(unusual());
    record.replace(record.find("\"format\":1"), 10, "\"format\":2");
    const auto back = read_definition_record(record);
    ASSERT_FALSE(back);
    EXPECT_EQ(back.error().code, Errc::store_failed);
    EXPECT_NE(back.error().detail.find("format 2"), std::string::npos) << back.error().detail;
}

TEST(DefinitionRecord, a_record_that_is_cut_anywhere_is_an_error) {
    const auto record = definition_record(unusual());
    for (std::size_t size = 0; size < record.size(); ++size) {
        EXPECT_FALSE(read_definition_record(std::string_view(record).substr(0, size))) << size;
    }
    for (const std::string_view text : {"null", "[]", "{}", R"({"format":1})", R"({"format":"1","pipeline":{}})"}) {
        EXPECT_FALSE(read_definition_record(text)) << text;
    }
}

}  // namespace
}  // namespace eco2::batch
