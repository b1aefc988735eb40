#include "plugin_host/http_exchange.hpp"

#include "plugin_host/abi_values.hpp"
#include "plugin_host/plugin_frame.hpp"
#include "plugin_host/services_http.hpp"

#include <utility>
#include <vector>

namespace eco2::plugin_host {

HttpExchange::HttpExchange(std::shared_ptr<InstanceContext> context,
                           HttpService& service,
                           const eco2_http_handler& handler,
                           int thread)
    : context_(std::move(context)), service_(service), handler_(handler), thread_(thread) {}

void HttpExchange::drop_ref() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        delete this;
    }
}

Result<void> HttpExchange::begin(HttpRequest request) {
    auto started = context_->doors().http.start(std::move(request), *this);
    if (!started) {
        return started.error();
    }
    call_ = std::move(*started);
    return {};
}

void HttpExchange::begin_soon(HttpRequest request) {
    context_->doors().executor.post_to(thread_, [this, request = std::move(request)](TaskFate fate) mutable {
        const auto begun = fate == TaskFate::due ? begin(std::move(request)) : fail(Errc::cancelled, "the host is stopping");
        if (!begun) {
            const Error error = begun.error();
            on_done(&error);
        }
    });
}

/// On the exchange's thread at once, from elsewhere by post.
template <void (HttpExchange::*Step)()>
void HttpExchange::here_or_there() {
    auto& executor = context_->doors().executor;
    if (executor.current_thread() == thread_) {
        (this->*Step)();
        return;
    }
    add_ref();
    executor.post_to(thread_, [this](TaskFate) {
        (this->*Step)();
        drop_ref();
    });
}

void HttpExchange::resume_soon() {
    here_or_there<&HttpExchange::resume>();
}
void HttpExchange::cancel_soon() {
    here_or_there<&HttpExchange::cancel>();
}

void HttpExchange::resume() {
    if (call_ != nullptr && !is_done_) {
        call_->resume();
    }
}

void HttpExchange::cancel() {
    if (call_ != nullptr && !is_done_) {
        call_->cancel();
    }
}

void HttpExchange::note_exception(std::string_view function) {
    context_->note_violation("an exception crossed the boundary", function);
    cancel();
}

void HttpExchange::on_head(int status, const std::vector<HttpHeader>& headers) {
    std::vector<eco2_str> texts;
    texts.reserve(2 * headers.size());
    for (const auto& header : headers) {
        texts.push_back(abi_text(header.name));
        texts.push_back(abi_text(header.value));
    }
    const eco2_http_head head = {sizeof(eco2_http_head), status, texts.data(), headers.size()};
    try {
        const PluginFrame frame(*context_, "http.on_head");
        handler_.on_head(handler_.ctx, &head);
    } catch (...) {
        note_exception("http.on_head");
    }
}

HttpObserver::Flow HttpExchange::on_body(std::string_view chunk) {
    try {
        const PluginFrame frame(*context_, "http.on_body");
        return handler_.on_body(handler_.ctx, abi_text(chunk)) == ECO2_PAUSE ? Flow::pause : Flow::go_on;
    } catch (...) {
        note_exception("http.on_body");
        return Flow::go_on;
    }
}

void HttpExchange::on_done(const Error* error) {
    is_done_ = true;
    const auto context = context_;
    try {
        const PluginFrame frame(*context_, "http.on_done");
        if (error == nullptr) {
            handler_.on_done(handler_.ctx, nullptr);
        } else {
            const auto told = abi_error(*error);
            handler_.on_done(handler_.ctx, &told);
        }
    } catch (...) {
        context->note_violation("an exception crossed the boundary", "http.on_done");
    }
    call_.reset();
    service_.remove(*this);
    drop_ref();
    context->frames().leave();
}

}  // namespace eco2::plugin_host
