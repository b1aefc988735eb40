#include "base/nearest.hpp"
#include "base/text.hpp"
#include "config/pipeline_paths.hpp"
#include "config/pipeline_reader.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <array>

namespace eco2::config {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kMillion = 1'000'000;

struct KindKeys {
    std::string_view kind;
    std::vector<std::string_view> keys;
};

/// A key of another kind deserves a better answer than "unknown key".
std::string key_of_another_kind(std::string_view key) {
    static const std::array<KindKeys, 3> kKinds = {{
        {"infer",
         {"provider",
          "model",
          "system",
          "user",
          "image",
          "detail",
          "schema",
          "schema_name",
          "params",
          "max_output_tokens",
          "temperature",
          "stream_field",
          "output_order",
          "defaults",
          "taxonomy"}},
        {"rules", {"store", "category", "key"}},
        {"reward", {"engine", "input"}},
    }};
    for (const auto& [kind, keys] : kKinds) {
        if (std::find(keys.begin(), keys.end(), key) != keys.end()) {
            return "does not belong to a stage of this kind; it belongs to kind = \"" + std::string(kind) + "\"";
        }
    }
    return {};
}

/// The top-level property names of a schema; empty where it names none.
std::vector<std::string> schema_properties(const std::string& schema_json) {
    std::vector<std::string> out;
    const auto schema = boost::json::parse(schema_json);
    if (const auto* properties = schema.as_object().if_contains("properties");
        properties != nullptr && properties->is_object()) {
        for (const auto& member : properties->get_object()) {
            out.emplace_back(member.key());
        }
    }
    return out;
}

}  // namespace

StageDefinition StageReader::read(Section& section) {
    StageDefinition stage;
    stage.name = section.required("name").text;
    const auto kind = section.choice("kind", {"infer", "rules", "reward"});
    if (!kind) {
        if (!section.has("kind")) {
            section.problem("kind", R"(is missing; must be one of "infer", "rules", "reward")");
        }
        return stage;
    }
    stage.kind = static_cast<StageDefinition::Kind>(*kind);
    read_common(section, stage);
    switch (stage.kind) {
        case StageDefinition::Kind::infer: read_infer(section, stage); break;
        case StageDefinition::Kind::rules: read_rules(section, stage); break;
        case StageDefinition::Kind::reward: read_reward(section, stage); break;
    }
    section.finish(key_of_another_kind);
    return stage;
}

void StageReader::read_common(Section& section, StageDefinition& to) {
    section.set_duration("timeout_ms", to.timeout, 1, kHourMs);
    section.set_count("concurrency", to.concurrency_max, 1, kMillion);
    section.set_count("queue", to.queue_max, 0, kMillion);
    if (const auto only_if = section.text("only_if")) {
        check_path(reading_.problems, *only_if, earlier_, true);
        to.only_if = only_if->text;
    }
    if (section.has("otherwise")) {
        to.otherwise = texts_.files(section, "otherwise", true);
        if (to.only_if.empty() && !section.has("only_if")) {
            section.problem("otherwise", "is never used without only_if; give a path that must hold a value");
        }
    } else {
        section.raw("otherwise");
    }
}

void StageReader::read_infer(Section& section, StageDefinition& to) {
    section.set_text("provider", to.provider);
    section.set_text("model", to.model);
    for (const auto& [key, text] : {std::pair("system", &to.system), std::pair("user", &to.user)}) {
        *text = texts_.files(section, key);
    }
    section.set_boolean("image", to.sends_image);
    if (const auto detail = section.choice("detail", {"auto", "low", "high"})) {
        to.detail = static_cast<ImageDetail>(*detail);
    }
    if (const auto tokens = section.integer("max_output_tokens", 1, kMillion)) {
        to.max_output_tokens = *tokens;
    }
    if (const auto temperature = section.real("temperature", 0, 2)) {
        to.temperature = *temperature;
    }
    if (Section params = section.table("params"); params.is_present()) {
        to.params_json = to_json(reading_, *params.node(), section.path_of("params"));
    }
    read_schema(section, to);
    read_taxonomy(section, to);
}

void StageReader::read_schema(Section& section, StageDefinition& to) {
    const auto file = section.text("schema");
    if (file) {
        to.schema_json = texts_.read_json_object(*file).value_or(std::string());
        to.schema_name = std::filesystem::path(file->text).stem().string();
    }
    section.set_text("schema_name", to.schema_name);
    const auto stream_field = section.text("stream_field");
    if (const auto defaults = section.text("defaults")) {
        to.defaults_json = texts_.read_json_object(*defaults).value_or(std::string());
    }
    const auto order = section.texts("output_order").value_or(std::vector<PlacedText>{});
    const auto properties = to.schema_json.empty() ? std::vector<std::string>{} : schema_properties(to.schema_json);
    const auto check_property = [&](const PlacedText& name) {
        if (!properties.empty() && std::find(properties.begin(), properties.end(), name.text) == properties.end()) {
            const std::string near = nearest(name.text, properties);
            reading_.problems.add(
                name.place,
                name.path,
                "\"" + shorten(name.text, 80) + "\" is no property of the schema" +
                    (near.empty() ? std::string("; see its \"properties\"") : "; did you mean \"" + near + "\"?"));
        }
    };
    if (stream_field) {
        check_property(*stream_field);
        to.stream_field = stream_field->text;
    }
    for (const PlacedText& name : order) {
        check_property(name);
        if (std::find(to.output_order.begin(), to.output_order.end(), name.text) != to.output_order.end()) {
            reading_.problems.add(
                name.place, name.path, "\"" + shorten(name.text, 80) + "\" is there already; name every key once");
        }
        to.output_order.push_back(name.text);
    }
}

std::string StageReader::data(Section& section, std::string_view key) {
    const auto name = section.required(key);
    if (const auto found = pipeline_.data.find(name.text); found != pipeline_.data.end()) {
        return found->second;
    }
    if (!name.text.empty()) {
        std::string known;
        for (const auto& [other, json] : pipeline_.data) {
            known += (known.empty() ? "" : ", ") + other;
        }
        reading_.problems.add(
            name.place, name.path, "\"" + shorten(name.text, 80) + "\" is not in [data]; must be one of: " + known);
    }
    return {};
}

void StageReader::read_taxonomy(Section& section, StageDefinition& to) {
    Section table = section.table("taxonomy");
    if (!table.is_present()) {
        return;
    }
    TaxonomyDefinition taxonomy;
    taxonomy.taxonomy_json = data(table, "taxonomy");
    taxonomy.tags_json = data(table, "tags");
    for (const PlacedText& major : table.texts("extra_majors").value_or(std::vector<PlacedText>{})) {
        taxonomy.extra_majors.push_back(major.text);
    }
    taxonomy.unclassified = table.required("unclassified").text;
    table.set_text("unclassified_tag", taxonomy.unclassified_tag);
    table.set_text("no_minor_tag", taxonomy.no_minor_tag);
    table.finish();
    to.taxonomy = std::move(taxonomy);
}

std::string StageReader::path(Section& section, std::string_view key) {
    const auto value = section.required(key);
    if (!value.text.empty()) {
        check_path(reading_.problems, value, earlier_, true);
    }
    return value.text;
}

void StageReader::read_rules(Section& section, StageDefinition& to) {
    to.store = section.required("store").text;
    to.category = path(section, "category");
    to.key = path(section, "key");
}

void StageReader::read_reward(Section& section, StageDefinition& to) {
    constexpr std::string_view kHas = "has ";
    to.engine = section.required("engine").text;
    for (auto& [name, value] : section.named_texts("input")) {
        PlacedText path = value;
        if (path.text.starts_with(kHas)) {
            path.text = std::string(trim(std::string_view(path.text).substr(kHas.size())));
        }
        check_path(reading_.problems, path, earlier_, true);
        to.input.emplace_back(name, value.text);
    }
    if (to.input.empty() && !section.has("input")) {
        section.problem("input", "is missing; must be a table of names and paths");
    }
}

}  // namespace eco2::config
