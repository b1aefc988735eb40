#pragma once

#include "base/result.hpp"
#include "model/pipeline_definition.hpp"

#include <filesystem>

namespace eco2::config {

/// Reads a pipeline file and all files that it names: prompts, schemas, data. core/config/README.md shows the format.
///
/// What is in templates is checked by `pipeline`; everything else (keys, paths, languages, JSON) is checked here.
/// Errors: config_invalid with one line per fault, `file:line:column: key.path: what is wrong; what is allowed`. Blocks: file
/// reads.
Result<PipelineDefinition> load_pipeline(const std::filesystem::path& file);

}  // namespace eco2::config
