#pragma once

#include "eco2/abi/services.h"
#include "eco2/plugin/delta_writer.hpp"
#include "eco2/plugin/detail/sink.hpp"
#include "eco2/plugin/host.hpp"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace eco2::plugin {
inline namespace draft_2 {

/// Asked by long work whether anybody still wants its result. Thread-safety: any thread. Lifetime: of the call.
class StopToken {
public:
    explicit StopToken(const std::atomic<bool>& flag) noexcept : flag_(&flag) {}
    bool stop_requested() const noexcept { return flag_->load(std::memory_order_relaxed); }

private:
    const std::atomic<bool>* flag_;
};

/// Where a synchronous function runs.
enum class RunsOn {
    caller,        ///< posted to the thread that asked: for pure memory work of well under a millisecond
    blocking_pool  ///< on a host thread that is allowed to block
};

namespace detail {

/// A synchronous function behind the call shape: runs once, then on_done.
///
/// Two parties hold it: the host until release, the executor until `deliver` is over.
class SyncCallBase : protected DeltaWriter {
public:
    SyncCallBase(const SyncCallBase&) = delete;
    SyncCallBase& operator=(const SyncCallBase&) = delete;

    /// Hands `made` to the executor. On a status that is not ECO2_OK nothing will run and `made` is gone.
    static eco2_status launch(std::unique_ptr<SyncCallBase> made,
                              const eco2_executor_service* executor,
                              RunsOn where,
                              const eco2_call** out) noexcept {
        SyncCallBase* const call = made.release();
        *out = &call->table_;
        const eco2_status status = where == RunsOn::caller
                                       ? executor->post(executor->ctx, &run_here, call)
                                       : executor->run_blocking(executor->ctx, &run_on_pool, &deliver_after_pool, call);
        if (status != ECO2_OK) {
            *out = nullptr;
            delete call;
        }
        return status;
    }

protected:
    explicit SyncCallBase(const eco2_sink* sink) noexcept : sink_(sink) {
        table_.self = this;
        table_.resume = [](void* self) noexcept { from(self).resume(); };
        table_.cancel = [](void* self) noexcept { from(self).cancel(); };
        table_.release = [](void* self) noexcept { from(self).drop(); };
    }
    virtual ~SyncCallBase() = default;

    /// The author's function. May throw.
    virtual Result<FinishReason> work(DeltaWriter& out, StopToken stop) = 0;

private:
    friend std::default_delete<SyncCallBase>;

    static SyncCallBase& from(void* self) noexcept { return *static_cast<SyncCallBase*>(self); }
    static void run_here(void* arg, eco2_status why) noexcept {
        run_on_pool(arg, why);
        deliver_after_pool(arg, ECO2_OK);
    }
    static void run_on_pool(void* arg, eco2_status why) noexcept {
        SyncCallBase& call = from(arg);
        if (why == ECO2_OK && !call.is_cancelled_.load(std::memory_order_relaxed)) {
            call.outcome_.emplace(caught([&] { return call.work(call, StopToken(call.is_cancelled_)); }));
        }
    }
    static void deliver_after_pool(void* arg, eco2_status) noexcept {
        SyncCallBase& call = from(arg);
        if (!call.outcome_) {
            finish(call.sink_, cancelled());
        } else if (*call.outcome_) {
            finish(call.sink_, **call.outcome_);
        } else {
            finish(call.sink_, call.outcome_->error());
        }
        call.drop();
    }

    void put(const eco2_delta& delta) final {
        std::uint64_t resumes_before = 0;
        {
            const std::lock_guard lock(mutex_);
            resumes_before = resumes_;
        }
        if (sink_->on_delta(sink_->ctx, &delta) != ECO2_PAUSE || !waits_for_resume()) {
            return;
        }
        std::unique_lock lock(mutex_);
        // A resume may overtake the PAUSE that it answers: it counts from the moment on_delta was entered.
        resumed_.wait(lock, [&] { return resumes_ != resumes_before || is_cancelled_.load(std::memory_order_relaxed); });
    }
    void resume() noexcept {
        const std::lock_guard lock(mutex_);
        ++resumes_;
        resumed_.notify_all();
    }
    void cancel() noexcept {
        const std::lock_guard lock(mutex_);
        is_cancelled_.store(true, std::memory_order_relaxed);
        resumed_.notify_all();
    }
    void drop() noexcept {
        if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete this;
        }
    }

    /// True only where the running thread may block.
    virtual bool waits_for_resume() const noexcept { return false; }

    eco2_call table_ = sized<eco2_call>();
    const eco2_sink* sink_;
    std::atomic<int> holders_{2};
    std::atomic<bool> is_cancelled_{false};
    std::optional<Result<FinishReason>> outcome_;
    std::mutex mutex_;
    std::condition_variable resumed_;
    std::uint64_t resumes_ = 0;
};

template <class Work>
class SyncCall final : public SyncCallBase {
public:
    SyncCall(const eco2_sink* sink, RunsOn where, Work work) : SyncCallBase(sink), where_(where), work_(std::move(work)) {}

private:
    Result<FinishReason> work(DeltaWriter& out, StopToken stop) override { return work_(out, stop); }
    bool waits_for_resume() const noexcept override { return where_ == RunsOn::blocking_pool; }

    RunsOn where_;
    Work work_;
};

/// Starts `work(DeltaWriter&, StopToken) -> Result<FinishReason>` as a call.
template <class Work>
eco2_status start_sync(const Host& host, RunsOn where, const eco2_sink* sink, const eco2_call** out, Work work) noexcept {
    *out = nullptr;
    if (host.executor() == nullptr || !covers(sink)) {
        return ECO2_UNSUPPORTED;
    }
    try {
        return SyncCallBase::launch(
            std::make_unique<SyncCall<Work>>(sink, where, std::move(work)), host.executor(), where, out);
    } catch (...) {
        return ECO2_RESOURCE_EXHAUSTED;
    }
}

}  // namespace detail
}  // namespace draft_2
}  // namespace eco2::plugin
