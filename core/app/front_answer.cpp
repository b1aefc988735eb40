#include "app/front_answer.hpp"

#include "app/run_stream.hpp"
#include "base/limits.hpp"

#include <algorithm>
#include <utility>

namespace eco2::app {
namespace {

constexpr std::string_view kWaiting = ": waiting\n\n";

/// Fit for a header: what is not printable ASCII becomes '?'.
std::string header_text(std::string_view text, std::size_t bytes_max) {
    std::string out(text.substr(0, bytes_max));
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return out;
}

void take(std::int64_t& into, std::int64_t told) {
    into = told >= 0 ? told : into;
}

}  // namespace

net::ServerResponse chat_error_response(const ChatError& error) {
    net::ServerResponse response;
    response.status = error.status;
    response.headers = {{"content-type", "application/json"}};
    response.body = chat_error_json(error);
    if (error.status == 401) {
        response.headers.emplace_back("www-authenticate", "Bearer");
    }
    if (error.retry_after_ms >= 0) {
        response.headers.emplace_back("retry-after", std::to_string((error.retry_after_ms + 999) / 1000));
        response.headers.emplace_back("retry-after-ms", std::to_string(error.retry_after_ms));
    } else {
        // Whatever could help has been tried here: an SDK that repeats would only multiply it.
        response.headers.emplace_back("x-should-retry", "false");
    }
    return response;
}

std::shared_ptr<FrontAnswer> FrontAnswer::make(Executor& executor, Options options) {
    std::shared_ptr<FrontAnswer> made(new FrontAnswer(executor, std::move(options)));
    // Whoever leaves last may be on another thread; the call belongs to this one.
    made->feed_->set_on_empty([weak = made->weak_from_this(), &executor, thread = made->thread_] {
        auto self = weak.lock();
        if (self == nullptr) {
            return;
        }
        if (executor.current_thread() == thread) {
            self->on_empty();
        } else {
            executor.post_to(thread, [self = std::move(self)](TaskFate) { self->on_empty(); });
        }
    });
    return made;
}

FrontAnswer::FrontAnswer(Executor& executor, Options options)
    : executor_(executor),
      options_(std::move(options)),
      thread_(executor.current_thread()),
      feed_(std::make_shared<FrontFeed>(executor, options_.is_kept)),
      writer_(options_.identity, options_.wants_usage) {}

FrontAnswer::~FrontAnswer() = default;

void FrontAnswer::start(const Start& start) {
    if (options_.is_streamed) {
        silence_ = executor_.post_after(limits::kChatSilenceMax, [weak = weak_from_this()](TaskFate fate) {
            if (const auto self = weak.lock(); self != nullptr && fate == TaskFate::due) {
                self->open_silent();
            }
        });
    }
    auto started = start(*this);
    if (started) {
        call_ = std::move(*started);
    } else {
        settle(true);
        fail_with(chat_error(started.error()));
    }
}

/// Proxies on the way close what is silent for too long.
void FrontAnswer::open_silent() {
    if (!is_over_ && !feed_->is_open()) {
        open();
        (void)feed_->write([](std::string& out) { out += kWaiting; });
    }
}

void FrontAnswer::open() {
    auto head = event_stream_head();
    add_route_headers(head);
    feed_->open(std::move(head));
}

template <class Append>
CallObserver::Flow FrontAnswer::stream(Append&& append) {
    if (is_over_) {
        return Flow::go_on;
    }
    const auto self = shared_from_this();  // a reader may leave from inside
    if (!std::exchange(has_content_, true)) {
        silence_.reset();
        if (!feed_->is_open()) {
            open();
        }
    }
    is_telling_ = true;
    const auto waiting = feed_->write(append);
    is_telling_ = false;
    if (options_.is_kept && feed_->bytes() > limits::kUpstreamBodyBytesMax) {
        fail_with(chat_error(fail(Errc::limit_exceeded, "the answer is longer than one that several requests share may be")));
    }
    if (waiting <= limits::kChatPendingBytesMax || is_over_) {
        return Flow::go_on;
    }
    is_paused_ = true;
    // A reader on another thread may have read it all in between, and would never come again.
    const bool is_read = feed_->unread() == 0;
    return is_read && is_paused_.exchange(false) ? Flow::go_on : Flow::pause;
}

void FrontAnswer::on_read() {
    if (!is_paused_.load(std::memory_order_relaxed) || !is_paused_.exchange(false)) {
        return;
    }
    // Not from here: what resumes may tell at once, and its reader is in the middle of reading; it may be on another thread
    // too.
    executor_.post_to(thread_, [weak = weak_from_this()](TaskFate fate) {
        const auto self = weak.lock();
        if (self != nullptr && fate == TaskFate::due && self->call_ != nullptr) {
            self->call_->resume();
        }
    });
}

CallObserver::Flow FrontAnswer::collected(const Result<void>& added) {
    has_content_ = true;
    if (is_over_) {
        return Flow::go_on;
    }
    if (!added) {
        fail_with(chat_error(added.error()));
    } else if (collector_.bytes() > limits::kUpstreamBodyBytesMax) {
        fail_with(chat_error(fail(Errc::provider_bad_answer, "the answer is too long")));
    }
    return Flow::go_on;
}

CallObserver::Flow FrontAnswer::on_text(std::string_view text) {
    if (options_.is_streamed) {
        return stream([&](std::string& out) { writer_.text(out, text); });
    }
    collector_.text(text);
    return collected({});
}

CallObserver::Flow FrontAnswer::on_chat(std::string_view, std::string_view json, bool) {
    if (options_.is_streamed) {
        return stream([&](std::string& out) { writer_.chat(out, json); });
    }
    return collected(collector_.chat(json));
}

CallObserver::Flow FrontAnswer::on_tool(std::string_view json) {
    if (options_.is_streamed) {
        return stream([&](std::string& out) { writer_.tool(out, json); });
    }
    return collected(collector_.tool(json));
}

void FrontAnswer::on_restart() {
    collector_.restart();
    if (options_.is_streamed && has_content_) {
        (void)stream([&](std::string& out) { writer_.restart(out); });
    }
}

void FrontAnswer::on_route(const RouteNote& note) {
    route_.provider = note.provider;
    route_.model = note.model;
    route_.trail = note.trail;
    route_.attempts = note.attempts;
    if (!note.model.empty()) {
        options_.identity.model = note.model;
        writer_.set_model(note.model);
    }
}

void FrontAnswer::on_usage(const Usage& usage) {
    take(usage_.input_tokens, usage.input_tokens);
    take(usage_.output_tokens, usage.output_tokens);
    take(usage_.cached_input_tokens, usage.cached_input_tokens);
    take(usage_.reasoning_tokens, usage.reasoning_tokens);
}

void FrontAnswer::on_meta(const CallMeta& meta) {
    if (!meta.model.empty()) {
        options_.identity.model = meta.model;
        writer_.set_model(meta.model);
    }
}

void FrontAnswer::on_result(std::string_view json, std::string_view) {
    result_ = json;
}

void FrontAnswer::on_done(FinishReason finish, const CallError* error) {
    const auto self = shared_from_this();
    is_done_ = true;
    if (is_over_) {
        return;
    }
    settle(error != nullptr);
    if (error != nullptr) {
        return fail_with(chat_error(*error));
    }
    if (!options_.is_streamed) {
        return finish_whole(finish);
    }
    (void)stream([&](std::string& out) { writer_.end(out, finish, usage_, result_); });
    if (!is_over_) {
        end_call(false);
        feed_->end();
    }
}

void FrontAnswer::finish_whole(FinishReason finish) {
    net::ServerResponse response;
    response.headers = {{"content-type", "application/json"}};
    response.body = collector_.finish(options_.identity, finish, usage_, result_);
    add_route_headers(response);
    end_call(false);
    feed_->reply(std::move(response));
}

/// With its own status while nothing has left, in the stream afterwards.
void FrontAnswer::fail_with(const ChatError& error) {
    if (is_over_) {
        return;
    }
    const auto self = shared_from_this();
    end_call(!is_done_);
    if (feed_->is_open()) {
        (void)feed_->write([&](std::string& out) { ChatStreamWriter::fail(out, error); });
        feed_->end();
        return;
    }
    auto response = chat_error_response(error);
    add_route_headers(response);
    feed_->reply(std::move(response));
}

/// A failure without a word of usage has most likely cost nothing.
void FrontAnswer::settle(bool has_failed) {
    if (is_told(usage_)) {
        options_.ticket.settle(std::max<std::int64_t>(usage_.input_tokens, 0) +
                               std::max<std::int64_t>(usage_.output_tokens, 0));
    } else if (has_failed && !has_content_) {
        options_.ticket.settle(0);
    }
}

/// `is_calling`: the call is what is telling at this moment and not at its end: it goes when it has returned.
void FrontAnswer::end_call(bool is_calling) {
    if (std::exchange(is_over_, true)) {
        return;
    }
    silence_.reset();
    auto money = std::move(options_.money);  // held until the call, and what it has cost, are booked
    if (is_calling && call_ != nullptr) {
        executor_.post([self = shared_from_this(), money = std::move(money), call = std::shared_ptr<Call>(std::move(call_))](
                           TaskFate) mutable { call.reset(); });
    }
    call_.reset();
    if (on_over_) {
        std::exchange(on_over_, nullptr)();
    }
}

/// Everybody has gone: the upstream's connection goes with the call, now.
void FrontAnswer::on_empty() {
    end_call(is_telling_);
}

void FrontAnswer::add_route_headers(net::ServerResponse& response) const {
    if (route_.attempts == 0 && route_.provider.empty()) {
        return;
    }
    constexpr std::size_t kNameBytesMax = 200;
    response.headers.emplace_back("x-eco2-provider", header_text(route_.provider, kNameBytesMax));
    response.headers.emplace_back("x-eco2-model", header_text(options_.identity.model, kNameBytesMax));
    response.headers.emplace_back("x-eco2-attempts", std::to_string(route_.attempts));
    if (!route_.trail.empty()) {
        response.headers.emplace_back("x-eco2-trail", header_text(route_.trail, limits::kChatTrailBytesMax));
    }
}

}  // namespace eco2::app
