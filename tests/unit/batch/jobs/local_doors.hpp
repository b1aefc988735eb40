#pragma once

#include "base/executor.hpp"
#include "model/calls.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace eco2::batch {

/// Rules, reward and grants for the scan: each class has a rule, each rule a reward.
///
/// Thread-safety: any thread.
class LocalDoors final : public RuleStoreDoor, public RewardDoor, public GrantDoor {
public:
    explicit LocalDoors(Executor& executor) : executor_(executor) {}

    Result<std::shared_ptr<const RuleSnapshot>> acquire() override {
        return std::shared_ptr<const RuleSnapshot>(std::make_shared<RuleSnapshot>());
    }
    StartedCall lookup(std::shared_ptr<const RuleSnapshot>, RuleQuery query, CallObserver& observer) override {
        if (fails) {
            return fail(Errc::rule_store_failed, "told by the test");
        }
        return say(observer, "{\"rule\":\"" + query.key + "\"}");
    }
    StartedCall import_directory(std::string, CallObserver&) override { return fail(Errc::plugin_failed); }
    StartedCall decide(RewardRequest, CallObserver& observer) override {
        return say(observer, R"({"reward":{"name":"페이피","type":"t"},"reason":null,"grant":{"code":"c","name":"페이피"}})");
    }
    void write(Grant grant, std::function<void(Result<void>)> done) override {
        {
            const std::lock_guard lock(mutex_);
            grants_.push_back(std::move(grant));
        }
        executor_.post([done = std::move(done)](TaskFate) { done({}); });
    }

    std::atomic<bool> fails = false;

private:
    class LaterCall final : public Call {
    public:
        explicit LaterCall(std::shared_ptr<CallObserver*> heard) : heard_(std::move(heard)) {}
        ~LaterCall() override { *heard_ = nullptr; }
        void resume() override {}
        void cancel() override {}

    private:
        std::shared_ptr<CallObserver*> heard_;
    };

    StartedCall say(CallObserver& observer, std::string json) {
        auto heard = std::make_shared<CallObserver*>(&observer);
        executor_.post([heard, json = std::move(json)](TaskFate) {
            if (auto* to = std::exchange(*heard, nullptr)) {
                to->on_result(json, "");
                to->on_done(FinishReason::none, nullptr);
            }
        });
        return std::unique_ptr<Call>(std::make_unique<LaterCall>(std::move(heard)));
    }

    Executor& executor_;
    std::mutex mutex_;
    std::vector<Grant> grants_;
};

}  // namespace eco2::batch
