#include "app/api.hpp"

#include "app/cors.hpp"
#include "app/openapi.hpp"
#include "app/run_api.hpp"
#include "app/scan_api.hpp"
#include "app/scan_frames.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "protocol/chat_error.hpp"
#include "runtime/version.hpp"

#include <algorithm>
#include <utility>

namespace eco2::app {
namespace {

/// Counts the request when its reply is known, under the route's name: a path of the client's would be an unbounded label.
class CountedExchange final : public net::ServerExchange {
public:
    CountedExchange(ExchangePtr inner,
                    observe::Metrics& metrics,
                    std::shared_ptr<const config::HostConfig> config,
                    std::string_view route)
        : inner_(std::move(inner)),
          metrics_(metrics),
          config_(std::move(config)),
          origin_(inner_->request().header("origin")),
          route_(route) {}

    net::ServerRequest& request() noexcept override { return inner_->request(); }
    void respond(net::ServerResponse response) override {
        metrics_.eco2_http_requests_total.with({route_, std::to_string(response.status)}).add();
        add_cors_headers(config_->cors, origin_, response);
        inner_->respond(std::move(response));
    }
    void stream(net::ServerResponse head, std::unique_ptr<net::BodySource> source, std::chrono::milliseconds quiet) override {
        metrics_.eco2_http_requests_total.with({route_, std::to_string(head.status)}).add();
        add_cors_headers(config_->cors, origin_, head);
        inner_->stream(std::move(head), std::move(source), quiet);
    }
    void on_client_gone(std::function<void()> callback) override { inner_->on_client_gone(std::move(callback)); }

private:
    ExchangePtr inner_;
    observe::Metrics& metrics_;
    const std::shared_ptr<const config::HostConfig> config_;
    const std::string origin_;
    std::string_view route_;
};

std::string text_list(const std::vector<std::string>& texts) {
    std::string out;
    for (const auto& text : texts) {
        out += (out.empty() ? "" : ",") + json_quote(text);
    }
    return "[" + out + "]";
}

const char* need_word(Need need) {
    switch (need) {
        case Need::none: return "none";
        case Need::optional: return "optional";
        case Need::required: break;
    }
    return "required";
}

net::ServerResponse docs_response() {
    net::ServerResponse response;
    response.headers = {{"content-type", "text/html; charset=utf-8"},
                        {"content-security-policy",
                         "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
                         "frame-ancestors 'none'"},
                        {"x-content-type-options", "nosniff"}};
    response.body = docs_page();
    return response;
}

/// What a client needs to know to start a run.
std::string pipeline_json(const PipelineDefinition& definition) {
    std::vector<std::string> stages;
    for (const auto& stage : definition.stages) {
        stages.push_back(stage.name);
    }
    std::string titles;
    for (const auto& [language, title] : definition.title) {
        titles += (titles.empty() ? "" : ",") + json_quote(language) + ":" + json_quote(title);
    }
    return R"({"name":)" + json_quote(definition.name) + R"(,"title":{)" + titles + R"(},"image":")" +
           need_word(definition.image) + R"(","question":")" + need_word(definition.question) + "\"" + R"(,"models":)" +
           text_list(definition.models) + R"(,"languages":)" + text_list(definition.languages) + R"(,"stages":)" +
           text_list(stages) + R"(,"submit_url":)" + json_quote(pipeline_path(definition.name)) + "}";
}

/// The exact names among the routes' matches and what their targets are asked for.
std::vector<std::string> route_models(const runtime::Deployment& deployment) {
    std::vector<std::string> names;
    if (deployment.routes() == nullptr) {
        return names;
    }
    const auto add = [&](const std::string& name) {
        if (!name.empty() && name.find('*') == std::string::npos &&
            std::find(names.begin(), names.end(), name) == names.end()) {
            names.push_back(name);
        }
    };
    for (const auto& route : deployment.routes()->definition().routes) {
        add(route.match);
        for (const auto& target : route.targets) {
            add(target.model);
        }
    }
    return names;
}

}  // namespace

net::ServerResponse json_response(int status, std::string body) {
    net::ServerResponse response;
    response.status = status;
    response.headers = {{"content-type", "application/json"}};
    response.body = std::move(body);
    return response;
}

net::ServerResponse error_response(const Error& error) {
    // A store's own words name files and disks: they are for the log.
    const bool is_inner = error.code == Errc::store_failed || error.code == Errc::io_failed;
    auto response = json_response(error.http_status(), error_body(is_inner ? fail(error.code) : error));
    if (error.http_status() == 401) {
        response.headers.emplace_back("www-authenticate", "Bearer");
    }
    if (info(error.code).is_retryable && (error.http_status() == 503 || error.http_status() == 429)) {
        const long seconds = error.retry_after_ms < 0 ? 2 : (error.retry_after_ms + 999) / 1000;
        response.headers.emplace_back("retry-after", std::to_string(seconds));
    }
    return response;
}

/// The path is not known here: the body has both shapes, so that every client finds its own.
net::ServerResponse Api::refuse(const Error& error) {
    auto response = error_response(error);
    response.body.pop_back();
    response.body += "," + chat_error_json(chat_error(error)).substr(1);
    response.headers.emplace_back("x-request-id", new_uuid());
    host_.metrics().eco2_http_requests_total.with({"refused", std::to_string(response.status)}).add();
    return response;
}

Api::Api(runtime::Host& host, std::shared_ptr<Access> access)
    : host_(host),
      access_(std::move(access)),
      admitter_(std::make_shared<Admitter>(host_, access_)),
      pipeline_models_(host_, admitter_),
      spend_(host_) {
    auto routes = own_routes();
    for (auto& route : run_routes()) {
        routes.push_back(std::move(route));
    }
    for (auto& route : std::make_shared<FrontDoor>(front_doors())->routes()) {
        routes.push_back(std::move(route));
    }
    router_ = Router(std::move(routes));
}

std::vector<Route> Api::own_routes() {
    const auto openapi = [](const auto& e, const auto&) { e->respond(json_response(200, std::string(openapi_json()))); };
    const auto docs = [](const auto& e, const auto&) { e->respond(docs_response()); };
    return {
        {"GET", "/health", [this](const auto& e, const auto&) { health(e); }},
        {"GET", "/ready", [this](const auto& e, const auto&) { ready(e); }},
        {"GET", "/metrics", [this](const auto& e, const auto&) { metrics(e); }},
        {"GET", "/metrics/status", [this](const auto& e, const auto&) { metrics(e); }},
        {"GET", "/api/v1/pipelines", [this](const auto& e, const auto&) { pipelines(e); }},
        {"GET", "/openapi.json", openapi},
        {"GET", "/api/v1/scan/openapi.json", openapi},
        {"GET", "/docs", docs},
        {"GET", "/api/v1/scan/docs", docs},
        {"GET", "/", [this](const auto& e, const auto&) { index(e); }},
    };
}

FrontDoors Api::front_doors() {
    const auto authenticate = [access = access_](const net::ServerRequest& request) {
        return access->authenticator()->authenticate(request);
    };
    const auto available = [this]() -> Result<void> {
        if (host_.is_draining() || !host_.is_loaded()) {
            return fail(host_.is_draining() ? Errc::draining : Errc::not_ready);
        }
        return {};
    };
    const auto find = [this](std::string_view model) -> std::shared_ptr<ProviderDoor> {
        auto deployment = host_.deployment();
        auto* route = deployment->routes() == nullptr ? nullptr : deployment->routes()->find(model);
        return route == nullptr ? nullptr : std::shared_ptr<ProviderDoor>(std::move(deployment), route);
    };
    const auto models = [this] { return route_models(*host_.deployment()); };
    const auto worst = [this](const GenerateRequest& request) -> std::int64_t {
        const auto deployment = host_.deployment();
        const auto* route = deployment->routes() == nullptr ? nullptr : deployment->routes()->find(request.model);
        return route == nullptr ? 0 : route->worst_picousd(request);
    };
    return {authenticate, available, find, models, &pipeline_models_, &spend_, host_.threads(), system_clock(), worst};
}

/// The scan's endpoints are those of every pipeline, at a path of their own, and the seed's.
std::vector<Route> Api::run_routes() {
    const auto scan = std::make_shared<ScanApi>(host_, access_, admitter_);
    const auto runs = std::make_shared<RunApi>(host_, access_, admitter_);
    const auto name = [](const PathValues& values) {
        const auto pipeline = values.at("pipeline");
        return pipeline.empty() ? std::string(ScanApi::kPipeline) : std::string(pipeline);
    };
    const auto submit = [=](const auto& e, const auto& v) { runs->submit(e, name(v)); };
    const auto list = [=](const auto& e, const auto& v) { runs->list(e, name(v)); };
    const auto events = [=](const auto& e, const auto& v) { runs->events(e, name(v), v.at("id")); };
    const auto result = [=](const auto& e, const auto& v) { runs->result(e, name(v), v.at("id")); };
    const auto token = [=](const auto& e, const auto& v) { runs->stream_token(e, name(v), v.at("id")); };
    const auto cancel = [=](const auto& e, const auto& v) { runs->cancel(e, name(v), v.at("id")); };
    return {
        {"POST",
         "/api/v1/scan/classify/completion",
         [=](const auto& e, const auto&) { scan->classify(e, ScanApi::Mode::stream); }},
        {"POST", "/api/v1/scan/classify", [=](const auto& e, const auto&) { scan->classify(e, ScanApi::Mode::whole); }},
        {"GET", "/api/v1/scan/categories", [=](const auto& e, const auto&) { scan->categories(e); }},
        {"GET", "/api/v1/scan/metrics", [=](const auto& e, const auto&) { scan->metrics_info(e); }},
        {"POST", "/api/v1/scan", submit},
        {"GET", "/api/v1/scan/runs", list},
        {"GET", "/api/v1/scan/{id}/events", events},
        {"GET", "/api/v1/scan/{id}/result", result},
        {"POST", "/api/v1/scan/{id}/cancel", cancel},
        {"POST", "/api/v1/scan/{id}/stream-token", token},
        {"POST", "/api/v1/pipelines/{pipeline}", submit},
        {"GET", "/api/v1/pipelines/{pipeline}/runs", list},
        {"GET", "/api/v1/pipelines/{pipeline}/{id}/events", events},
        {"GET", "/api/v1/pipelines/{pipeline}/{id}/result", result},
        {"POST", "/api/v1/pipelines/{pipeline}/{id}/cancel", cancel},
        {"POST", "/api/v1/pipelines/{pipeline}/{id}/stream-token", token},
    };
}

void Api::handle(const ExchangePtr& exchange) {
    auto& request = exchange->request();
    if (is_preflight(request)) {
        return exchange->respond(preflight_response(host_.config()->cors, request));
    }
    auto found = router_.find(request.method == "HEAD" ? "GET" : std::string_view(request.method), request.path);
    if (found.route != nullptr) {
        return found.route->handler(
            std::make_shared<CountedExchange>(exchange, host_.metrics(), host_.config(), found.route->path), found.values);
    }
    const auto error = fail(found.allowed.empty() ? Errc::not_found : Errc::method_not_allowed);
    auto response = FrontDoor::is_front(request.path) ? FrontDoor::refusal(request, error) : error_response(error);
    if (!found.allowed.empty()) {
        response.headers.emplace_back("allow", found.allowed);
    }
    CountedExchange(exchange, host_.metrics(), host_.config(), "other").respond(std::move(response));
}

void Api::index(const ExchangePtr& exchange) const {
    std::string routes;
    for (const auto& route : router_.routes()) {
        routes += (routes.empty() ? "" : ",") + json_quote(std::string(route.method) + " " + std::string(route.path));
    }
    exchange->respond(
        json_response(200, R"({"service":"eco2","version":")" + std::string(kVersion) + R"(","routes":[)" + routes + "]}"));
}

void Api::pipelines(const ExchangePtr& exchange) const {
    if (const auto caller = access_->authenticator()->authenticate(exchange->request()); !caller) {
        return exchange->respond(error_response(caller.error()));
    }
    if (!host_.is_loaded()) {
        return exchange->respond(error_response(fail(Errc::not_ready)));
    }
    std::string body;
    for (const auto& pipeline : host_.pipelines()) {
        body += (body.empty() ? "" : ",") + pipeline_json(pipeline->definition());
    }
    exchange->respond(json_response(200, R"({"pipelines":[)" + body + "]}"));
}

void Api::health(const ExchangePtr& exchange) const {
    exchange->respond(json_response(200, R"({"status":"healthy","service":"scan-api"})"));
}

void Api::ready(const ExchangePtr& exchange) const {
    const auto readiness = host_.readiness();
    if (readiness.is_ready) {
        const auto left_out = readiness.left_out.empty() ? "" : R"(,"left_out":)" + text_list(readiness.left_out);
        return exchange->respond(json_response(200, R"({"status":"ready","service":"scan-api")" + left_out + "}"));
    }
    auto response = json_response(
        503, R"({"status":"not_ready","service":"scan-api","waiting_for":)" + text_list(readiness.waiting_for) + "}");
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
