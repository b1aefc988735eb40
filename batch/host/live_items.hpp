#pragma once

#include "batch/jobs/job_file.hpp"
#include "batch/jobs/settings.hpp"
#include "batch/money/price_list.hpp"
#include "runtime/host.hpp"

#include <vector>

namespace eco2::batch {

/// Runs items to their end over the live routes, from the stage that each has come to. Blocks: until all have ended.
/// Errors: not_found (the pipeline is not loaded), config_invalid (it has other stages now).
Result<std::vector<WalkOutcome>> run_live(runtime::Host& host,
                                          const Settings& settings,
                                          const PriceList& prices,
                                          const JobRow& job,
                                          const std::vector<ItemRow>& items);

}  // namespace eco2::batch
