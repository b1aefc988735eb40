#pragma once

#include "app/front_feed.hpp"
#include "app/front_limits.hpp"
#include "base/clock.hpp"
#include "base/executor.hpp"
#include "model/calls.hpp"
#include "protocol/chat_collector.hpp"
#include "protocol/chat_error.hpp"
#include "protocol/chat_stream_writer.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace eco2::app {

/// One chat request's answer: the observer of its call, and what its feed's readers see.
///
/// The machine: waiting -> streaming or collecting -> over. Nothing leaves before the first content or the failure is known,
/// so that a failure has its own status; only a streamed request that has waited for limits::kChatSilenceMax is opened with a
/// comment, and its failure is then told in the stream.
///
/// Thread-safety: the I/O thread that made it; the feed is for others too.
/// Lifetime:      shared by its readers; when the last of them leaves, the call is dropped at once.
class FrontAnswer final : public CallObserver, public std::enable_shared_from_this<FrontAnswer> {
public:
    struct Options {
        ChatIdentity identity;
        bool is_streamed = false;
        bool wants_usage = false;
        bool is_kept = false;  // for readers that join later
        FrontLimits::Ticket ticket;
        std::shared_ptr<const void> money;  // of MoneyHolds, until it is booked
    };
    /// What starts the call.
    using Start = std::function<StartedCall(CallObserver&)>;

    static std::shared_ptr<FrontAnswer> make(Executor& executor, Options options);
    ~FrontAnswer() override;

    /// Once. A call that cannot be started is told as any other failure.
    void start(const Start& start);
    FrontFeed& feed() noexcept { return *feed_; }
    /// A reader has fetched what was waiting. Any thread.
    void on_read();
    /// Runs once, on the answer's thread, when nobody can join any more.
    void set_on_over(std::function<void()> callback) { on_over_ = std::move(callback); }

    Flow on_text(std::string_view text) override;
    Flow on_chat(std::string_view text, std::string_view json, bool has_more) override;
    Flow on_tool(std::string_view json) override;
    void on_restart() override;
    void on_route(const RouteNote& note) override;
    void on_usage(const Usage& usage) override;
    void on_meta(const CallMeta& meta) override;
    void on_result(std::string_view json, std::string_view meta) override;
    void on_done(FinishReason finish, const CallError* error) override;

private:
    FrontAnswer(Executor& executor, Options options);

    template <class Append>
    Flow stream(Append&& append);
    Flow collected(const Result<void>& added);
    void open();
    void open_silent();
    void fail_with(const ChatError& error);
    void finish_whole(FinishReason finish);
    void settle(bool has_failed);
    void end_call(bool is_calling);
    void on_empty();
    void add_route_headers(net::ServerResponse& response) const;

    Executor& executor_;
    Options options_;
    const int thread_;
    const std::shared_ptr<FrontFeed> feed_;
    ChatStreamWriter writer_;
    ChatCollector collector_;
    std::unique_ptr<Call> call_;
    std::unique_ptr<Timer> silence_;
    std::function<void()> on_over_;
    Usage usage_;
    std::string result_;
    struct Route {
        std::string provider;
        std::string model;
        std::string trail;
        int attempts = 0;
    } route_;
    bool has_content_ = false;
    std::atomic<bool> is_paused_ = false;  // readers clear it
    bool is_telling_ = false;
    bool is_done_ = false;
    bool is_over_ = false;
};

/// The reply to a request that failed before its answer began, with all that tells an SDK whether to come again.
net::ServerResponse chat_error_response(const ChatError& error);

}  // namespace eco2::app
