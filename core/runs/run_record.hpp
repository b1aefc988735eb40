#pragma once

#include "pipeline/run.hpp"

#include <string>
#include <string_view>

/// What a run's store keeps of it, as JSON: its input and its finished stages. The store does not look inside.
namespace eco2 {

/// All of the input but the photo's bytes and the user, which the store keeps beside it.
std::string input_record(const RunInput& input);
/// Errors: store_failed (another program wrote it, or it is damaged).
Result<RunInput> read_input_record(std::string_view json);

std::string checkpoint_record(std::string_view stage, const FinishedStage& finished);
/// `stage`: the name that the pipeline has at this place now.
/// Errors: store_failed (damaged); config_invalid (the pipeline has changed: another stage stood here).
Result<FinishedStage> read_checkpoint_record(std::string_view json, std::string_view stage);

/// The `event:` of a frame that run_frames made, and the text of a delta's; empty where there is none.
std::string_view event_name(std::string_view frame) noexcept;
std::string delta_text(std::string_view frame);

}  // namespace eco2
