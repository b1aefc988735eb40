#include "batch/jobs/item_walk.hpp"

#include "base/assert.hpp"
#include "base/io_thread.hpp"
#include "batch/limits.hpp"
#include "runs/run_result.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <span>
#include <utility>

namespace eco2::batch {
namespace {

using Kind = StageDefinition::Kind;

class NoWatcher final : public RunWatcher {
public:
    void on_stage_end(std::string_view, const Stage&, const StageReport&, const Error*) override {}
    void on_repairs(std::string_view, const Stage&, const std::vector<std::string>&) override {}
    void on_reward(const RewardDecision&, std::chrono::nanoseconds) override {}
};

/// Where nobody is to get it, a reward is computed only.
class UsersGrants final : public GrantDoor {
public:
    UsersGrants(GrantDoor& grants, Executor& executor) : grants_(grants), executor_(executor) {}

    void write(Grant grant, std::function<void(Result<void>)> done) override {
        if (grant.user_id.empty()) {
            executor_.post([done = std::move(done)](TaskFate) { done(Result<void>{}); });
        } else {
            grants_.write(std::move(grant), std::move(done));
        }
    }

private:
    GrantDoor& grants_;
    Executor& executor_;
};

using Listener = std::shared_ptr<CallObserver*>;  // null once the run has dropped its call

class CapturedCall final : public Call {
public:
    explicit CapturedCall(Listener listener) : listener_(std::move(listener)) {}
    ~CapturedCall() override { *listener_ = nullptr; }
    void resume() override {}
    void cancel() override {}  // runs drop their calls

private:
    Listener listener_;
};

/// A long wait may follow: the text alone, and not a copy of the value, which is several times as large.
StageOutput text_of(const StageOutput& output) {
    return output.is_null() ? StageOutput() : StageOutput(std::string(output.json()));
}

/// The place of one walk, and the provider of its run: what the stages ask is asked here.
class Place final : public ProviderDoor {
public:
    Place(RunContext context, std::function<void(Place&)> on_free)
        : context_(std::move(context)), on_free_(std::move(on_free)) {
        for (auto& doors : context_.doors) {
            doors.provider = this;
        }
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    void start(ItemWalk& walk) {
        walk_ = &walk;
        first_ = walk.finished.size();
        is_told_ = false;
        has_ended_ = false;
        auto input = walk.input;
        input.wants_deltas = false;
        run_ = Run::start(
            context_, walk.id, std::move(input), [this] { on_event(); }, RunProgress{walk.finished, false, {}});
    }

    StartedCall generate(std::shared_ptr<const GenerateRequest> request, CallObserver& observer) override {
        auto listener = std::make_shared<CallObserver*>(&observer);
        if (walk_->reply && walk_->finished.size() == first_) {
            context_.executor.post([this, listener](TaskFate) {
                if (*listener != nullptr) {
                    tell(**listener);
                }
            });
        } else {
            walk_->request = std::move(request);
            end(ItemWalk::End::asks);
        }
        return std::unique_ptr<Call>(std::make_unique<CapturedCall>(std::move(listener)));
    }
    std::string_view name() const noexcept override { return "batch"; }

private:
    void tell(CallObserver& observer) {
        const auto& reply = *walk_->reply;
        is_told_ = true;
        observer.on_route({reply.provider, reply.model, {}, 1, {}});
        observer.on_usage(reply.usage);
        observer.on_meta({reply.model, {}, 0, nullptr});
        observer.on_text(reply.text);
        observer.on_done(reply.finish, nullptr);
    }

    void on_event() {
        if (has_ended_) {
            return;
        }
        switch (run_->log().back().kind) {
            case RunEvent::Kind::started:
            case RunEvent::Kind::stage_started:
            case RunEvent::Kind::delta: break;
            case RunEvent::Kind::stage_completed: keep_stage(); break;
            case RunEvent::Kind::done:
                walk_->result_json = run_result(*run_);
                end(ItemWalk::End::done);
                break;
            case RunEvent::Kind::stage_failed:
            case RunEvent::Kind::timed_out:
                walk_->error = *run_->failure();
                // A timer may have been first: then the reply is still unread, and as good as before.
                walk_->is_reply_refused = is_told_ && walk_->finished.size() == first_;
                end(ItemWalk::End::failed);
                break;
        }
    }

    void keep_stage() {
        const auto stage = walk_->finished.size();
        FinishedStage finished{text_of(run_->values().outputs[stage]), run_->reports()[stage], std::nullopt};
        if (run_->pipeline().stages()[stage].definition.kind == Kind::reward && run_->reward() != nullptr) {
            finished.reward = *run_->reward();
        }
        walk_->finished.push_back(std::move(finished));
    }

    /// The run is still on the stack: it goes in a turn of its own, so that none is left when the last place is free.
    void end(ItemWalk::End how) {
        walk_->end = how;
        has_ended_ = true;
        context_.executor.post([this](TaskFate) {
            run_.reset();
            on_free_(*this);
        });
    }

    RunContext context_;
    const std::function<void(Place&)> on_free_;
    ItemWalk* walk_ = nullptr;
    std::size_t first_ = 0;   // stage that this walk began in: the reply is to it
    bool is_told_ = false;    // the run has the reply
    bool has_ended_ = false;  // what the run does until it is dropped counts no more
    std::unique_ptr<Run> run_;
};

/// One I/O thread's places. All of it belongs to that thread.
struct Lane {
    std::vector<std::unique_ptr<Place>> places;
    std::size_t taken = 0;
};

}  // namespace

class ItemWalker::Impl {
public:
    Impl(std::shared_ptr<const Pipeline> pipeline, Doors doors)
        : pipeline_(std::move(pipeline)), executor_(doors.executor), grants_(doors.grants, doors.executor) {
        const auto& stages = pipeline_->stages();
        ECO2_ASSERT(doors.stages.size() == stages.size(), "doors are wired stage by stage");
        for (std::size_t i = 0; i < stages.size(); ++i) {
            const auto kind = stages[i].definition.kind;
            ECO2_ASSERT(kind != Kind::rules || doors.stages[i].rules != nullptr, "a rules stage has its store");
            ECO2_ASSERT(kind != Kind::reward || doors.stages[i].reward != nullptr, "a reward stage has its engine");
        }
        for (int i = 0; i < doors.io_threads; ++i) {
            add_lane(doors);
        }
    }

    void walk(std::vector<ItemWalk>& items) {
        assert_may_block();
        items_ = items;
        next_ = 0;
        std::unique_lock lock(mutex_);
        lanes_busy_ = lanes_.size();
        for (std::size_t i = 0; i < lanes_.size(); ++i) {
            executor_.post_to(static_cast<int>(i), [this, &lane = *lanes_[i]](TaskFate) { begin(lane); });
        }
        is_over_.wait(lock, [this] { return lanes_busy_ == 0; });
    }

private:
    void add_lane(const Doors& doors) {
        auto& lane = *lanes_.emplace_back(std::make_unique<Lane>());
        // Runs wait for nothing here, and a gate of its own takes no other thread's time.
        const auto gate = std::make_shared<StageGate>(executor_, limits::kBatchWalksPerThread, 0);
        auto stages = doors.stages;
        for (auto& stage : stages) {
            stage.gate = gate;
        }
        for (std::size_t i = 0; i < limits::kBatchWalksPerThread; ++i) {
            lane.places.push_back(
                std::make_unique<Place>(RunContext{pipeline_, stages, grants_, executor_, doors.clock, watcher_},
                                        [this, &lane](Place& place) { on_free(lane, place); }));
        }
    }

    void begin(Lane& lane) {
        for (const auto& place : lane.places) {
            if (!start_next(*place)) {
                break;
            }
            ++lane.taken;
        }
        if (lane.taken == 0) {
            leave();
        }
    }

    void on_free(Lane& lane, Place& place) {
        if (!start_next(place) && --lane.taken == 0) {
            leave();
        }
    }

    /// False: no item is left.
    bool start_next(Place& place) {
        for (;;) {
            const auto index = next_.fetch_add(1, std::memory_order_relaxed);
            if (index >= items_.size()) {
                return false;
            }
            auto& walk = items_[index];
            walk.end = ItemWalk::End::failed;
            walk.request.reset();
            walk.result_json.clear();
            walk.error = {};
            walk.is_reply_refused = false;
            const auto stages = pipeline_->stages().size();
            if (walk.finished.size() <= stages) {
                place.start(walk);
                return true;
            }
            walk.error = fail(Errc::config_invalid,
                              "the pipeline has changed: " + std::to_string(walk.finished.size()) +
                                  " stages are done and it has " + std::to_string(stages));
        }
    }

    /// The last that a lane does: the walker may be gone when this returns.
    void leave() {
        const std::lock_guard lock(mutex_);
        if (--lanes_busy_ == 0) {
            is_over_.notify_one();
        }
    }

    const std::shared_ptr<const Pipeline> pipeline_;
    Executor& executor_;
    UsersGrants grants_;
    NoWatcher watcher_;
    std::vector<std::unique_ptr<Lane>> lanes_;
    std::span<ItemWalk> items_;
    std::atomic<std::size_t> next_ = 0;
    std::mutex mutex_;  // lanes_busy_
    std::condition_variable is_over_;
    std::size_t lanes_busy_ = 0;
};

ItemWalker::ItemWalker(std::shared_ptr<const Pipeline> pipeline, Doors doors)
    : impl_(std::make_unique<Impl>(std::move(pipeline), std::move(doors))) {}

ItemWalker::~ItemWalker() = default;

void ItemWalker::walk(std::vector<ItemWalk>& items) {
    impl_->walk(items);
}

}  // namespace eco2::batch
