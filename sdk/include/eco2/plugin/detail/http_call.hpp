#pragma once

#include "eco2/abi/services.h"
#include "eco2/plugin/detail/sink.hpp"
#include "eco2/plugin/detail/sync_call.hpp"
#include "eco2/plugin/http_dialect.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace eco2::plugin {
inline namespace draft_2 {
namespace detail {

inline constexpr std::int64_t kEndGraceNs = 1'000'000'000;           // for what may follow an answer's end: usage, the HTTP end
inline constexpr std::uint64_t kStreamBytesMax = 256 * 1024 * 1024;  // passes through: a million tokens, each in an event
inline constexpr std::size_t kErrorBodyBytesMax = 64 * 1024;         // more than any provider's error; HTML pages are cut

/// One exchange of an HttpDialect behind the call shape.
///
/// Three parties hold it: the starting function, the host until release, and the exchange until its on_done is over; a fourth
/// while an answer that has ended waits for the exchange's end. The host's HTTP call is released with the last of them, so
/// cancel and resume may come at any time before the host's release. The exchange's callbacks are serialised by the host; only
/// the atomics are touched by other threads.
class HttpCall final : private DeltaWriter {
public:
    HttpCall(const HttpCall&) = delete;
    HttpCall& operator=(const HttpCall&) = delete;

    static eco2_status launch(HttpDialect& dialect,
                              const eco2_http_service& http,
                              const eco2_executor_service* executor,
                              const HttpRequest& request,
                              const eco2_generate_request& generate,
                              const eco2_sink* sink,
                              const eco2_call** out) {
        std::unique_ptr<HttpCall, Deleter> made(new HttpCall(dialect, http, executor, sink));
        made->decoder_ = dialect.decoder(GenerateRequest(generate));
        if (made->decoder_ == nullptr) {
            return ECO2_INTERNAL;
        }
        HttpCall* const call = made.release();
        *out = &call->table_;
        const eco2_http_request sent = abi_request(request, generate);
        eco2_http_call* exchange = nullptr;
        const eco2_status status = http.start(http.ctx, &sent, &call->handler_, &exchange);
        if (status != ECO2_OK) {
            *out = nullptr;
            delete call;
            return status;
        }
        call->exchange_.store(exchange);
        if (call->is_aborted_.load()) {
            call->cancel_exchange();
        }
        call->drop();
        return ECO2_OK;
    }

private:
    struct Deleter {
        void operator()(HttpCall* call) const noexcept { delete call; }
    };

    HttpCall(HttpDialect& dialect,
             const eco2_http_service& http,
             const eco2_executor_service* executor,
             const eco2_sink* sink) noexcept
        : dialect_(dialect), http_(http), executor_(executor), sink_(sink) {
        table_.self = this;
        table_.resume = [](void* self) noexcept { from(self).resume(); };
        table_.cancel = [](void* self) noexcept { from(self).cancel(); };
        table_.release = [](void* self) noexcept { from(self).drop(); };
        handler_.ctx = this;
        handler_.on_head = [](void* self, const eco2_http_head* head) noexcept { from(self).on_head(*head); };
        handler_.on_body = [](void* self, eco2_str chunk) noexcept { return from(self).on_body(from_abi(chunk)); };
        handler_.on_done = [](void* self, const eco2_error* error) noexcept { from(self).on_done(error); };
    }
    ~HttpCall() {
        if (eco2_http_call* const exchange = exchange_.load()) {
            http_.release(http_.ctx, exchange);
        }
    }

    static HttpCall& from(void* self) noexcept { return *static_cast<HttpCall*>(self); }

    static eco2_http_request abi_request(const HttpRequest& request, const eco2_generate_request& generate) noexcept {
        eco2_http_request sent = sized<eco2_http_request>();
        sent.deadline_ns = generate.deadline_ns;
        sent.key = generate.key;
        sent.method = to_abi(std::string_view(request.method));
        sent.url = to_abi(std::string_view(request.url));
        sent.headers = request.headers.data();
        sent.header_count = request.headers.size();
        sent.body = to_abi(std::string_view(request.body));
        const bool is_streamed = (generate.flags & ECO2_GENERATE_STREAM) != 0;
        sent.response_bytes_max = request.response_bytes_max == 0 && is_streamed ? kStreamBytesMax : request.response_bytes_max;
        return sent;
    }

    bool is_error_status() const noexcept { return status_ < 200 || status_ > 299; }
    bool is_over() const noexcept { return failure_.has_value() || is_cancelled_.load(std::memory_order_relaxed); }

    void on_head(const eco2_http_head& head) noexcept {
        status_ = head.status;
        if (is_over()) {
            return;
        }
        const Result<void> taken = caught([&]() -> Result<void> {
            const Headers headers(head.headers, head.header_count);
            const RateLimits limits = dialect_.read_limits(headers);
            const bool has_limits = limits != RateLimits{};
            meta({{}, dialect_.read_request_id(headers), status_, has_limits ? &limits : nullptr});
            if (is_error_status()) {
                error_headers_ = KeptHeaders(headers);
            } else {
                decoder_->on_head(status_, headers);
            }
            return {};
        });
        fail_on(taken);
    }

    eco2_flow on_body(std::string_view chunk) noexcept {
        if (is_over()) {
            return ECO2_CONTINUE;
        }
        const Result<void> taken = caught([&]() -> Result<void> {
            if (!is_error_status()) {
                return decoder_->feed(chunk, *this);
            }
            error_body_.append(chunk.substr(0, kErrorBodyBytesMax - error_body_.size()));
            if (error_body_.size() == kErrorBodyBytesMax) {
                abort_exchange();
            }
            return {};
        });
        fail_on(taken);
        if (!is_over() && decoder_->has_ended()) {
            limit_the_rest();
        }
        const bool waits = is_paused();
        is_held_.store(waits);
        return waits ? ECO2_PAUSE : ECO2_CONTINUE;
    }

    void on_done(const eco2_error* error) noexcept {
        if (eco2_timer* const timer = std::exchange(end_timer_, nullptr)) {
            executor_->cancel_timer(executor_->ctx, timer);
        }
        const Result<FinishReason> outcome = caught([&] { return settle(error); });
        is_done_.store(true);
        if (outcome) {
            finish(sink_, *outcome);
        } else {
            finish(sink_, outcome.error());
        }
        drop();
    }

    Result<FinishReason> settle(const eco2_error* error) {
        if (failure_) {
            return *std::move(failure_);
        }
        if (is_cancelled_.load(std::memory_order_relaxed)) {
            return cancelled();
        }
        if (status_ != 0 && is_error_status()) {
            Failure failure = dialect_.classify_error(status_, error_headers_.view(), error_body_);
            failure.upstream_http_status = status_;
            return failure;
        }
        if (error != nullptr && !decoder_->has_ended()) {
            return upstream_failure(*error);
        }
        return decoder_->finish(*this);
    }

    Failure upstream_failure(const eco2_error& error) const {
        Failure failure = from_abi(error);
        if (failure.error_class == ErrorClass::none && failure.status != Status::cancelled) {
            failure.error_class = ErrorClass::provider_fault;
        }
        failure.upstream_http_status = status_;
        return failure;
    }

    /// The answer is whole: an exchange that does not end is ended, so that nobody takes the silence for a stall. Not while the
    /// asker is who holds it up: what is still to come is wanted.
    void limit_the_rest() noexcept {
        if (executor_ == nullptr || end_timer_ != nullptr) {
            return;
        }
        holders_.fetch_add(1, std::memory_order_relaxed);
        const auto on_time = [](void* self, eco2_status why) noexcept {
            if (why == ECO2_OK && !from(self).is_held_.load()) {
                from(self).abort_exchange();
            }
            from(self).drop();
        };
        if (executor_->post_after(executor_->ctx, kEndGraceNs, on_time, this, &end_timer_) != ECO2_OK) {
            end_timer_ = nullptr;
            drop();
        }
    }

    void fail_on(const Result<void>& taken) noexcept {
        if (!taken && status_ != 0 && !is_error_status() && decoder_->has_ended()) {
            abort_exchange();  // the answer is whole already
        } else if (!taken) {
            failure_.emplace(taken.error());
            if (failure_->upstream_http_status == 0) {
                failure_->upstream_http_status = status_;
            }
            abort_exchange();
        }
    }

    void put(const eco2_delta& delta) override {
        const std::uint32_t resumes_before = resumes_.load();
        const eco2_flow flow = sink_->on_delta(sink_->ctx, &delta);
        has_paused_ = flow == ECO2_PAUSE;
        resumes_at_pause_ = resumes_before;
    }
    /// A resume may overtake the PAUSE that it answers: it counts from the moment on_delta was entered.
    bool is_paused() const noexcept { return has_paused_ && resumes_.load() == resumes_at_pause_; }

    void resume() noexcept {
        resumes_.fetch_add(1);
        is_held_.store(false);
        if (!is_done_.load()) {
            http_.resume(http_.ctx, exchange_.load());
        }
    }
    void cancel() noexcept {
        is_cancelled_.store(true, std::memory_order_relaxed);
        if (!is_done_.load()) {
            abort_exchange();
        }
    }
    /// The exchange ends with its on_done soon. Where the start has not yet returned, the starting function does it.
    void abort_exchange() noexcept {
        is_aborted_.store(true);
        cancel_exchange();
    }
    void cancel_exchange() noexcept {
        eco2_http_call* const exchange = exchange_.load();
        if (exchange != nullptr && !is_cancel_sent_.exchange(true)) {
            http_.cancel(http_.ctx, exchange);
        }
    }
    void drop() noexcept {
        if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete this;
        }
    }

    eco2_call table_ = sized<eco2_call>();
    eco2_http_handler handler_ = sized<eco2_http_handler>();
    HttpDialect& dialect_;
    const eco2_http_service& http_;
    const eco2_executor_service* executor_;  // null: none
    const eco2_sink* sink_;
    std::unique_ptr<Decoder> decoder_;
    int status_ = 0;  // 0: no head yet
    bool has_paused_ = false;
    std::uint32_t resumes_at_pause_ = 0;
    std::string error_body_;
    KeptHeaders error_headers_;
    std::optional<Failure> failure_;
    eco2_timer* end_timer_ = nullptr;
    std::atomic<eco2_http_call*> exchange_{nullptr};
    std::atomic<int> holders_{3};
    std::atomic<std::uint32_t> resumes_{0};
    std::atomic<bool> is_held_{false};  // the last piece was answered with PAUSE
    std::atomic<bool> is_cancelled_{false};
    std::atomic<bool> is_aborted_{false};
    std::atomic<bool> is_cancel_sent_{false};
    std::atomic<bool> is_done_{false};
};

}  // namespace detail

inline HttpDialect::HttpDialect(const Host& host) noexcept : host_(host) {
    table_.self = this;
    table_.generate =
        [](void* self, const eco2_generate_request* request, const eco2_sink* sink, const eco2_call** out) noexcept {
            return static_cast<HttpDialect*>(self)->start(request, sink, out);
        };
}

inline eco2_status HttpDialect::start(const eco2_generate_request* request,
                                      const eco2_sink* sink,
                                      const eco2_call** out) noexcept {
    *out = nullptr;
    if (!detail::covers(request) || !detail::covers(sink)) {
        return ECO2_INVALID_ARGUMENT;
    }
    if (host_.http() == nullptr) {
        return ECO2_UNSUPPORTED;
    }
    const Result<HttpRequest> encoded = detail::caught([&] { return encode(GenerateRequest(*request)); });
    if (!encoded) {
        // The reason goes the way of all failures; a bare status would lose it.
        return detail::start_sync(host_, RunsOn::caller, sink, out, [failure = encoded.error()](DeltaWriter&, StopToken) {
            return Result<FinishReason>(failure);
        });
    }
    try {
        return detail::HttpCall::launch(*this, *host_.http(), host_.executor(), *encoded, *request, sink, out);
    } catch (...) {
        *out = nullptr;
        return ECO2_RESOURCE_EXHAUSTED;
    }
}

}  // namespace draft_2
}  // namespace eco2::plugin
