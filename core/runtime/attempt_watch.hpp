#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "observe/metrics.hpp"
#include "routing/accounting.hpp"
#include "store/ledger_store.hpp"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::runtime {

/// Turns what routes do into ledger entries, metrics and log lines: one line an attempt at debug; one a request, with its
/// trail, at info where it took more than one attempt or failed, else at debug. Remembers the last requests for `eco2 explain`.
///
/// Thread-safety: any I/O thread. Lifetime: doors outlive it.
/// Limits:        limits::kRoutedRecordsKept requests, limits::kTrailKeptBytesMax of each one's trail.
/// Cost:          an attempt: some look-ups under shared locks and the ledger's; a request: a copy of its trail.
class AttemptWatch final : public routing::AttemptWatcher {
public:
    struct Doors {
        Log& log;
        observe::Metrics& metrics;
        const Clock& clock;
        store::LedgerStore* ledger = nullptr;  // null: nothing is kept
    };

    explicit AttemptWatch(Doors doors);

    void on_attempt(const routing::AttemptRecord& record) override;
    void on_routed(const routing::RoutedRecord& record) override;

    struct Remembered {
        routing::RoutedRecord record;
        std::int64_t ended_ns = 0;  // since 1970
    };
    /// What is remembered of a request, oldest first: a pipeline routes each of its stages under one id.
    std::vector<Remembered> find(std::string_view request_id) const;

private:
    void log_attempt(const routing::AttemptRecord& record);
    void log_routed(const routing::RoutedRecord& record);

    const Doors doors_;

    mutable std::mutex mutex_;            // guards all below
    std::vector<Remembered> remembered_;  // a ring
    std::size_t next_ = 0;
};

/// An array with one object a routing of the request, for the admin door. nullopt: there is none.
std::optional<std::string> explain_json(const AttemptWatch& watch, std::string_view request_id);

}  // namespace eco2::runtime
