#include "store/ledger_store.hpp"

#include "base/io_thread.hpp"
#include "base/limits.hpp"
#include "base/text.hpp"
#include "base/utc.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace eco2::store {
namespace {

constexpr std::int64_t kDayNs = 24LL * 3'600 * 1'000'000'000;
constexpr const char* kOther = "other";

void cut(std::string& field) {
    if (field.size() > limits::kLedgerFieldBytesMax) {
        field = shorten(field, limits::kLedgerFieldBytesMax);
    }
}

}  // namespace

LedgerStore::Options::Options()
    : commit_window(limits::kLedgerCommitWindow),
      busy_timeout(limits::kGrantBusyTimeout),
      rows_pending_max(limits::kLedgerRowsPendingMax) {}

Result<std::unique_ptr<LedgerStore>> LedgerStore::open(std::string path, Log& log, const Clock& clock, Options options) {
    LedgerFile::Options file(std::move(path));
    file.busy_timeout = options.busy_timeout;
    file.pages_max = options.pages_max;
    std::unique_ptr<LedgerStore> store(new LedgerStore(std::move(file), log, clock, options));
    if (auto prepared = store->file_.prepare(); !prepared) {
        return prepared.error();
    }
    auto spent = store->file_.spent();
    if (!spent) {
        return spent.error();
    }
    store->spent_ = std::move(*spent);
    store->thread_ = std::thread([raw = store.get()] { raw->run(); });
    return store;
}

LedgerStore::LedgerStore(LedgerFile::Options file, Log& log, const Clock& clock, Options options)
    : log_(log), clock_(clock), options_(options), file_(std::move(file)) {}

LedgerStore::~LedgerStore() {
    static_cast<void>(stop());
}

void LedgerStore::record(LedgerKey key, const LedgerSums& sums) {
    for (auto* field : {&key.caller, &key.provider, &key.key, &key.model, &key.route, &key.price_version}) {
        cut(*field);
    }
    const auto wall_ns = clock_.wall_ns();
    bool is_waking = false;
    {
        const std::lock_guard lock(mutex_);
        if (key.day.empty()) {
            if (const auto number = wall_ns / kDayNs; number != day_number_) {
                day_number_ = number;
                day_ = utc_text(wall_ns).substr(0, 10);
            }
            key.day = day_;
        }
        if (!key.caller.empty()) {
            spent_[key.caller] += sums.cost_picousd;
        }
        counters_.attempts += static_cast<std::uint64_t>(sums.attempts);
        is_waking = pending_.empty();
        merge(std::move(key), sums);
    }
    if (is_waking) {
        changed_.notify_one();
    }
}

// Each step holds fewer kinds of rows than the one before, the last a handful a day.
void LedgerStore::merge(LedgerKey key, const LedgerSums& sums) {
    const auto is_there = [&] { return pending_.size() < options_.rows_pending_max || pending_.contains(key); };
    if (!is_there()) {
        for (auto* field : {&key.provider, &key.key, &key.model, &key.route}) {
            *field = kOther;
        }
        // Callers are what caps are about, and have twice the room.
        if (!is_there() && pending_.size() >= 2 * options_.rows_pending_max) {
            key.caller = key.caller.empty() ? key.caller : kOther;
        }
    }
    pending_[std::move(key)] += sums;
}

std::int64_t LedgerStore::spent(std::string_view caller) const {
    const std::lock_guard lock(mutex_);
    const auto found = spent_.find(caller);
    return found != spent_.end() ? found->second : 0;
}

Result<void> LedgerStore::stop() {
    assert_may_block();
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    changed_.notify_one();
    const std::lock_guard lock(stop_mutex_);
    if (thread_.joinable()) {
        thread_.join();
    }
    return last_;
}

LedgerStore::Counters LedgerStore::counters() const {
    const std::lock_guard lock(mutex_);
    return counters_;
}

std::size_t LedgerStore::rows_pending() const {
    const std::lock_guard lock(mutex_);
    return pending_.size();
}

void LedgerStore::run() {
    ::pthread_setname_np(::pthread_self(), "eco2-ledger");
    bool is_last = false;
    while (!is_last) {
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return is_stopping_ || !pending_.empty(); });
            const auto window_end = std::chrono::steady_clock::now() + options_.commit_window;
            changed_.wait_until(lock, window_end, [this] { return is_stopping_; });
            is_last = is_stopping_;
        }
        auto written = write();
        if (is_last) {
            last_ = std::move(written);
        }
    }
}

// What could not be written goes back to what waits: nothing of a failed transaction is in the file.
Result<void> LedgerStore::write() {
    LedgerRows rows;
    {
        const std::lock_guard lock(mutex_);
        rows.swap(pending_);
    }
    if (rows.empty()) {
        return {};
    }
    auto written = file_.add(rows);
    LedgerSums all;
    for (const auto& [key, sums] : rows) {
        all += sums;
    }
    if (!written) {
        log_.error("the ledger could not be written; its sums wait in memory",
                   {{"reason", written.error().detail},
                    {"attempts", std::to_string(all.attempts)},
                    {"cost_picousd", std::to_string(all.cost_picousd)}});
    }
    const std::lock_guard lock(mutex_);
    if (written) {
        ++counters_.commits;
        counters_.written += static_cast<std::uint64_t>(all.attempts);
        return written;
    }
    ++counters_.failed;
    rows.swap(pending_);  // what has come meanwhile is the smaller part
    for (auto& [key, sums] : rows) {
        merge(key, sums);
    }
    return written;
}

}  // namespace eco2::store
