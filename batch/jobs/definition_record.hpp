#pragma once

#include "base/result.hpp"
#include "model/pipeline_definition.hpp"

#include <string>
#include <string_view>

namespace eco2::batch {

/// A pipeline with all texts that it was read with, as JSON: a job goes on as it was planned, whatever becomes of the files.
/// Equal definitions give equal bytes.
std::string definition_record(const PipelineDefinition& definition);
/// Errors: store_failed (damaged, or of a newer program).
Result<PipelineDefinition> read_definition_record(std::string_view json);

}  // namespace eco2::batch
