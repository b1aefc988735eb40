#pragma once

#include "eco2/abi/services.h"
#include "eco2/testing/fake_executor.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::testing {

/// What an upstream does with one request.
struct ScriptedExchange {
    enum class End {
        whole,     ///< the response ends as it should
        reset,     ///< the connection breaks after the body
        stall,     ///< nothing more comes until cancel
        no_answer  ///< fails before a head
    };
    eco2_status start_status = ECO2_OK;  // otherwise the exchange does not start
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers{{"content-type", "text/event-stream"}};
    std::string body;
    std::vector<std::size_t> cuts;  // offsets where the body is cut into chunks, ascending
    End end = End::whole;
};

struct RecordedHttpRequest {
    std::string method;
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::uint64_t key = 0;
    std::int64_t deadline_ns = 0;

    std::string header(std::string_view name) const {
        for (const auto& [known, value] : headers) {
            if (known == name) {
                return value;
            }
        }
        return {};
    }
};

/// The host's HTTP service with scripted upstreams. Each head, chunk and end is a task of its own on the fake I/O thread.
///
/// Thread-safety: any thread, as the ABI says.
/// Lifetime:      outlives its exchanges; `open_count` tells whether any was leaked.
class FakeHttp {
public:
    explicit FakeHttp(FakeExecutor& executor) : executor_(executor) {
        table_.struct_size = sizeof table_;
        table_.ctx = this;
        table_.start =
            [](void* self, const eco2_http_request* request, const eco2_http_handler* handler, eco2_http_call** out) {
                return from(self).start(*request, *handler, out);
            };
        table_.resume = [](void*, eco2_http_call* call) { exchange(call).resume(); };
        table_.cancel = [](void*, eco2_http_call* call) { exchange(call).cancel(); };
        table_.release = [](void* self, eco2_http_call* call) { from(self).release(call); };
    }
    FakeHttp(const FakeHttp&) = delete;
    FakeHttp& operator=(const FakeHttp&) = delete;

    const eco2_http_service* table() const noexcept { return &table_; }

    /// For the next request that has none yet.
    void script(ScriptedExchange exchange) {
        const std::lock_guard lock(mutex_);
        scripts_.push_back(std::move(exchange));
    }
    std::vector<RecordedHttpRequest> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }
    std::size_t cancel_count() const {
        const std::lock_guard lock(mutex_);
        return cancels_;
    }
    /// Exchanges that were started and not released.
    std::size_t open_count() const {
        const std::lock_guard lock(mutex_);
        return open_.size();
    }

private:
    class Exchange : public std::enable_shared_from_this<Exchange> {
    public:
        Exchange(FakeHttp& owner, ScriptedExchange script, const eco2_http_handler& handler)
            : owner_(owner), script_(std::move(script)), handler_(handler) {}

        void step_later() {
            owner_.executor_.post([self = shared_from_this()] { self->step(); });
        }
        void resume() {
            const std::lock_guard lock(mutex_);
            ++resumes_;
            if (is_waiting_) {
                is_waiting_ = false;
                step_later();
            }
        }
        void cancel() {
            owner_.count_cancel();
            const std::lock_guard lock(mutex_);
            if (is_cancelled_) {
                return;
            }
            is_cancelled_ = true;
            if (is_waiting_) {
                is_waiting_ = false;
                step_later();
            }
        }

    private:
        enum class At { head, body, end, over };

        void step() {
            std::size_t resumes_before = 0;
            {
                const std::lock_guard lock(mutex_);
                if (at_ == At::over) {
                    return;
                }
                if (is_cancelled_) {
                    at_ = At::over;
                }
                resumes_before = resumes_;
            }
            if (at_ == At::over) {
                done(ECO2_CANCELLED, "cancelled", 0);
                return;
            }
            if (at_ == At::head) {
                head();
                step_later();
            } else if (at_ == At::body) {
                go_on_after(chunk(), resumes_before);
            } else {
                end();
            }
        }

        void head() {
            if (script_.end == ScriptedExchange::End::no_answer) {
                at_ = At::end;
                return;
            }
            std::vector<eco2_str> flat;
            for (const auto& [name, value] : script_.headers) {
                flat.push_back({name.data(), name.size()});
                flat.push_back({value.data(), value.size()});
            }
            eco2_http_head head{};
            head.struct_size = sizeof head;
            head.status = script_.status;
            head.headers = flat.data();
            head.header_count = script_.headers.size();
            at_ = script_.body.empty() ? At::end : At::body;
            handler_.on_head(handler_.ctx, &head);
        }

        eco2_flow chunk() {
            const auto next = std::upper_bound(script_.cuts.begin(), script_.cuts.end(), offset_);
            const std::size_t until = next == script_.cuts.end() ? script_.body.size() : std::min(*next, script_.body.size());
            // A copy of exactly these bytes: reading past a chunk is then seen by AddressSanitizer.
            const std::vector<char> bytes(script_.body.begin() + static_cast<std::ptrdiff_t>(offset_),
                                          script_.body.begin() + static_cast<std::ptrdiff_t>(until));
            offset_ = until;
            at_ = offset_ == script_.body.size() ? At::end : At::body;
            return handler_.on_body(handler_.ctx, {bytes.data(), bytes.size()});
        }

        /// A resume counts from the moment on_body was entered, also when its PAUSE comes after it.
        void go_on_after(eco2_flow flow, std::size_t resumes_before) {
            const std::lock_guard lock(mutex_);
            if (flow == ECO2_PAUSE && resumes_ == resumes_before && !is_cancelled_) {
                is_waiting_ = true;
            } else {
                step_later();
            }
        }

        void end() {
            if (script_.end == ScriptedExchange::End::stall) {
                const std::lock_guard lock(mutex_);
                if (is_cancelled_) {
                    step_later();
                } else {
                    is_waiting_ = true;
                }
                return;
            }
            at_ = At::over;
            if (script_.end == ScriptedExchange::End::whole) {
                handler_.on_done(handler_.ctx, nullptr);
            } else {
                done(ECO2_UNAVAILABLE, "reset", ECO2_ERROR_RETRYABLE);
            }
        }

        void done(eco2_status status, std::string_view code, std::uint32_t flags) {
            eco2_error error{};
            error.struct_size = sizeof error;
            error.status = status;
            error.flags = flags;
            error.retry_after_ms = -1;
            error.code = {code.data(), code.size()};
            error.message = {code.data(), code.size()};
            handler_.on_done(handler_.ctx, &error);
        }

        FakeHttp& owner_;
        const ScriptedExchange script_;
        const eco2_http_handler handler_;  // a copy: the plugin's may be gone once on_done was entered
        std::mutex mutex_;
        At at_ = At::head;
        std::size_t offset_ = 0;
        std::size_t resumes_ = 0;
        bool is_waiting_ = false;
        bool is_cancelled_ = false;
    };

    static FakeHttp& from(void* self) { return *static_cast<FakeHttp*>(self); }
    static Exchange& exchange(eco2_http_call* call) { return *reinterpret_cast<Exchange*>(call); }

    eco2_status start(const eco2_http_request& request, const eco2_http_handler& handler, eco2_http_call** out) {
        const std::lock_guard lock(mutex_);
        *out = nullptr;
        requests_.push_back(recorded(request));
        ScriptedExchange script;
        if (!scripts_.empty()) {
            script = std::move(scripts_.front());
            scripts_.pop_front();
        }
        if (script.start_status != ECO2_OK) {
            return script.start_status;
        }
        auto made = std::make_shared<Exchange>(*this, std::move(script), handler);
        *out = reinterpret_cast<eco2_http_call*>(made.get());
        made->step_later();
        open_.push_back(std::move(made));
        return ECO2_OK;
    }
    void release(eco2_http_call* call) {
        const std::lock_guard lock(mutex_);
        std::erase_if(open_, [&](const std::shared_ptr<Exchange>& known) { return known.get() == &exchange(call); });
    }
    void count_cancel() {
        const std::lock_guard lock(mutex_);
        ++cancels_;
    }

    static RecordedHttpRequest recorded(const eco2_http_request& request) {
        const auto text = [](eco2_str from) { return std::string(from.data == nullptr ? "" : from.data, from.size); };
        RecordedHttpRequest kept{
            text(request.method), text(request.url), {}, text(request.body), request.key, request.deadline_ns};
        for (std::size_t index = 0; index < request.header_count; ++index) {
            kept.headers.emplace_back(text(request.headers[2 * index]), text(request.headers[2 * index + 1]));
        }
        return kept;
    }

    eco2_http_service table_{};
    FakeExecutor& executor_;
    mutable std::mutex mutex_;
    std::deque<ScriptedExchange> scripts_;
    std::vector<RecordedHttpRequest> requests_;
    std::vector<std::shared_ptr<Exchange>> open_;
    std::size_t cancels_ = 0;
};

}  // namespace eco2::testing
