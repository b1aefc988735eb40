#pragma once

#include "base/json_schema.hpp"
#include "base/result.hpp"
#include "model/pipeline_definition.hpp"
#include "pipeline/run_values.hpp"
#include "pipeline/taxonomy.hpp"
#include "pipeline/text_template.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eco2 {

/// A stage with everything that can be worked out before the first run.
struct Stage {
    StageDefinition definition;
    std::map<std::string, SharedText, std::less<>> system;  // by language, rendered
    std::map<std::string, TextTemplate, std::less<>> user;  // by language
    SharedText schema_name;
    SharedText schema_json;
    SharedText params_json;
    std::shared_ptr<const JsonSchema> schema;  // null: free text
    boost::json::object defaults;              // what an answer leaves out counts as this
    std::optional<Taxonomy> taxonomy;
    std::optional<ValuePath> only_if;
    ValuePath category;
    ValuePath key;
    struct Input {
        std::string name;
        ValuePath path;
        bool is_presence = false;  // "has PATH": true or false
    };
    std::vector<Input> input;
};

/// A pipeline that can run: compiled once, shared by all its runs.
///
/// Thread-safety: any thread (immutable).
class Pipeline {
public:
    /// Errors: config_invalid, with the file and the stage.
    static Result<std::shared_ptr<const Pipeline>> compile(PipelineDefinition definition);

    const PipelineDefinition& definition() const noexcept { return definition_; }
    const std::vector<Stage>& stages() const noexcept { return stages_; }
    /// Where the parts of the result stand, in order.
    const std::vector<std::pair<std::string, ValuePath>>& result() const noexcept { return result_; }
    /// The first supported language of an Accept-Language value, else the default.
    const std::string& language(std::string_view accepted) const;
    bool knows_model(std::string_view model) const;

private:
    PipelineDefinition definition_;
    std::vector<Stage> stages_;
    std::vector<std::pair<std::string, ValuePath>> result_;
};

}  // namespace eco2
