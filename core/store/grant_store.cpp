#include "store/grant_store.hpp"

#include "base/io_thread.hpp"
#include "base/limits.hpp"

#include <pthread.h>

#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>

namespace eco2::store {
namespace {

bool has_long_field(const Grant& grant) {
    return std::max({grant.user_id.size(), grant.code.size(), grant.name.size(), grant.run_id.size()}) >
           limits::kGrantFieldBytesMax;
}

GrantFile::Options file_options(std::string path, const GrantStore::Options& options) {
    GrantFile::Options file(std::move(path));
    file.busy_timeout = options.busy_timeout;
    file.pages_max = options.pages_max;
    return file;
}

}  // namespace

GrantStore::Options::Options()
    : commit_window(limits::kGrantCommitWindow),
      batch_max(limits::kGrantBatchMax),
      queue_max(limits::kGrantQueueMax),
      known_max(limits::kKnownGrantsMax),
      settle_rows(limits::kGrantSettleRows),
      settle_interval(limits::kGrantSettleInterval),
      busy_timeout(limits::kGrantBusyTimeout) {}

Result<std::unique_ptr<GrantStore>> GrantStore::open(std::string path, Executor& executor, Log& log, const Clock& clock) {
    return open(std::move(path), executor, log, clock, Options());
}

Result<std::unique_ptr<GrantStore>> GrantStore::open(
    std::string path, Executor& executor, Log& log, const Clock& clock, Options options) {
    auto file = file_options(std::move(path), options);
    std::unique_ptr<GrantStore> store(new GrantStore(std::move(file), executor, log, clock, options));
    if (auto prepared = store->file_.prepare(); !prepared) {
        return prepared.error();
    }
    store->writer_ = std::thread([raw = store.get()] { raw->run(); });
    return store;
}

GrantStore::GrantStore(GrantFile::Options file, Executor& executor, Log& log, const Clock& clock, Options options)
    : executor_(executor),
      log_(log),
      clock_(clock),
      options_(options),
      file_options_(std::move(file)),
      file_(file_options_),
      known_(options_.known_max) {}

GrantStore::~GrantStore() {
    stop();
}

void GrantStore::write(Grant grant, Done done) {
    const int thread = executor_.current_thread();
    Waiting waiting{std::move(grant), {}, std::move(done), thread};
    waiting.key = KnownGrants::key_of(waiting.grant);
    Result<void> result;
    bool is_waking = false;
    bool is_queued = false;
    if (has_long_field(waiting.grant)) {
        result = fail(Errc::limit_exceeded,
                      "a grant's field is longer than " + std::to_string(limits::kGrantFieldBytesMax) + " bytes");
    } else {
        const std::lock_guard lock(mutex_);
        if (known_.contains(waiting.key)) {
            ++counters_.known;
        } else if (is_stopping_) {
            result = fail(Errc::draining, "the grant store is stopping");
        } else if (queue_.size() >= options_.queue_max) {
            result = fail(Errc::overloaded, std::to_string(queue_.size()) + " grants are waiting for the disk");
            ++counters_.failed;
        } else {
            queue_.push_back(std::move(waiting));
            ++queued_;
            is_queued = true;
            // The first starts the commit window, the last that fits ends it; those between need not wake anyone.
            is_waking = queue_.size() == 1 || queue_.size() == options_.batch_max;
        }
    }
    if (is_waking) {
        changed_.notify_one();
    }
    if (!is_queued) {
        std::vector<Done> dones;
        dones.push_back(std::move(waiting.done));
        answer(thread, std::move(dones), std::move(result));
    }
}

void GrantStore::answer(int thread, std::vector<Done> dones, Result<void> result) {
    Task task = [dones = std::move(dones), result = std::move(result)](TaskFate) {
        for (const auto& done : dones) {
            done(result);
        }
    };
    if (thread < 0) {
        executor_.post(std::move(task));
    } else {
        executor_.post_to(thread, std::move(task));
    }
}

void GrantStore::stop() {
    assert_may_block();
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    changed_.notify_one();
    const std::lock_guard lock(stop_mutex_);
    if (writer_.joinable()) {
        writer_.join();
    }
}

Result<std::vector<Grant>> GrantStore::grants_of(const std::string& user_id) const {
    return GrantFile(file_options_).grants_of(user_id);
}

GrantStore::Counters GrantStore::counters() const {
    const std::lock_guard lock(mutex_);
    return counters_;
}

std::size_t GrantStore::queue_depth() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
}

void GrantStore::run() {
    ::pthread_setname_np(::pthread_self(), "eco2-grants");
    settle_at_ = Time::min();
    expire_at_ = options_.lifetime.count() == 0 ? Time::max() : Time::min();
    settle_where_due(false);
    for (;;) {
        auto batch = take_batch();
        const bool is_last = batch.empty() && [this] {
            const std::lock_guard lock(mutex_);
            return is_stopping_ && queue_.empty();
        }();
        if (!batch.empty()) {
            commit(std::move(batch));
        }
        run_orders();
        settle_where_due(is_last);
        expire_where_due();
        if (is_last) {
            return;
        }
    }
}

// Empty where settling is due or the store is stopping.
std::vector<GrantStore::Waiting> GrantStore::take_batch() {
    std::unique_lock lock(mutex_);
    const auto has_work = [this] { return is_stopping_ || !queue_.empty() || !orders_.empty(); };
    if (const auto due = std::min(settle_at_, expire_at_); due == Time::max()) {
        changed_.wait(lock, has_work);
    } else {
        changed_.wait_until(lock, due, has_work);
    }
    if (!queue_.empty()) {
        const auto window_end = std::chrono::steady_clock::now() + options_.commit_window;
        changed_.wait_until(lock, window_end, [this] { return is_stopping_ || queue_.size() >= options_.batch_max; });
    }
    const auto count = static_cast<std::ptrdiff_t>(std::min(queue_.size(), options_.batch_max));
    std::vector<Waiting> batch(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.begin() + count));
    queue_.erase(queue_.begin(), queue_.begin() + count);
    taken_ += batch.size();
    return batch;
}

void GrantStore::commit(std::vector<Waiting> batch) {
    std::vector<const Grant*> grants;
    {
        std::unordered_set<std::string_view> seen;
        const std::lock_guard lock(mutex_);
        for (const auto& waiting : batch) {
            if (seen.insert(waiting.key).second && !known_.contains(waiting.key)) {
                grants.push_back(&waiting.grant);
            }
        }
    }
    Result<void> result;
    if (!grants.empty()) {
        auto rows = file_.append(grants, clock_.wall_ns());
        if (rows) {
            remember(batch, *rows);
        } else {
            result = rows.error();
            const std::lock_guard lock(mutex_);
            counters_.failed += batch.size();
        }
    } else {
        const std::lock_guard lock(mutex_);
        counters_.known += batch.size();
    }
    if (!result) {
        log_.error("grants could not be written",
                   {{"reason", result.error().detail}, {"grants", std::to_string(batch.size())}});
    }
    std::map<int, std::vector<Done>> dones;
    for (auto& waiting : batch) {
        dones[waiting.thread].push_back(std::move(waiting.done));
    }
    for (auto& [thread, list] : dones) {
        answer(thread, std::move(list), result);
    }
}

void GrantStore::remember(std::vector<Waiting>& batch, std::size_t rows) {
    if (rows != 0 && unsettled_ == 0) {
        settle_at_ = std::chrono::steady_clock::now() + options_.settle_interval;
    }
    unsettled_ += rows;
    std::vector<KnownGrants::Keys> forgotten;
    const std::lock_guard lock(mutex_);
    counters_.written += rows;
    counters_.known += batch.size() - rows;
    ++counters_.commits;
    for (auto& waiting : batch) {
        auto keys = known_.add(std::move(waiting.key));
        if (!keys.empty()) {
            forgotten.push_back(std::move(keys));
        }
    }
}

void GrantStore::forget_user(std::string user_id, std::function<void(Result<std::size_t>)> done) {
    const int thread = executor_.current_thread();
    auto order = [this, user_id = std::move(user_id), done, thread] {
        auto forgotten = file_.forget_user(user_id);
        {
            const std::lock_guard lock(mutex_);
            known_.clear();
        }
        Task task = [done, forgotten](TaskFate) { done(forgotten); };
        thread < 0 ? executor_.post(std::move(task)) : executor_.post_to(thread, std::move(task));
    };
    {
        const std::lock_guard lock(mutex_);
        if (!is_stopping_) {
            orders_.push_back({queued_, std::move(order)});
            changed_.notify_one();
            return;
        }
    }
    Task refusal = [done](TaskFate) { done(fail(Errc::draining, "the grant store is stopping")); };
    thread < 0 ? executor_.post(std::move(refusal)) : executor_.post_to(thread, std::move(refusal));
}

void GrantStore::run_orders() {
    std::vector<std::function<void()>> due;
    {
        const std::lock_guard lock(mutex_);
        while (!orders_.empty() && orders_.front().after <= taken_) {
            due.push_back(std::move(orders_.front().work));
            orders_.pop_front();
        }
    }
    for (const auto& work : due) {
        work();
    }
}

void GrantStore::expire_where_due() {
    const auto now = std::chrono::steady_clock::now();
    if (now < expire_at_) {
        return;
    }
    const auto before = clock_.wall_ns() - std::chrono::nanoseconds(options_.lifetime).count();
    const auto expired = file_.expire(before, limits::kGrantSettleBatchMax);
    if (!expired) {
        log_.warn("grants whose time is over stay for now", {{"reason", expired.error().detail}});
    } else if (*expired != 0) {
        const std::lock_guard lock(mutex_);
        known_.clear();
    }
    const bool has_more = expired && *expired == limits::kGrantSettleBatchMax;
    expire_at_ = now + (has_more ? limits::kGrantSettleInterval : limits::kGrantExpireInterval);
}

void GrantStore::settle_where_due(bool is_last) {
    const auto now = std::chrono::steady_clock::now();
    const bool is_full = unsettled_ >= options_.settle_rows && !has_settling_failed_;
    if (is_last || is_full || settle_at_ <= now) {
        has_settling_failed_ = !settle_all();
        settle_at_ = has_settling_failed_ ? now + options_.settle_interval : Time::max();
    }
}

bool GrantStore::settle_all() {
    for (;;) {
        const auto rows = file_.settle(limits::kGrantSettleBatchMax);
        if (!rows) {
            log_.warn("grants stay in the outbox for now", {{"reason", rows.error().detail}});
            return false;
        }
        {
            const std::lock_guard lock(mutex_);
            counters_.settled += *rows;
        }
        if (*rows < limits::kGrantSettleBatchMax) {
            unsettled_ = 0;
            return true;
        }
    }
}

}  // namespace eco2::store
