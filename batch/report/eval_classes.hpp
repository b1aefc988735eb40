#pragma once

#include "batch/report/eval_report.hpp"
#include "model/pipeline_definition.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

/// From a labelled input and a run's result to what an evaluation counts. Pure.
namespace eco2::batch {

/// The classes of a pipeline's taxonomy, as paths: "major", "major/middle", "major/middle/minor".
class EvalClasses {
public:
    /// None: no stage has a taxonomy, any label may be right.
    static std::optional<EvalClasses> of(const PipelineDefinition& definition);

    /// What is wrong with a label, with the nearest class; empty: it is a class.
    std::string objection(std::string_view label) const;

private:
    using Minors = std::set<std::string, std::less<>>;
    using Middles = std::map<std::string, Minors, std::less<>>;
    std::map<std::string, Middles, std::less<>> majors_;
};

/// The label with its parts trimmed.
std::string clean_label(std::string_view label);

/// The class that a run came to: of the first part of its `pipeline_result` with a `classification`, "major/middle/minor" as
/// far as there is any. Empty: none, or no result.
std::string predicted_class(std::string_view result_json);

/// `predicted` as deep as the label is: who labels majors alone does not ask for more.
std::string as_deep_as(std::string_view label, std::string_view predicted);

/// Twelve digits that change with whatever the classifying stage tells a model: texts, their data, schema and parameters. The
/// stage: the first with a taxonomy, else the first that asks a model.
std::string prompt_hash(const PipelineDefinition& definition);

/// A row as one line of eval.jsonl, without a line end. `error`: why there is no answer; empty: there is one.
std::string eval_line(const EvalRow& row, std::string_view error);

}  // namespace eco2::batch
