#include "plugin_host/services_http.hpp"

#include "plugin_host/abi_values.hpp"
#include "plugin_host/http_exchange.hpp"
#include "plugin_host/plugin_frame.hpp"

#include <algorithm>
#include <utility>

namespace eco2::plugin_host {
namespace {

HttpExchange* exchange_of(eco2_http_call* call) noexcept {
    return reinterpret_cast<HttpExchange*>(call);
}

}  // namespace

HttpService::HttpService(InstanceContext& context)
    : context_(context),
      outgoing_(context.config()),
      table_{sizeof(eco2_http_service),
             0,
             this,
             &HttpService::start,
             &HttpService::resume,
             &HttpService::cancel,
             &HttpService::release} {}

eco2_status HttpService::start(void* self,
                               const eco2_http_request* raw,
                               const eco2_http_handler* handler,
                               eco2_http_call** out) noexcept {
    auto& service = *static_cast<HttpService*>(self);
    const HostFrame frame;
    const AbiView<eco2_http_request> request(raw);
    if (!request || handler == nullptr || handler->struct_size < sizeof(eco2_http_handler) || out == nullptr) {
        return ECO2_INVALID_ARGUMENT;
    }
    *out = nullptr;
    auto built = service.read(*request);
    if (!built) {
        service.context_.doors().log.warn(
            "HTTP request of a plugin refused",
            {{"plugin", service.context_.plugin()}, {"instance", service.context_.id()}, {"reason", built.error().detail}});
        return ECO2_INVALID_ARGUMENT;
    }
    if (!service.context_.frames().enter()) {
        return ECO2_UNAVAILABLE;
    }
    return service.accept(std::move(*built), *handler, out);
}

eco2_status HttpService::accept(HttpRequest request, const eco2_http_handler& handler, eco2_http_call** out) {
    const int here = context_.doors().executor.current_thread();
    auto* exchange = new HttpExchange(context_.shared_from_this(), *this, handler, std::max(here, 0));
    {
        const std::lock_guard lock(mutex_);
        open_.insert(exchange);
    }
    *out = reinterpret_cast<eco2_http_call*>(exchange);
    exchange->add_ref();  // for the rest of this function
    Result<void> begun;
    if (here < 0) {
        exchange->begin_soon(std::move(request));
    } else {
        begun = exchange->begin(std::move(request));
    }
    if (begun && context_.are_tasks_cancelled()) {
        exchange->cancel_soon();  // it came too late for cancel_all
    }
    if (!begun) {
        *out = nullptr;
        remove(*exchange);
        exchange->drop_ref();
        exchange->drop_ref();
        context_.frames().leave();
    }
    exchange->drop_ref();
    return begun ? ECO2_OK : abi_status(begun.error().code);
}

Result<HttpRequest> HttpService::read(const eco2_http_request& from) const {
    HttpRequest request;
    request.method = text_of(from.method);
    request.url = text_of(from.url);
    request.body = text_of(from.body);
    request.response_bytes_max = from.response_bytes_max;
    if (from.deadline_ns != 0) {
        request.deadline = time_of_abi(from.deadline_ns);
    }
    if (!is_token(request.method)) {
        return fail(Errc::bad_request, "the method is not a token");
    }
    auto headers = outgoing_.read(from.headers, from.header_count, from.key, request.url);
    if (!headers) {
        return headers.error();
    }
    request.headers = std::move(*headers);
    return request;
}

void HttpService::resume(void*, eco2_http_call* call) noexcept {
    if (call != nullptr) {
        const HostFrame frame;
        exchange_of(call)->resume_soon();
    }
}

void HttpService::cancel(void*, eco2_http_call* call) noexcept {
    if (call != nullptr) {
        const HostFrame frame;
        exchange_of(call)->cancel_soon();
    }
}

void HttpService::release(void*, eco2_http_call* call) noexcept {
    if (call != nullptr) {
        exchange_of(call)->drop_ref();
    }
}

void HttpService::remove(HttpExchange& exchange) {
    const std::lock_guard lock(mutex_);
    open_.erase(&exchange);
}

void HttpService::cancel_all() {
    std::vector<HttpExchange*> open;
    {
        const std::lock_guard lock(mutex_);
        for (auto* exchange : open_) {
            exchange->add_ref();
            open.push_back(exchange);
        }
    }
    for (auto* exchange : open) {
        exchange->cancel_soon();
        exchange->drop_ref();
    }
}

}  // namespace eco2::plugin_host
