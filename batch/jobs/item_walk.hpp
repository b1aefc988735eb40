#pragma once

#include "model/calls.hpp"
#include "pipeline/run.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::batch {

/// What a provider has answered to a stage's request.
struct ModelReply {
    std::string text;
    FinishReason finish = FinishReason::stop;
    std::string provider;
    std::string model;
    Usage usage;
};

/// One item on its way through the pipeline's stages, up to where a provider has to be asked.
struct ItemWalk {
    // in
    std::string id;  // the run's; grants are written down with it
    RunInput input;
    std::vector<FinishedStage> finished;  // stages behind it, in order; those that it passes are added
    std::optional<ModelReply> reply;      // to the stage behind them; where that asks nobody, it is not looked at

    // out
    enum class End {
        asks,    // `request` is what the provider is to be asked; the stage is finished.size()
        done,    // `result_json`
        failed,  // `error`, in the stage finished.size()
    };
    End end = End::failed;
    std::shared_ptr<const GenerateRequest> request;  // its deadline is the walk's own and means nothing to whoever sends it
    std::string result_json;                         // run_result's, with `id` as task_id
    Error error;
    bool is_reply_refused = false;  // failed: the reply was read and is not what the stage wants
};

/// Walks items through the live pipeline's own machine (pipeline/run.hpp): prepare, settle, rules, reward are the ones of a
/// live run; only where it would ask a provider, the walk ends, and where there is a reply, the run gets that.
///
/// A reward with a grant is written down where the item has a user, as in a live run; without one it is computed only.
///
/// Thread-safety: none; one thread at a time, which is no I/O thread.
/// Lifetime:      executor, grants and clock outlive it, and so do the doors of `rules` and `reward`.
/// Limits:        kBatchWalksPerThread runs on each I/O thread at once.
class ItemWalker {
public:
    struct Doors {
        Executor& executor;  // its I/O threads run until `walk` has returned
        int io_threads = 1;
        GrantDoor& grants;
        const Clock& clock;
        std::vector<StageDoors> stages;  // rules and reward; provider and gate are ignored
    };

    ItemWalker(std::shared_ptr<const Pipeline> pipeline, Doors doors);
    ~ItemWalker();

    /// Walks all of them over the I/O threads; what they had in their out fields is lost. `finished` keeps its stages and gets
    /// those that were passed, however a walk ends; the same walk may so be done again. Blocks: until the last has ended.
    void walk(std::vector<ItemWalk>& items);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace eco2::batch
