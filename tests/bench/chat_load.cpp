#include "bench/chat_load.hpp"

#include <algorithm>

namespace eco2::bench {
namespace {

constexpr std::size_t kFaultsMax = 10;
constexpr std::size_t kErrorNamesMax = 50;
constexpr std::chrono::milliseconds kPauseAfterError{100};  // where a host refuses at once, it keeps the loop from spinning

double ms_between(ChatLoad::Clock::time_point from, ChatLoad::Clock::time_point to) {
    return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace

class ChatLoad::OneCall final : private HttpObserver {
public:
    OneCall(ChatLoad& load, std::uint64_t id, std::size_t of_lane, const ChatPlan::Kind& kind, Clock::time_point due_at)
        : lane(of_lane), due(due_at), check(kind.expected), load_(load), id_(id) {}

    /// False: it could not be started.
    bool start(HttpRequest request) {
        Result<std::unique_ptr<HttpCall>> started = load_.client_.start(std::move(request), *this);
        if (!started) {
            fault = started.error().text();
            return false;
        }
        call_ = std::move(*started);
        return true;
    }

    const std::size_t lane;
    const Clock::time_point due;
    ChatCheck check;
    std::string fault;  // of the exchange; empty: none

private:
    void on_head(int status, const std::vector<HttpHeader>&) override { check.on_head(status); }
    Flow on_body(std::string_view chunk) override {
        check.feed(chunk, Clock::now());
        return Flow::go_on;
    }
    void on_done(const Error* error) override {
        ChatOutcome outcome = check.end(error == nullptr);
        if (error != nullptr && outcome != ChatOutcome::clean_error) {
            fault = error->text();
            outcome = error->code == Errc::provider_timeout ? ChatOutcome::late : outcome;
        }
        load_.on_end(id_, outcome);
    }

    ChatLoad& load_;
    const std::uint64_t id_;
    std::unique_ptr<HttpCall> call_;
};

ChatLoad::ChatLoad(const ChatPlan& plan, HttpClientDoor& client, Executor& executor)
    : plan_(plan),
      client_(client),
      executor_(executor),
      next_calls_(static_cast<std::size_t>(plan.rate > 0 ? 1 : plan.connections)) {}

ChatLoad::~ChatLoad() = default;

void ChatLoad::start() {
    begin_ = Clock::now();
    window_start_ = begin_ + plan_.warm_up;
    window_end_ = window_start_ + plan_.window;
    if (plan_.rate > 0) {
        return start_due();
    }
    for (std::size_t lane = 0; lane < next_calls_.size(); ++lane) {
        start_one(Clock::now(), lane);
    }
}

void ChatLoad::start_due() {
    const auto due_at = [this](std::uint64_t n) {
        return begin_ + std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 * static_cast<double>(n) / plan_.rate));
    };
    for (; due_at(due_) <= Clock::now() && due_at(due_) < window_end_; ++due_) {
        if (calls_.size() < static_cast<std::size_t>(plan_.connections)) {
            start_one(due_at(due_), 0);
        } else {
            ++tally_.not_started;
        }
    }
    const bool has_more = due_at(due_) < window_end_;
    const Clock::duration delay = (has_more ? due_at(due_) : window_end_) - Clock::now();
    next_calls_.front() = executor_.post_after(std::max(delay, Clock::duration::zero()), [this, has_more](TaskFate fate) {
        if (fate == TaskFate::due) {
            has_more ? start_due() : end_if_idle();
        }
    });
}

void ChatLoad::start_one(Clock::time_point due, std::size_t lane) {
    const std::uint64_t id = next_id_++;
    const ChatPlan::Kind& kind = plan_.kinds[id % plan_.kinds.size()];
    HttpRequest request;
    request.url = plan_.url;
    request.headers = plan_.headers;
    request.body = kind.body;
    request.deadline = Clock::now() + plan_.limit;
    ++tally_.started;
    const auto call = calls_.emplace(id, std::make_unique<OneCall>(*this, id, lane, kind, due)).first;
    if (!call->second->start(std::move(request))) {
        on_end(id, ChatOutcome::broken);
    }
}

void ChatLoad::on_end(std::uint64_t id, ChatOutcome outcome) {
    const auto found = calls_.find(id);
    const std::size_t lane = found->second->lane;
    record(*found->second, outcome);
    calls_.erase(found);
    if (plan_.rate > 0 || Clock::now() >= window_end_) {
        return end_if_idle();
    }
    // Not from inside: the client is still busy with the call that has ended.
    const auto pause = outcome == ChatOutcome::good ? std::chrono::milliseconds(0) : kPauseAfterError;
    next_calls_[lane] = executor_.post_after(pause, [this, lane](TaskFate fate) {
        if (fate == TaskFate::due) {
            Clock::now() < window_end_ ? start_one(Clock::now(), lane) : end_if_idle();
        }
    });
}

void ChatLoad::record(const OneCall& call, ChatOutcome outcome) {
    const Clock::time_point now = Clock::now();
    ++tally_.outcomes.at(static_cast<std::size_t>(outcome));
    if (outcome == ChatOutcome::clean_error) {
        if (tally_.clean_errors.size() < kErrorNamesMax || tally_.clean_errors.count(call.check.fault()) != 0) {
            ++tally_.clean_errors[call.check.fault()];
        }
        return;
    }
    if (outcome != ChatOutcome::good) {
        if (tally_.faults.size() < kFaultsMax) {
            tally_.faults.push_back(call.fault.empty() ? call.check.fault() : call.fault + "; " + call.check.fault());
        }
        return;
    }
    tally_.ended_in_window += now >= window_start_ && now <= window_end_ ? 1 : 0;
    if (call.due >= window_start_) {
        tally_.first_content_ms.add(ms_between(call.due, call.check.first_content_at().value_or(now)));
        tally_.total_ms.add(ms_between(call.due, now));
        tally_.gaps_ms.add(call.check.gaps_ms());
    }
}

void ChatLoad::end_if_idle() {
    if (calls_.empty() && Clock::now() >= window_end_) {
        is_over_ = true;
    }
}

}  // namespace eco2::bench
