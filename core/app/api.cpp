#include "app/api.hpp"

#include "app/scan_api.hpp"
#include "app/scan_frames.hpp"
#include "base/text.hpp"
#include "runtime/version.hpp"

#include <algorithm>
#include <utility>

namespace eco2::app {
namespace {

/// Counts the request when its reply is known, under the route's name: a path of the client's would be an unbounded label.
class CountedExchange final : public net::ServerExchange {
public:
    CountedExchange(ExchangePtr inner, observe::Metrics& metrics, std::string_view route)
        : inner_(std::move(inner)), metrics_(metrics), route_(route) {}

    net::ServerRequest& request() noexcept override { return inner_->request(); }
    void respond(net::ServerResponse response) override {
        metrics_.eco2_http_requests_total.with({route_, std::to_string(response.status)}).add();
        inner_->respond(std::move(response));
    }
    void stream(net::ServerResponse head, std::unique_ptr<net::BodySource> source, std::chrono::milliseconds quiet) override {
        metrics_.eco2_http_requests_total.with({route_, std::to_string(head.status)}).add();
        inner_->stream(std::move(head), std::move(source), quiet);
    }
    void on_client_gone(std::function<void()> callback) override { inner_->on_client_gone(std::move(callback)); }

private:
    ExchangePtr inner_;
    observe::Metrics& metrics_;
    std::string_view route_;
};

}  // namespace

net::ServerResponse json_response(int status, std::string body) {
    net::ServerResponse response;
    response.status = status;
    response.headers = {{"content-type", "application/json"}};
    response.body = std::move(body);
    return response;
}

net::ServerResponse error_response(const Error& error) {
    auto response = json_response(error.http_status(), error_body(error));
    if (info(error.code).is_retryable && (error.http_status() == 503 || error.http_status() == 429)) {
        const long seconds = error.retry_after_ms < 0 ? 2 : (error.retry_after_ms + 999) / 1000;
        response.headers.emplace_back("retry-after", std::to_string(seconds));
    }
    return response;
}

net::ServerResponse Api::refuse(const Error& error) {
    auto response = error_response(error);
    host_.metrics().eco2_http_requests_total.with({"refused", std::to_string(response.status)}).add();
    return response;
}

Api::Api(runtime::Host& host) : host_(host) {
    const auto scan = std::make_shared<ScanApi>(host);
    routes_ = {
        {"POST", "/api/v1/scan/classify/completion", [scan](const auto& e) { scan->classify(e, ScanApi::Mode::stream); }},
        {"POST", "/api/v1/scan/classify", [scan](const auto& e) { scan->classify(e, ScanApi::Mode::whole); }},
        {"GET", "/api/v1/scan/categories", [scan](const auto& e) { scan->categories(e); }},
        {"GET", "/api/v1/scan/metrics", [scan](const auto& e) { scan->metrics_info(e); }},
        {"GET", "/health", [this](const auto& e) { health(e); }},
        {"GET", "/ready", [this](const auto& e) { ready(e); }},
        {"GET", "/metrics", [this](const auto& e) { metrics(e); }},
        {"GET", "/metrics/status", [this](const auto& e) { metrics(e); }},
        {"GET", "/", [this](const auto& e) { index(e); }},
    };
}

void Api::handle(const ExchangePtr& exchange) {
    auto& request = exchange->request();
    const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
    std::string allowed;
    for (const auto& route : routes_) {
        if (route.path != request.path) {
            continue;
        }
        if (route.method == method) {
            return route.handler(std::make_shared<CountedExchange>(exchange, host_.metrics(), route.path));
        }
        allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
    }
    auto response = error_response(allowed.empty() ? fail(Errc::not_found) : fail(Errc::method_not_allowed));
    if (!allowed.empty()) {
        response.headers.emplace_back("allow", allowed);
    }
    CountedExchange(exchange, host_.metrics(), "other").respond(std::move(response));
}

void Api::index(const ExchangePtr& exchange) const {
    std::string routes;
    for (const auto& route : routes_) {
        routes += (routes.empty() ? "" : ",") + json_quote(std::string(route.method) + " " + std::string(route.path));
    }
    exchange->respond(
        json_response(200, R"({"service":"eco2","version":")" + std::string(kVersion) + R"(","routes":[)" + routes + "]}"));
}

void Api::health(const ExchangePtr& exchange) const {
    exchange->respond(json_response(200, R"({"status":"healthy","service":"scan-api"})"));
}

void Api::ready(const ExchangePtr& exchange) const {
    const auto readiness = host_.readiness();
    if (readiness.is_ready) {
        return exchange->respond(json_response(200, R"({"status":"ready","service":"scan-api"})"));
    }
    std::string waiting;
    for (const auto& part : readiness.waiting_for) {
        waiting += (waiting.empty() ? "" : ",") + json_quote(part);
    }
    auto response = json_response(503, R"({"status":"not_ready","service":"scan-api","waiting_for":[)" + waiting + "]}");
    response.headers.emplace_back("retry-after", "1");
    exchange->respond(std::move(response));
}

void Api::metrics(const ExchangePtr& exchange) {
    struct Work {
        std::string text;
    };
    auto work = std::make_shared<Work>();
    const bool is_taken = host_.threads().run_blocking(
        [this, work](TaskFate fate) {
            if (fate == TaskFate::due) {
                work->text = host_.metrics().expose();
            }
        },
        [exchange, work](TaskFate) {
            net::ServerResponse response;
            response.headers = {{"content-type", std::string(observe::Metrics::kContentType)}};
            response.body = std::move(work->text);
            exchange->respond(std::move(response));
        });
    if (!is_taken) {
        exchange->respond(error_response(fail(Errc::overloaded)));
    }
}

}  // namespace eco2::app
