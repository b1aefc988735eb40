#pragma once

#include "base/clock.hpp"
#include "fake_provider/batch_bill.hpp"
#include "fake_provider/batch_faults.hpp"
#include "fake_provider/batch_life.hpp"
#include "fake_provider/batch_object.hpp"
#include "fake_provider/batch_runner.hpp"
#include "fake_provider/file_shelf.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace eco2::fake {

/// A request for a batch that was read and found good.
struct BatchOrder {
    std::string input_file_id;
    std::string endpoint;
    Dialect dialect = Dialect::chat;
    std::optional<std::vector<std::pair<std::string, std::string>>> metadata;
    std::int64_t output_life_seconds = 30LL * 86'400;  // of its result files, from their creation on
};

/// All batches: keeps them, and does their work in slices when it is told to.
///
/// Thread-safety: any thread; only `step`, `settle` and `reset` wait for work, none of it longer than a slice.
/// Lifetime:      what it was made with outlives it.
/// Limits:        limits::kFakeBatchesMax batches.
class BatchDesk {
public:
    struct Parts {
        FileShelf& shelf;
        BatchRules& rules;
        BatchBill& bill;
        BatchRunner::Ask ask;
        Prices prices;
        std::uint64_t seed = 1;
        const Clock& clock;
    };
    explicit BatchDesk(Parts parts);
    ~BatchDesk();

    struct Seen {
        BatchObject object;
        std::int64_t made_at_ms = 0;
    };

    /// A fault: too many batches are kept, or were made within the last hour.
    std::variant<BatchObject, ApiFault> create(BatchOrder order);
    /// As it is now; nullopt: unknown. `is_poll`: counts for what is hidden from so many polls.
    std::optional<Seen> find(std::string_view id, bool is_poll = false);
    enum class Cancelled { yes, was_over, unknown };
    Cancelled cancel(std::string_view id);
    /// Newest first.
    std::vector<Seen> list();

    struct Step {
        bool has_worked = false;              // there may be more to do at once
        std::optional<Clock::Monotonic> due;  // else: when there will be; none: nothing is under way
    };
    /// Does one slice of one batch's work. Blocks: reads and writes a disk, some milliseconds.
    Step step();
    /// Steps until all that is due by now is done.
    Step settle();
    /// Forgets all batches.
    void reset();

private:
    struct Batch;
    struct Chosen;
    using Batches = std::map<std::uint64_t, std::shared_ptr<Batch>>;

    std::optional<ApiFault> creation_fault(const BatchSettings& settings, Clock::Monotonic now);
    Chosen choose(Step& step);
    void validate(Batch& batch);
    void judge(Batch& batch);
    void execute(Batch& batch, std::int64_t until);
    void close(Batch& batch, BatchLife::Rest rest);
    void make_runner(Batch& batch);
    std::optional<std::string> shelve(const Batch& batch, std::unique_ptr<Draft> draft, std::string_view kind);
    void break_down(Batch& batch, const Error& error);
    std::int64_t enqueued(std::string_view model) const;
    Seen shown(Batch& batch, bool is_poll);
    std::int64_t now_ms() const { return parts_.clock.wall_ns() / 1'000'000; }

    const Parts parts_;
    std::mutex work_mutex_;     // one slice at a time; taken before mutex_
    mutable std::mutex mutex_;  // guards what follows, and what of a batch is shown
    std::int64_t begun_ms_;     // tells its ids from those of a run before
    std::uint64_t number_ = 0;
    Batches batches_;
    std::map<std::string, std::uint64_t, std::less<>> numbers_;
    Batches active_;                          // those that are not over
    std::deque<Clock::Monotonic> creations_;  // of the last hour
};

}  // namespace eco2::fake
