#include "net/client.hpp"

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "net/client_exchange.hpp"
#include "net/client_worker.hpp"

#include <utility>
#include <vector>

namespace eco2::net {
namespace {

bool is_token(std::string_view text) noexcept {
    constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";
    for (const char c : text) {
        const bool is_alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_alphanumeric && kTokenMarks.find(c) == kTokenMarks.npos) {
            return false;
        }
    }
    return !text.empty();
}

Result<void> check_fields(const HttpRequest& request) {
    if (!is_token(request.method)) {
        return fail(Errc::bad_request, "the request's method is not a token");
    }
    for (const auto& [name, value] : request.headers) {
        if (!is_token(name) || value.find_first_of(std::string_view("\r\n\0", 3)) != value.npos) {
            return fail(Errc::bad_request, "a header field of the request has a line break or a bad name");
        }
    }
    return {};
}

/// The caller's handle.
class Call final : public HttpCall {
public:
    explicit Call(std::shared_ptr<ClientExchange> exchange) : exchange_(std::move(exchange)) {}
    ~Call() override { exchange_->abandon(); }
    void resume() override { exchange_->resume(); }
    void cancel() override { exchange_->cancel(); }

private:
    std::shared_ptr<ClientExchange> exchange_;
};

}  // namespace

ClientOptions::ClientOptions()
    : connect_timeout(limits::kUpstreamConnectTimeout),
      idle_timeout(limits::kUpstreamIdleTimeout),
      idle_per_origin_max(limits::kUpstreamIdlePerOriginMax),
      open_max(limits::kUpstreamWaitingMax) {}

class HttpClient::Impl {
public:
    Impl(IoThreads& threads, ClientOptions options) : threads_(threads) {
        auto proxies = ProxyRules::make(options.https_proxy, options.no_proxy);
        auto tls = make_client_context(options.ca_file);
        shared_ = std::make_shared<ClientShared>(ClientShared{std::move(options), std::move(proxies), std::move(tls)});
        for (std::size_t i = 0; i < threads.size(); ++i) {
            workers_.push_back(std::make_shared<ClientWorker>(threads, i, shared_));
        }
    }

    ~Impl() {
        ECO2_ASSERT(!threads_.is_running(), "the client is destroyed after the threads have stopped");
        for (const auto& worker : workers_) {
            worker->close();
        }
    }

    Result<std::unique_ptr<HttpCall>> start(HttpRequest request, HttpObserver& observer) {
        const int thread = threads_.current_thread();
        ECO2_ASSERT(thread >= 0, "exchanges are started on an I/O thread");
        const auto& worker = workers_[static_cast<std::size_t>(thread)];
        if (!shared_->proxies) {
            return shared_->proxies.error();
        }
        auto url = parse_upstream_url(request.url);
        if (!url) {
            return url.error();
        }
        if (auto checked = check_fields(request); !checked) {
            return checked.error();
        }
        if (worker->counters().exchanges.load(std::memory_order_relaxed) >= shared_->options.open_max) {
            return fail(Errc::limit_exceeded, "too many exchanges with providers are open");
        }
        auto exchange = std::make_shared<ClientExchange>(worker, std::move(request), std::move(*url), observer);
        exchange->start();
        return std::unique_ptr<HttpCall>(std::make_unique<Call>(std::move(exchange)));
    }

    ClientStats stats() const noexcept {
        ClientStats sum;
        for (const auto& worker : workers_) {
            const auto& counters = worker->counters();
            sum.connections_opened += counters.opened.load(std::memory_order_relaxed);
            sum.connections_reused += counters.reused.load(std::memory_order_relaxed);
            sum.exchanges_open += counters.exchanges.load(std::memory_order_relaxed);
            sum.connections_idle += counters.idle.load(std::memory_order_relaxed);
        }
        return sum;
    }

private:
    IoThreads& threads_;
    std::shared_ptr<const ClientShared> shared_;
    std::vector<std::shared_ptr<ClientWorker>> workers_;
};

HttpClient::HttpClient(IoThreads& threads, ClientOptions options)
    : impl_(std::make_unique<Impl>(threads, std::move(options))) {}
HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpCall>> HttpClient::start(HttpRequest request, HttpObserver& observer) {
    return impl_->start(std::move(request), observer);
}

ClientStats HttpClient::stats() const noexcept {
    return impl_->stats();
}

}  // namespace eco2::net
