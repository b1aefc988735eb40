#pragma once

#include "base/executor.hpp"
#include "model/calls.hpp"
#include "routing/accounting.hpp"
#include "routing/answer_relay.hpp"
#include "routing/route_machine.hpp"
#include "routing/routes.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::routing {

/// A route with the doors behind its targets. Immutable.
struct WiredRoute {
    RouteDefinition definition;
    std::vector<ProviderDoor*> providers;  // by target
    RouterDoor* router = nullptr;          // null: the targets' own order
    TargetBoard& board;
    const PriceBook& prices;
    const RouteDoors& doors;
};

/// One request on its way over a route: makes the attempts that the machine decides, watches their clocks, passes on what the
/// relay lets through, and books each attempt.
///
/// Thread-safety: the I/O thread that started it.
/// Lifetime:      shared with its own timers; the asker's handle cancels it.
class RoutedCall final : public CallObserver, public std::enable_shared_from_this<RoutedCall> {
public:
    RoutedCall(std::shared_ptr<const WiredRoute> route, std::shared_ptr<const GenerateRequest> request, CallObserver& observer);

    /// As ProviderDoor::generate, but every failure is told by on_done.
    static StartedCall start(std::shared_ptr<const WiredRoute> route,
                             std::shared_ptr<const GenerateRequest> request,
                             CallObserver& observer);

    // the asker's handle
    void resume();
    void cancel();
    void abandon();

private:
    // of the attempt under way
    Flow on_text(std::string_view text) override;
    Flow on_chat(std::string_view text, std::string_view json, bool has_more) override;
    Flow on_tool(std::string_view json) override;
    void on_usage(const Usage& usage) override { usage_ = usage; }
    void on_meta(const CallMeta& meta) override;
    void on_result(std::string_view, std::string_view) override {}
    void on_done(FinishReason finish, const CallError* error) override;

    RequestFacts facts() const;
    std::optional<CallError> advance();
    void go_on();
    bool begin_attempt(RouteMachine::Step step);
    std::shared_ptr<const GenerateRequest> request_for(std::size_t target, std::uint32_t key) const;
    void arm_timer(Clock::Monotonic at);
    void on_timer();

    enum class PieceKind { text, chat, tool };
    Flow pass_on(AnswerRelay::Take take, PieceKind kind, std::string_view text, std::string_view json, bool has_more);
    Flow tell(PieceKind kind, std::string_view text, std::string_view json, bool has_more);
    void tell_route();
    void tell_meta();
    Flow tell_kept();
    void note_content(std::string_view text);
    AnswerRelay& relay();
    bool has_left() const noexcept { return relay_ != nullptr && relay_->has_left(); }

    void attempt_failed(const CallError& error, TimeOut time_out);
    void attempt_answered(FinishReason finish);
    void diverged();
    std::int64_t book(std::string_view outcome,
                      TargetBoard::Pass::Outcome::Kind kind,
                      const CallError* error,
                      TimeOut time_out);
    void finish(FinishReason finish_reason, const CallError* error);
    bool holds_answer() const noexcept { return !request_->is_streamed; }
    Clock::Monotonic now() const noexcept { return route_->doors.clock.now(); }
    const RouteTarget& target() const { return route_->definition.targets[target_]; }

    const std::shared_ptr<const WiredRoute> route_;
    const std::shared_ptr<const void> pin_;
    const std::shared_ptr<const GenerateRequest> request_;
    CallObserver* observer_;  // null: gone, or told the end
    const Clock::Monotonic started_;
    const std::int64_t prompt_tokens_;
    RouteMachine machine_;
    std::unique_ptr<AnswerRelay> relay_;  // from the first piece on: most open calls wait for theirs

    // the attempt under way
    std::size_t target_ = 0;
    std::unique_ptr<TargetBoard::Pass> pass_;
    std::unique_ptr<Call> call_;
    RouteMachine::Progress progress_;
    Usage usage_;
    std::string model_;       // that answers
    std::string request_id_;  // the upstream's
    int http_status_ = 0;
    std::int64_t output_tokens_ = 0;  // estimated from what came
    Clock::Monotonic first_content_at_{};

    std::unique_ptr<Timer> timer_;
    Clock::Monotonic timer_due_{};
    Clock::Monotonic wait_until_{};
    bool is_waiting_ = false;
    bool is_paused_ = false;
    bool has_told_route_ = false;
    bool is_over_ = false;
};

}  // namespace eco2::routing
