#pragma once

#include "base/result.hpp"
#include "model/run_store.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace eco2::store {

/// What happens to the photos of runs that are over.
enum class KeepPhotos { never, dead_letters, always };

/// One write to the file of runs, and what came of it.
struct RunOperation {
    struct Submit {
        SubmittedRun run;
        Result<RunStoreDoor::Submitted> outcome = fail(Errc::internal);
    };
    struct Append {
        RunStep step;
        Result<void> outcome = fail(Errc::internal);
    };
    struct CountReplay {
        std::string run_id;
        Result<void> outcome = fail(Errc::internal);
    };
    struct ForgetUser {
        std::string user_id;
        Result<std::size_t> outcome = fail(Errc::internal);
    };
    std::variant<Submit, Append, CountReplay, ForgetUser> what;
};

/// The SQLite file behind RunStore: a row a run, and a journal of what runs under way have done so far.
///
/// The journal is only appended to, in the order of commits: that touches few pages, while rows in the order of runs would
/// touch one a run. When a run ends, its whole log goes to its row, and its part of the journal is garbage.
/// The journal's numbers only rise, and a row knows the last of them before its run: what is at or below the least of those of
/// live runs is deleted as one range.
///
/// Rollback journal and synchronous=FULL: what a call reports as written survives the process and the machine. After a failure
/// the connection is closed and the next call opens it again.
///
/// Thread-safety: none.
/// Errors:        store_failed everywhere, with the file's name and SQLite's reason.
/// Blocks:        every function; for the busy time-out where another process holds the lock.
class RunFile {
public:
    struct Options {
        std::string path;
        std::chrono::milliseconds busy_timeout;
        std::size_t pages_max = 0;  // 0: SQLite's own limit
        bool is_read_only = false;  // for a look at another process's file
        KeepPhotos keep_photos = KeepPhotos::never;
        std::chrono::seconds idempotency_lifetime;
        std::chrono::seconds result_lifetime;
        std::chrono::seconds dead_letter_lifetime;
        explicit Options(std::string path_of_file);
    };

    explicit RunFile(Options options);
    ~RunFile();

    /// Creates directory, file (mode 0600) and tables where they are missing, and checks the file. A file whose schema is newer
    /// than this program is refused untouched.
    Result<void> prepare();

    /// Errors: also idempotency_conflict.
    Result<std::optional<RunStoreDoor::Submitted>> find_submitted(const IdempotencyKey& key, std::int64_t wall_ns);

    /// All of them in one transaction. An error: nothing was written, and no outcome is meant.
    Result<void> apply(std::span<RunOperation* const> operations, std::int64_t wall_ns);

    /// Every run that is not over, oldest first, each counted as recovered once more before, durably. Their steps go from the
    /// journal to their rows.
    Result<void> recover(const std::function<void(StoredRun)>& each);

    Result<StoredRun> load(const std::string& run_id);  // not_found
    Result<std::vector<RunSummary>> list(const RunFilter& filter);

    /// Deletes up to `count_max` runs whose time is over. The number.
    Result<std::size_t> expire(std::int64_t wall_ns, std::size_t count_max);

    /// Deletes up to `rows_max` of the journal's rows that no live run needs, the oldest. The number.
    Result<std::size_t> sweep(std::size_t rows_max);

private:
    class Connection;

    template <class Work>
    auto with_connection(Work&& work) -> decltype(work(std::declval<Connection&>()));

    const Options options_;
    std::unique_ptr<Connection> connection_;
};

}  // namespace eco2::store
