#pragma once

#include "batch/jobs/machine.hpp"

#include <memory>
#include <string>

namespace eco2::batch {

struct Machine::Task {
    BatchProviderDoor* provider = nullptr;
    std::unique_ptr<ItemSteps> steps;
    std::unique_ptr<Pricing> pricing;
    std::string provider_id;
    int stage_count = 1;
    int validation_failures = 0;  // in a row
};

/// What an item's walk starts from. `photos`: folder of cleaned photos; a photo is read only where `needs_photo`.
/// Errors: io_failed (the photo is gone), store_failed (a record that cannot be read).
Result<RunInput> run_input(
    const ItemRow& item, const JobRow& job, const Pipeline* pipeline, const std::filesystem::path& photos, bool needs_photo);
Result<std::vector<FinishedStage>> finished_stages(const ItemRow& item, const Pipeline* pipeline);
std::string checkpoints_of(const std::vector<FinishedStage>& finished, const Pipeline* pipeline);

/// "e2-NONCE-LINE": what a line is found by.
std::string custom_id_of(const Shard& shard, std::int64_t line);
/// 0: not an id of this shard.
std::int64_t line_of(const Shard& shard, std::string_view custom_id);
std::string file_name_of(const Shard& shard);

}  // namespace eco2::batch
