#pragma once

#include "batch/jobs/item_walk.hpp"

#include <vector>

namespace eco2::batch {

/// How a job's items come from one request to the next: a pipeline's stages, or one request as the user wrote it.
///
/// Thread-safety: none.
class ItemSteps {
public:
    virtual ~ItemSteps() = default;
    /// Fills in what `ItemWalk` says. Blocks: until all have ended.
    virtual void walk(std::vector<ItemWalk>& items) = 0;
    /// Null: requests without a pipeline.
    virtual const Pipeline* pipeline() const noexcept = 0;
};

}  // namespace eco2::batch
