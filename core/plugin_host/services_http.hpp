#pragma once

#include "base/result.hpp"
#include "plugin_host/instance_context.hpp"
#include "plugin_host/outgoing_headers.hpp"

#include <eco2/abi/services.h>

#include <mutex>
#include <unordered_set>

namespace eco2::plugin_host {

class HttpExchange;

/// eco2.draft.http over HttpClientDoor. Puts keys in on the way out, and only towards the origins that they are bound to.
///
/// Thread-safety: any thread; an exchange stays on the I/O thread that started it, or on thread 0.
/// Limits:        limits::kPluginHttpHeadersMax, limits::kUpstreamHeadBytesMax; the client's own.
class HttpService {
public:
    explicit HttpService(InstanceContext& context);
    HttpService(const HttpService&) = delete;
    HttpService& operator=(const HttpService&) = delete;

    const eco2_http_service& table() const noexcept { return table_; }

    void cancel_all();
    void remove(HttpExchange& exchange);

private:
    static eco2_status start(void* self,
                             const eco2_http_request* request,
                             const eco2_http_handler* handler,
                             eco2_http_call** out) noexcept;
    static void resume(void* self, eco2_http_call* call) noexcept;
    static void cancel(void* self, eco2_http_call* call) noexcept;
    static void release(void* self, eco2_http_call* call) noexcept;

    eco2_status accept(HttpRequest request, const eco2_http_handler& handler, eco2_http_call** out);
    Result<HttpRequest> read(const eco2_http_request& request) const;

    InstanceContext& context_;
    OutgoingHeaders outgoing_;
    eco2_http_service table_;
    std::mutex mutex_;
    std::unordered_set<HttpExchange*> open_;
};

}  // namespace eco2::plugin_host
