#include "routing/target_board.hpp"

#include "routing/board_state.hpp"

#include <mutex>
#include <utility>

namespace eco2::routing {

/// The lock around BoardState. Passes and places come back through it.
class TargetBoard::Impl {
public:
    Impl(const RoutingDefinition& definition, const Clock& clock, std::uint64_t seed)
        : clock_(clock), state_(definition, clock.now(), seed) {}

    /// Time is read under the lock, so that it never goes back for the state.
    template <class Work>
    auto locked(Work work) {
        const std::lock_guard lock(mutex_);
        return work(state_, clock_.now());
    }

    void inherit(Impl& old) {
        if (&old != this) {
            const std::scoped_lock both(mutex_, old.mutex_);
            state_.inherit(old.state_);
        }
    }

private:
    const Clock& clock_;
    std::mutex mutex_;
    BoardState state_;  // guarded by mutex_
};

namespace {

template <class Board>
class LockedPlace final : public TargetBoard::Place {
public:
    LockedPlace(Board& board, std::string_view caller) : board_(board) { entry.caller = caller; }
    LockedPlace(const LockedPlace&) = delete;
    LockedPlace& operator=(const LockedPlace&) = delete;
    ~LockedPlace() override {
        board_.locked([this](BoardState& state, Clock::Monotonic) { state.leave(target, entry); });
    }

    Target* target = nullptr;
    mutable FairQueue::Entry entry;  // of the board, guarded by its lock

private:
    Board& board_;
};

template <class Board>
class LockedPass final : public TargetBoard::Pass {
public:
    LockedPass(Board& board, const Leave& leave) : board_(board), leave_(leave) {}
    LockedPass(const LockedPass&) = delete;
    LockedPass& operator=(const LockedPass&) = delete;
    ~LockedPass() override {
        if (!is_settled_) {
            LockedPass::settle({Outcome::Kind::cancelled, nullptr, false, 0, std::chrono::nanoseconds(-1)});
        }
    }

    std::uint32_t key() const noexcept override { return leave_.key().place; }
    const std::string& key_id() const noexcept override { return leave_.key().id; }
    const std::string& account() const noexcept override { return leave_.key().account->id; }
    bool is_probe() const noexcept override { return leave_.is_breaker_probe || leave_.is_key_probe; }

    void note_limits(const RateLimits& limits) override {
        board_.locked([&](BoardState& state, Clock::Monotonic now) {
            if (!is_settled_) {
                state.note_limits(leave_, limits, now);
            }
        });
    }

    void settle(const Outcome& outcome) override {
        board_.locked([&](BoardState& state, Clock::Monotonic now) {
            if (!std::exchange(is_settled_, true)) {
                state.settle(leave_, outcome, now);
            }
        });
    }

private:
    Board& board_;
    const Leave leave_;
    bool is_settled_ = false;
};

}  // namespace

TargetBoard::TargetBoard(const RoutingDefinition& definition, const Clock& clock, std::uint64_t seed)
    : impl_(std::make_unique<Impl>(definition, clock, seed)) {}

TargetBoard::~TargetBoard() = default;

void TargetBoard::inherit(const TargetBoard& old) {
    impl_->inherit(*old.impl_);
}

std::unique_ptr<TargetBoard::Place> TargetBoard::queue(std::string_view provider,
                                                       std::string_view model,
                                                       std::string_view caller,
                                                       std::int64_t queue_max) {
    auto place = std::make_unique<LockedPlace<Impl>>(*impl_, caller);
    place->target = impl_->locked(
        [&](BoardState& state, Clock::Monotonic) { return state.join(provider, model, queue_max, place->entry); });
    return place->target != nullptr ? std::move(place) : nullptr;
}

TargetBoard::Answer TargetBoard::ask(const Want& want) {
    const auto* place = static_cast<const LockedPlace<Impl>*>(want.place);
    auto answer = impl_->locked([&](BoardState& state, Clock::Monotonic now) {
        return place != nullptr ? state.ask(want, place->target, &place->entry, now) : state.ask(want, nullptr, nullptr, now);
    });
    if (const auto* leave = std::get_if<Leave>(&answer)) {
        return std::make_unique<LockedPass<Impl>>(*impl_, *leave);
    }
    return std::get<Denial>(answer);
}

bool TargetBoard::take_retry() {
    return impl_->locked([](BoardState& state, Clock::Monotonic now) { return state.take_retry(now); });
}

TargetBoard::Health TargetBoard::health(std::string_view provider, std::string_view model) const {
    return impl_->locked([&](const BoardState& state, Clock::Monotonic now) { return state.health(provider, model, now); });
}

std::vector<TargetBoard::KeyStatus> TargetBoard::status() const {
    return impl_->locked([](const BoardState& state, Clock::Monotonic now) { return state.status(now); });
}

}  // namespace eco2::routing
