#pragma once

#include "base/result.hpp"
#include "model/pipeline_definition.hpp"
#include "pipeline/run.hpp"

#include <cstddef>
#include <string>
#include <string_view>

/// The scan endpoints' JSON, byte for byte: frames of the stream and answers. Pure.
namespace eco2::app {

/// One frame's JSON for an event of the run; empty where the contract has no frame for it (delta, done).
///
/// The last stage's completed frame carries `result`, so it is made from the run, not from the event alone.
std::string scan_frame(const Run& run, const RunEvent& event);

/// {"status":"error","error":CODE}
std::string scan_error_frame(const Error& error);

/// {"detail":text,"code":CODE}
std::string error_body(const Error& error);

/// 400 for an unknown model: the list stands in `detail`.
std::string unsupported_model_body(const PipelineDefinition& pipeline, std::string_view model);

/// [{"id","name","display_name","instructions"}] from the taxonomy's JSON. Errors: config_invalid.
Result<std::string> categories_body(std::string_view taxonomy_json);
/// How many of them there are; 0 where the text is not a JSON object.
std::size_t category_count(std::string_view taxonomy_json);

}  // namespace eco2::app
