#pragma once

#include "plugin_host/instance_context.hpp"

#include <eco2/abi/services.h>

#include <atomic>
#include <memory>
#include <string_view>

namespace eco2::plugin_host {

class HttpService;

/// One exchange of a plugin's: the client's callbacks, handed to the plugin's handler.
///
/// Thread-safety: references, resume_soon, cancel_soon: any thread. Everything else: the exchange's I/O thread.
/// Lifetime:      counted: one reference until the end, one until the plugin releases.
class HttpExchange final : public HttpObserver {
public:
    HttpExchange(std::shared_ptr<InstanceContext> context, HttpService& service, const eco2_http_handler& handler, int thread);
    HttpExchange(const HttpExchange&) = delete;
    HttpExchange& operator=(const HttpExchange&) = delete;

    void add_ref() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void drop_ref() noexcept;

    /// Errors: the client's; no callback follows then.
    Result<void> begin(HttpRequest request);
    /// The same from another thread; a failure is told by on_done.
    void begin_soon(HttpRequest request);
    void resume_soon();
    void cancel_soon();

    void on_head(int status, const std::vector<HttpHeader>& headers) override;
    Flow on_body(std::string_view chunk) override;
    void on_done(const Error* error) override;

private:
    ~HttpExchange() override = default;

    template <void (HttpExchange::*Step)()>
    void here_or_there();
    void resume();
    void cancel();
    void note_exception(std::string_view function);

    std::shared_ptr<InstanceContext> context_;
    HttpService& service_;
    const eco2_http_handler& handler_;
    const int thread_;
    std::atomic<int> references_{2};
    std::unique_ptr<HttpCall> call_;
    bool is_done_ = false;
};

}  // namespace eco2::plugin_host
