#include "fake_provider/batch_routes.hpp"

#include "base/limits.hpp"
#include "fake_provider/file_body.hpp"
#include "fake_provider/openai_wire.hpp"
#include "fake_provider/raw_http.hpp"
#include "fake_provider/reply.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <utility>

namespace eco2::fake {
namespace {

namespace json = boost::json;

constexpr std::int64_t kSmallBytes = 256 * 1024;  // a file up to it is read at once
constexpr std::chrono::milliseconds kNever{limits::kFakeDelayMsMax};
constexpr std::chrono::milliseconds kTurn{50};  // of a thread of the blocking pool, before others have theirs
constexpr std::chrono::milliseconds kPoolFull{20};
constexpr std::chrono::microseconds kBeforeReset{10'000};  // so that the bytes before a RST are on the wire
constexpr std::int64_t kAdvanceSecondsMax = 10LL * 366 * 86'400;

Script whole(int status, Headers headers, std::string body) {
    Script out;
    out.status = status;
    out.headers = std::move(headers);
    out.parts.push_back({std::chrono::microseconds(0), std::move(body)});
    return out;
}

/// Nothing, or the beginning of something, and then the connection's end.
Script broken(std::string bytes, bool resets) {
    Script out;
    out.form = Script::Form::raw;
    out.is_broken = true;
    out.resets = resets;
    const bool waits = resets && !bytes.empty();
    out.parts.push_back({std::chrono::microseconds(0), std::move(bytes)});
    if (waits) {
        out.parts.push_back({kBeforeReset, {}});
    }
    return out;
}

Script half(Script script, std::int64_t bytes_sent, bool resets) {
    script = as_raw(std::move(script));
    std::string& bytes = script.parts.front().bytes;
    bytes.resize(bytes.find("\r\n\r\n") + 4 + static_cast<std::size_t>(bytes_sent));
    return broken(std::move(bytes), resets);
}

BatchAsk ask_of(const net::ServerRequest& request, std::string_view path) {
    return {request.method,
            path,
            request.query,
            request.body,
            nullptr,
            request.header("content-type"),
            request.header("range"),
            request.header("authorization"),
            request.header("api-key")};
}

/// Of an "advance" request; negative: it is not one.
std::int64_t seconds_of(std::string_view body) {
    json::error_code ec;
    const json::value root = json::parse(body, ec);
    const json::value* seconds = !ec && root.is_object() ? root.get_object().if_contains("seconds") : nullptr;
    const bool is_good = seconds != nullptr && root.get_object().size() == 1 && seconds->is_int64() &&
                         seconds->get_int64() <= kAdvanceSecondsMax;
    return is_good ? seconds->get_int64() : -1;
}

}  // namespace

BatchRoutes::BatchRoutes(std::shared_ptr<Control> control, Executor& executor)
    : control_(std::move(control)), executor_(executor), clock_(control_->clock()), api_(*control_, clock_) {}

void BatchRoutes::handle(std::shared_ptr<net::ServerExchange> exchange, std::string_view path) {
    const net::ServerRequest& request = exchange->request();
    if (!BatchApi::is_upload(request.method, path)) {
        BatchReply reply = api_.answer(ask_of(request, path));
        const bool is_news = request.method == "POST";
        send(std::move(reply), std::move(exchange));
        if (is_news) {
            kick();
        }
        return;
    }
    auto reply = std::make_shared<BatchReply>();  // shared by the two halves of one upload
    const bool is_taken = executor_.run_blocking(
        [self = shared_from_this(), exchange, reply](TaskFate fate) {
            if (fate == TaskFate::due) {
                net::ServerRequest& upload = exchange->request();
                *reply = self->api_.answer(ask_of(upload, "/files"));
                upload.body = {};
            }
        },
        [self = shared_from_this(), exchange, reply](TaskFate fate) {
            if (fate == TaskFate::due) {
                self->send(std::move(*reply), exchange);
            }
        });
    if (!is_taken) {
        play_script(
            whole(503, {{"content-type", "application/json"}, {"retry-after", "1"}}, openai_error_body(usual_fault(503))),
            std::move(exchange));
    }
}

void BatchRoutes::play_script(Script script, std::shared_ptr<net::ServerExchange> exchange) {
    auto open = std::make_shared<OpenRequest>(control_->ledger(), control_->clock());
    play(std::move(script), std::move(exchange), std::move(open), executor_);
}

void BatchRoutes::send(BatchReply reply, std::shared_ptr<net::ServerExchange> exchange) {
    const BatchFaultKind kind = reply.fault ? reply.fault->kind : BatchFaultKind::truncate;
    if (kind == BatchFaultKind::lost_reply || kind == BatchFaultKind::reset) {
        return play_script(broken({}, reply.fault->with_rst), std::move(exchange));
    }
    if (kind == BatchFaultKind::silence) {
        Script silent;
        silent.form = Script::Form::silence;
        return play_script(std::move(silent), std::move(exchange));
    }
    const bool is_cut = kind == BatchFaultKind::half_body;
    if (reply.file && reply.bytes() > kSmallBytes) {
        return is_cut ? send_cut(std::move(reply), *exchange) : send_file(std::move(reply), *exchange);
    }
    const std::int64_t bytes_sent = reply.bytes_sent();
    if (reply.file) {
        reply.body.resize(static_cast<std::size_t>(reply.bytes()));
        if (!reply.file->read(reply.range.begin, reply.body.data(), reply.body.size())) {
            return play_script(broken({}, false), std::move(exchange));
        }
    }
    Script script = whole(reply.status, std::move(reply.headers), std::move(reply.body));
    play_script(is_cut ? half(std::move(script), bytes_sent, reply.fault->with_rst) : std::move(script), std::move(exchange));
}

void BatchRoutes::send_file(BatchReply reply, net::ServerExchange& exchange) {
    auto body = std::make_unique<FileBody>(std::string(), std::move(reply.file), reply.range.begin, reply.range.end);
    exchange.stream({reply.status, std::move(reply.headers), {}, reply.range.end - reply.range.begin}, std::move(body), kNever);
}

void BatchRoutes::send_cut(BatchReply reply, net::ServerExchange& exchange) {
    std::string head =
        raw_head(reply.status, reply.headers, "content-length: " + std::to_string(reply.bytes()) + "\r\nconnection: close");
    const std::int64_t end = reply.range.begin + reply.bytes_sent();
    exchange.stream_raw(std::make_unique<FileBody>(std::move(head), std::move(reply.file), reply.range.begin, end),
                        reply.fault->with_rst);
}

void BatchRoutes::advance(std::shared_ptr<net::ServerExchange> exchange) {
    const std::int64_t seconds = seconds_of(exchange->request().body);
    const Headers headers{{"content-type", "application/json"}, {"x-eco2-fake", "1"}};
    if (seconds < 0) {
        const ApiFault fault{
            422,
            "\"seconds\" must be an integer from 0 to " + std::to_string(kAdvanceSecondsMax) + ", and the body {\"seconds\":N}",
            "invalid_request_error",
            "seconds",
            ""};
        return exchange->respond({422, headers, openai_error_body(fault)});
    }
    clock_.advance(std::chrono::seconds(seconds));
    const bool is_taken = executor_.run_blocking(
        [self = shared_from_this()](TaskFate fate) {
            while (fate == TaskFate::due && !self->is_stopped_ && self->api_.desk().step().has_worked) {
            }
        },
        [self = shared_from_this(), exchange, headers](TaskFate fate) {
            if (fate == TaskFate::due) {
                exchange->respond({200, headers, "{\"now\":" + std::to_string(self->clock_.wall_ns() / 1'000'000'000) + "}"});
                self->kick();
            }
        });
    if (!is_taken) {
        exchange->respond({503, headers, openai_error_body(usual_fault(503))});
    }
}

void BatchRoutes::stop() {
    is_stopped_ = true;
    std::unique_ptr<Timer> timer;
    const std::lock_guard lock(mutex_);
    timer = std::move(timer_);
}

void BatchRoutes::kick() {
    {
        const std::lock_guard lock(mutex_);
        is_kicked_ = std::exchange(is_working_, true);
        if (is_kicked_) {
            return;
        }
    }
    work();
}

void BatchRoutes::work() {
    auto last = std::make_shared<BatchDesk::Step>();  // shared by the two halves of one turn
    const bool is_taken = executor_.run_blocking(
        [self = shared_from_this(), last](TaskFate fate) {
            const auto end = std::chrono::steady_clock::now() + kTurn;
            do {
                *last = fate == TaskFate::due && !self->is_stopped_ ? self->api_.desk().step() : BatchDesk::Step{};
            } while (last->has_worked && std::chrono::steady_clock::now() < end);
        },
        [self = shared_from_this(), last](TaskFate fate) {
            if (fate != TaskFate::due || self->is_stopped_) {
                return;
            }
            bool goes_on = false;
            {
                const std::lock_guard lock(self->mutex_);
                goes_on = std::exchange(self->is_kicked_, false) || last->has_worked;
                self->is_working_ = goes_on;
            }
            if (goes_on) {
                return self->work();
            }
            if (last->due) {
                self->work_later(
                    std::max<std::chrono::nanoseconds>(*last->due - self->clock_.now(), std::chrono::milliseconds(1)));
            }
        });
    if (!is_taken) {
        {
            const std::lock_guard lock(mutex_);
            is_working_ = false;
        }
        work_later(kPoolFull);
    }
}

void BatchRoutes::work_later(std::chrono::nanoseconds delay) {
    std::unique_ptr<Timer> timer = executor_.post_after(delay, [weak = weak_from_this()](TaskFate fate) {
        const auto self = weak.lock();
        if (fate == TaskFate::due && self && !self->is_stopped_) {
            self->kick();
        }
    });
    const std::lock_guard lock(mutex_);
    std::swap(timer_, timer);
}

}  // namespace eco2::fake
