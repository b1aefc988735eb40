#include "fake_provider/reply.hpp"

#include "base/limits.hpp"

#include <algorithm>
#include <utility>

namespace eco2::fake {
namespace {

constexpr std::chrono::milliseconds kNever{limits::kFakeDelayMsMax};

/// The parts of a script as a body that a session pulls, each not before it is due.
class PacedBody final : public net::BodySource {
public:
    PacedBody(Script script, std::shared_ptr<OpenRequest> request, Executor& executor)
        : script_(std::move(script)), request_(std::move(request)), executor_(executor) {}

    ~PacedBody() override { *is_alive_ = false; }

    void set_waker(net::Waker* waker) override { waker_ = waker; }

    Pull pull(std::string& out) override {
        const std::chrono::nanoseconds now = request_->age();
        std::int64_t tokens = 0;
        while (next_ < script_.parts.size() && script_.parts[next_].at <= now) {
            out += script_.parts[next_].bytes;
            if (script_.parts[next_].tells_usage) {
                request_->told_usage();
            }
            tokens += script_.parts[next_].tokens;
            script_.parts[next_++].bytes = {};
        }
        if (tokens > 0) {
            request_->bill(0, tokens);
        }
        if (next_ < script_.parts.size()) {
            wake_after(script_.parts[next_].at - now);
            return Pull::more_later;
        }
        if (script_.hangs) {
            return Pull::more_later;
        }
        request_->end(script_.is_broken ? Ledger::Outcome::broken : Ledger::Outcome::completed);
        return Pull::ended;
    }

    void on_quiet(std::string&) override {}
    void on_client_gone() noexcept override { request_->end(Ledger::Outcome::cancelled); }

private:
    void wake_after(std::chrono::nanoseconds delay) {
        timer_ = executor_.post_after(delay, [this, is_alive = is_alive_](TaskFate fate) {
            if (fate == TaskFate::due && *is_alive && waker_ != nullptr) {
                waker_->wake();
            }
        });
    }

    Script script_;
    std::shared_ptr<OpenRequest> request_;
    Executor& executor_;
    net::Waker* waker_ = nullptr;
    std::size_t next_ = 0;
    std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);  // shared with timer tasks, which may come after us
    std::unique_ptr<Timer> timer_;
};

/// Waits for the first byte's time, then replies. Owned by its timer's task, so that a host that stops lets go of it.
class Waiting : public std::enable_shared_from_this<Waiting> {
public:
    Waiting(Script script,
            std::shared_ptr<net::ServerExchange> exchange,
            std::shared_ptr<OpenRequest> request,
            Executor& executor)
        : script_(std::move(script)), exchange_(std::move(exchange)), request_(std::move(request)), executor_(executor) {}

    void start() {
        const std::chrono::nanoseconds due =
            script_.form == Script::Form::silence ? kNever : std::chrono::nanoseconds(script_.parts.front().at);
        request_->begin(std::move(script_.entry));
        request_->bill(script_.prompt_tokens, 0);
        const std::chrono::nanoseconds delay = due - request_->age();
        if (delay <= std::chrono::nanoseconds(0)) {
            reply();
            return;
        }
        exchange_->on_client_gone([weak = weak_from_this()] {
            if (const auto self = weak.lock()) {
                self->give_up();
            }
        });
        timer_ = executor_.post_after(delay, [self = shared_from_this()](TaskFate fate) {
            if (fate == TaskFate::due) {
                self->reply();
            }
        });
    }

private:
    void reply() {
        if (has_ended_) {
            return;
        }
        has_ended_ = true;
        net::ServerResponse response{script_.status, std::move(script_.headers), {}};
        switch (script_.form) {
            case Script::Form::silence: request_->end(Ledger::Outcome::broken); break;
            case Script::Form::whole:
                response.body = std::move(script_.parts.front().bytes);
                request_->bill(0, script_.parts.front().tokens);
                if (script_.parts.front().tells_usage) {
                    request_->told_usage();
                }
                request_->end(Ledger::Outcome::completed);
                exchange_->respond(std::move(response));
                break;
            case Script::Form::stream:
                exchange_->stream(
                    std::move(response), std::make_unique<PacedBody>(std::move(script_), request_, executor_), kNever);
                break;
            case Script::Form::raw: {
                const bool resets = script_.resets;
                exchange_->stream_raw(std::make_unique<PacedBody>(std::move(script_), request_, executor_), resets);
                break;
            }
        }
        exchange_.reset();
    }

    void give_up() {
        if (has_ended_) {
            return;
        }
        has_ended_ = true;
        if (script_.form == Script::Form::whole) {
            bill_for_the_time();
        }
        request_->end(Ledger::Outcome::cancelled);
        timer_.reset();
    }

    /// A model that was stopped half-way has written, and bills, half of its answer.
    void bill_for_the_time() {
        const Part& part = script_.parts.front();
        const double share = std::chrono::duration<double>(request_->age()) / std::chrono::duration<double>(part.at);
        request_->bill(0, static_cast<std::int64_t>(static_cast<double>(part.tokens) * std::clamp(share, 0.0, 1.0)));
    }

    Script script_;
    std::shared_ptr<net::ServerExchange> exchange_;
    std::shared_ptr<OpenRequest> request_;
    Executor& executor_;
    std::unique_ptr<Timer> timer_;
    bool has_ended_ = false;
};

}  // namespace

void play(Script script,
          std::shared_ptr<net::ServerExchange> exchange,
          std::shared_ptr<OpenRequest> request,
          Executor& executor) {
    std::make_shared<Waiting>(std::move(script), std::move(exchange), std::move(request), executor)->start();
}

}  // namespace eco2::fake
