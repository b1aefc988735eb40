#include "store/run_store.hpp"

#include "base/io_thread.hpp"
#include "base/limits.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace eco2::store {
namespace {

RunFile::Options file_options(std::string path, const RunStore::Options& options) {
    RunFile::Options file(std::move(path));
    file.busy_timeout = options.busy_timeout;
    file.pages_max = options.pages_max;
    file.keep_photos = options.keep_photos;
    file.idempotency_lifetime = options.idempotency_lifetime;
    file.result_lifetime = options.result_lifetime;
    file.dead_letter_lifetime = options.dead_letter_lifetime;
    return file;
}

}  // namespace

RunStore::Options::Options()
    : idempotency_lifetime(limits::kResultLifetime),
      result_lifetime(limits::kResultLifetime),
      dead_letter_lifetime(limits::kDeadLetterLifetime),
      commit_window(limits::kRunCommitWindow),
      busy_timeout(limits::kGrantBusyTimeout),
      batch_max(limits::kRunBatchMax),
      queue_max(limits::kRunQueueMax) {}

Result<std::unique_ptr<RunStore>> RunStore::open(
    std::string path, Executor& executor, Log& log, const Clock& clock, Options options) {
    auto file = file_options(std::move(path), options);
    std::unique_ptr<RunStore> store(new RunStore(std::move(file), executor, log, clock, options));
    if (auto prepared = store->file_.prepare(); !prepared) {
        return prepared.error();
    }
    return store;
}

RunStore::RunStore(RunFile::Options file, Executor& executor, Log& log, const Clock& clock, Options options)
    : executor_(executor),
      log_(log),
      clock_(clock),
      options_(options),
      file_(std::move(file)),
      expire_at_(std::chrono::steady_clock::now()) {}

RunStore::~RunStore() {
    stop();
}

// The thread waits for the end: who is handed a run may write its next step at once, from any thread.
Result<void> RunStore::recover(const std::function<void(StoredRun)>& each) {
    {
        const std::lock_guard lock(mutex_);
        is_recovering_ = true;
    }
    auto recovered = file_.recover(each);
    const std::lock_guard lock(mutex_);
    is_recovering_ = false;
    start_thread();
    return recovered;
}

// With the mutex held.
void RunStore::start_thread() {
    if (!thread_.joinable() && !is_recovering_) {
        thread_ = std::thread([this] { run(); });
    }
}

template <class What, class Outcome>
void RunStore::enqueue_write(What what, std::function<void(Result<Outcome>)> done) {
    Call call;
    call.write = std::make_unique<RunOperation>(RunOperation{std::move(what)});
    call.answer = [operation = call.write.get(), done = std::move(done)](const Error* failure) -> Task {
        auto outcome = failure == nullptr ? std::move(std::get<What>(operation->what).outcome) : Result<Outcome>(*failure);
        return [done, outcome = std::move(outcome)](TaskFate) { done(outcome); };
    };
    enqueue(std::move(call));
}

template <class Value>
void RunStore::enqueue_read(std::function<Result<Value>()> read, std::function<void(Result<Value>)> done) {
    auto value = std::make_shared<Result<Value>>(fail(Errc::internal));
    Call call;
    call.read = [value, read = std::move(read)] { *value = read(); };
    call.answer = [value, done = std::move(done)](const Error* failure) -> Task {
        if (failure != nullptr) {
            *value = *failure;
        }
        return [done, value](TaskFate) { done(std::move(*value)); };
    };
    enqueue(std::move(call));
}

void RunStore::submit(SubmittedRun run, std::function<void(Result<Submitted>)> done) {
    enqueue_write<RunOperation::Submit, Submitted>({std::move(run)}, std::move(done));
}

void RunStore::find_submitted(IdempotencyKey key, std::function<void(Result<std::optional<Submitted>>)> done) {
    enqueue_read<std::optional<Submitted>>([this, key = std::move(key)] { return file_.find_submitted(key, clock_.wall_ns()); },
                                           std::move(done));
}

void RunStore::append(RunStep step, std::function<void(Result<void>)> done) {
    enqueue_write<RunOperation::Append, void>({std::move(step)}, std::move(done));
}

void RunStore::count_replay(std::string run_id, std::function<void(Result<void>)> done) {
    enqueue_write<RunOperation::CountReplay, void>({std::move(run_id)}, std::move(done));
}

void RunStore::forget_user(std::string user_id, std::function<void(Result<std::size_t>)> done) {
    enqueue_write<RunOperation::ForgetUser, std::size_t>({std::move(user_id)}, std::move(done));
}

void RunStore::load(std::string run_id, std::function<void(Result<StoredRun>)> done) {
    enqueue_read<StoredRun>([this, run_id = std::move(run_id)] { return file_.load(run_id); }, std::move(done));
}

void RunStore::list(RunFilter filter, std::function<void(Result<std::vector<RunSummary>>)> done) {
    enqueue_read<std::vector<RunSummary>>([this, filter = std::move(filter)] { return file_.list(filter); }, std::move(done));
}

void RunStore::enqueue(Call call) {
    call.thread = executor_.current_thread();
    std::optional<Error> refusal;
    bool is_waking = false;
    {
        const std::lock_guard lock(mutex_);
        if (is_stopping_) {
            refusal = fail(Errc::draining, "the run store is stopping");
        } else if (queue_.size() >= options_.queue_max) {
            refusal = fail(Errc::overloaded, std::to_string(queue_.size()) + " writes are waiting for the disk");
            ++counters_.failed;
        } else {
            start_thread();
            queue_.push_back(std::move(call));
            // The first starts the commit window, the last that fits ends it; those between need not wake anyone.
            is_waking = queue_.size() == 1 || queue_.size() == options_.batch_max;
        }
    }
    if (refusal) {
        return answer(call, &*refusal);
    }
    if (is_waking) {
        changed_.notify_one();
    }
}

void RunStore::answer(const Call& call, const Error* failure) {
    auto task = call.answer(failure);
    if (call.thread < 0) {
        executor_.post(std::move(task));
    } else {
        executor_.post_to(call.thread, std::move(task));
    }
}

void RunStore::stop() {
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
}

RunStore::Counters RunStore::counters() const {
    const std::lock_guard lock(mutex_);
    return counters_;
}

std::size_t RunStore::queue_depth() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
}

void RunStore::run() {
    ::pthread_setname_np(::pthread_self(), "eco2-runs");
    for (;;) {
        const auto batch = take_batch();
        if (!batch.empty()) {
            commit(batch);
        }
        expire_where_due();
        const std::lock_guard lock(mutex_);
        if (is_stopping_ && queue_.empty()) {
            return;
        }
    }
}

// Empty where something is to be expired or the store is stopping.
std::vector<RunStore::Call> RunStore::take_batch() {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, expire_at_, [this] { return is_stopping_ || !queue_.empty(); });
    if (!queue_.empty()) {
        const auto window_end = std::chrono::steady_clock::now() + options_.commit_window;
        changed_.wait_until(lock, window_end, [this] { return is_stopping_ || queue_.size() >= options_.batch_max; });
    }
    const auto count = static_cast<std::ptrdiff_t>(std::min(queue_.size(), options_.batch_max));
    std::vector<Call> batch(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.begin() + count));
    queue_.erase(queue_.begin(), queue_.begin() + count);
    return batch;
}

void RunStore::commit(const std::vector<Call>& batch) {
    std::vector<RunOperation*> writes;
    for (const auto& call : batch) {
        if (call.write != nullptr) {
            writes.push_back(call.write.get());
        }
    }
    const auto written = writes.empty() ? Result<void>() : file_.apply(writes, clock_.wall_ns());
    const auto failure = written ? std::optional<Error>() : written.error();
    if (failure) {
        log_.error("runs could not be written", {{"reason", failure->detail}, {"writes", std::to_string(writes.size())}});
        const std::lock_guard lock(mutex_);
        counters_.failed += writes.size();
    } else if (!writes.empty()) {
        count(writes);
    }
    for (const auto& call : batch) {
        if (call.read) {
            call.read();
        }
        answer(call, call.write != nullptr && failure ? &*failure : nullptr);
    }
}

void RunStore::count(const std::vector<RunOperation*>& writes) {
    const std::lock_guard lock(mutex_);
    ++counters_.commits;
    counters_.operations += writes.size();
    for (const auto* write : writes) {
        if (const auto* submit = std::get_if<RunOperation::Submit>(&write->what)) {
            counters_.submitted += submit->outcome && !submit->outcome->is_known ? 1 : 0;
        } else if (const auto* append = std::get_if<RunOperation::Append>(&write->what)) {
            counters_.ended += append->outcome && append->step.end ? 1 : 0;
        }
    }
}

void RunStore::expire_where_due() {
    const auto now = std::chrono::steady_clock::now();
    if (now < expire_at_) {
        return;
    }
    expire_at_ = now + limits::kRunExpireInterval;
    const auto expired = file_.expire(clock_.wall_ns(), limits::kRunExpireMax);
    const auto swept = expired ? file_.sweep(limits::kJournalSweepMax) : expired;
    if (!swept) {
        log_.warn("runs whose time is over stay for now", {{"reason", swept.error().detail}});
        return;
    }
    if (*expired == limits::kRunExpireMax || *swept == limits::kJournalSweepMax) {
        expire_at_ = now + limits::kRunExpireAgain;
    }
    const std::lock_guard lock(mutex_);
    counters_.expired += *expired;
}

}  // namespace eco2::store
