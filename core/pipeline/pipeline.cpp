#include "pipeline/pipeline.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>

namespace eco2 {
namespace {

SharedText shared(const std::string& text) {
    return text.empty() ? nullptr : std::make_shared<const std::string>(text);
}

Result<void> compile_prompts(const PipelineDefinition& pipeline, const std::vector<std::string>& earlier, Stage& stage) {
    for (const auto& [language, text] : stage.definition.system) {
        auto rendered = render_data(text, pipeline.data);
        if (!rendered) {
            return rendered.error();
        }
        stage.system[language] = std::make_shared<const std::string>(std::move(rendered.value()));
    }
    for (const auto& [language, text] : stage.definition.user) {
        auto compiled = TextTemplate::compile(text, earlier);
        if (!compiled) {
            return compiled.error();
        }
        stage.user[language] = std::move(compiled.value());
    }
    return {};
}

Result<void> compile_checks(Stage& stage) {
    const auto& definition = stage.definition;
    stage.schema_name = shared(definition.schema_name);
    stage.schema_json = shared(definition.schema_json);
    stage.params_json = shared(definition.params_json);
    if (stage.schema_json != nullptr) {
        auto schema = JsonSchema::compile(definition.schema_json);
        if (!schema) {
            return schema.error();
        }
        stage.schema = std::move(schema.value());
    }
    if (!definition.defaults_json.empty()) {
        boost::json::error_code ec;
        auto defaults = boost::json::parse(definition.defaults_json, ec);
        if (ec || !defaults.is_object()) {
            return fail(Errc::config_invalid, "defaults must be a JSON object");
        }
        stage.defaults = std::move(defaults.get_object());
    }
    if (definition.taxonomy) {
        auto taxonomy = Taxonomy::compile(*definition.taxonomy);
        if (!taxonomy) {
            return taxonomy.error();
        }
        stage.taxonomy = std::move(taxonomy.value());
    }
    return {};
}

Result<void> compile_paths(const std::vector<std::string>& earlier, Stage& stage) {
    const auto parse = [&](const std::string& text, ValuePath& out) -> Result<void> {
        auto path = ValuePath::parse(text, earlier);
        if (!path) {
            return path.error();
        }
        out = std::move(path.value());
        return {};
    };
    const auto& definition = stage.definition;
    if (!definition.only_if.empty()) {
        stage.only_if.emplace();
        if (auto done = parse(definition.only_if, *stage.only_if); !done) {
            return done;
        }
    }
    if (definition.kind == StageDefinition::Kind::rules) {
        if (auto done = parse(definition.category, stage.category); !done) {
            return done;
        }
        if (auto done = parse(definition.key, stage.key); !done) {
            return done;
        }
    }
    for (const auto& [name, text] : definition.input) {
        constexpr std::string_view kHas = "has ";
        Stage::Input input{name, {}, text.starts_with(kHas)};
        if (auto done = parse(input.is_presence ? text.substr(kHas.size()) : text, input.path); !done) {
            return done;
        }
        stage.input.push_back(std::move(input));
    }
    return {};
}

}  // namespace

Result<std::shared_ptr<const Pipeline>> Pipeline::compile(PipelineDefinition definition) {
    if (definition.stages.empty() || definition.stages.size() > limits::kStagesMax) {
        return fail(Errc::config_invalid,
                    definition.file + ": a pipeline has 1 to " + std::to_string(limits::kStagesMax) + " stages");
    }
    auto pipeline = std::make_shared<Pipeline>();
    std::vector<std::string> earlier;
    for (const auto& stage_definition : definition.stages) {
        Stage stage;
        stage.definition = stage_definition;
        auto done = compile_prompts(definition, earlier, stage);
        if (done) {
            done = compile_checks(stage);
        }
        if (done) {
            done = compile_paths(earlier, stage);
        }
        if (!done) {
            return fail(Errc::config_invalid,
                        definition.file + ": stage \"" + stage_definition.name + "\": " + done.error().detail);
        }
        earlier.push_back(stage_definition.name);
        pipeline->stages_.push_back(std::move(stage));
    }
    for (const auto& [name, text] : definition.result) {
        auto path = ValuePath::parse(text, earlier);
        if (!path) {
            return fail(Errc::config_invalid, definition.file + ": result." + name + ": " + path.error().detail);
        }
        pipeline->result_.emplace_back(name, std::move(path.value()));
    }
    pipeline->definition_ = std::move(definition);
    return std::shared_ptr<const Pipeline>(std::move(pipeline));
}

const std::string& Pipeline::language(std::string_view accepted) const {
    while (!accepted.empty()) {
        const auto comma = accepted.find(',');
        const auto tag = to_lower_ascii(trim(accepted.substr(0, comma)));
        for (const auto& language : definition_.languages) {
            const bool is_whole_tag = tag.size() == language.size() || tag.find_first_of("-;") == language.size();
            if (tag.starts_with(language) && is_whole_tag) {
                return language;
            }
        }
        accepted.remove_prefix(comma == std::string_view::npos ? accepted.size() : comma + 1);
    }
    return definition_.languages.front();
}

bool Pipeline::knows_model(std::string_view model) const {
    const auto& models = definition_.models;
    return std::find(models.begin(), models.end(), model) != models.end();
}

}  // namespace eco2
