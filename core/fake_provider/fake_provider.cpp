#include "fake_provider/fake_provider.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "fake_provider/batch_routes.hpp"
#include "fake_provider/control.hpp"
#include "fake_provider/openai_wire.hpp"
#include "fake_provider/reply.hpp"
#include "net/server.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

namespace eco2::fake {
namespace {

net::ServerResponse json_response(int status, std::string body) {
    return {status, {{"content-type", "application/json"}, {"x-eco2-fake", "1"}}, std::move(body)};
}

net::ServerResponse error_response(const ApiFault& fault) {
    return json_response(fault.status, openai_error_body(fault));
}

net::ServerResponse error_response(const Error& error) {
    return error_response(ApiFault{error.http_status(), error.text(), "invalid_request_error", "", std::string(error.name())});
}

std::string_view key_header(const net::ServerRequest& request) {
    for (const std::string_view name : {"x-api-key", "x-goog-api-key", "api-key"}) {
        if (const std::string_view key = request.header(name); !key.empty()) {
            return key;
        }
    }
    return {};
}

std::optional<Dialect> dialect_of(std::string_view path) {
    if (path == "/chat/completions") {
        return Dialect::chat;
    }
    if (path == "/responses") {
        return Dialect::responses;
    }
    if (path == "/messages") {
        return Dialect::messages;
    }
    const bool is_gemini =
        path.starts_with("/v1beta/models/") && (path.ends_with(":generateContent") || path.ends_with(":streamGenerateContent"));
    return is_gemini ? std::optional(Dialect::gemini) : std::nullopt;
}

/// Of Gemini's path, after its folders and before the colon.
std::string model_of(std::string_view path) {
    path = path.substr(0, path.rfind(':'));
    return std::string(path.substr(path.rfind('/') + 1));
}

/// Of "NAME=N": how many the bill lists; all where nothing is said.
std::size_t count_asked(std::string_view query, std::string_view name) {
    std::size_t out = SIZE_MAX;
    if (const std::optional<std::string_view> value = query_value(query, name)) {
        std::from_chars(value->data(), value->data() + value->size(), out);
    }
    return out;
}

}  // namespace

class FakeProvider::Impl : public std::enable_shared_from_this<FakeProvider::Impl> {
public:
    Impl(net::IoThreads& threads, FakeOptions options)
        : threads_(threads),
          control_owner_(std::make_shared<Control>(std::move(options), system_clock())),
          control_(*control_owner_),
          batches_(std::make_shared<BatchRoutes>(control_owner_, threads)) {}

    Result<void> start() {
        if (Result<FakeOptions> good = checked(control_.options()); !good) {
            return good.error();
        }
        net::ServerOptions options;
        options.host = control_.options().host;
        options.port = control_.options().port;
        options.body_bytes_max = limits::kFakeUploadBytesMax;  // of uploads; see `handle` for the others
        options.body_timeout = limits::kFakeUploadTimeout;
        options.refuse = [](const Error& error) { return error_response(error); };
        server_ = std::make_unique<net::Server>(
            threads_, std::move(options), [weak = weak_from_this()](std::shared_ptr<net::ServerExchange> exchange) {
                if (const auto self = weak.lock()) {
                    self->handle(std::move(exchange));
                }
            });
        return server_->start();
    }

    void stop() {
        batches_->stop();
        if (server_) {
            server_->stop();
        }
    }

    unsigned short port() const noexcept { return server_ ? server_->port() : 0; }
    std::string banner() const { return fake::banner(control_.options(), port()); }
    FakeStats stats() const { return control_.ledger()->stats(); }

private:
    void handle(std::shared_ptr<net::ServerExchange> exchange) {
        net::ServerRequest& request = exchange->request();
        std::string_view path = request.path;
        if (path.substr(0, 4) == "/v1/") {
            path.remove_prefix(3);
        }
        if (!BatchApi::is_upload(request.method, path) && request.body.size() > limits::kRequestBodyBytesMax) {
            return exchange->respond(error_response(fail(Errc::body_too_large, "the request's body is larger than allowed")));
        }
        if (BatchApi::owns(path)) {
            return batches_->handle(std::move(exchange), path);
        }
        if (path == "/fake/batch/advance" && request.method == "POST") {
            return batches_->advance(std::move(exchange));
        }
        const std::optional<Dialect> dialect = request.method == "POST" ? dialect_of(path) : std::nullopt;
        if (dialect) {
            auto open = std::make_shared<OpenRequest>(control_.ledger(), control_.clock());
            Script script = control_.answer({std::move(request.body),
                                             request.header("authorization"),
                                             *dialect,
                                             *dialect == Dialect::gemini ? model_of(path) : std::string(),
                                             path.ends_with(":streamGenerateContent"),
                                             key_header(request),
                                             request.header("x-request-id")});
            play(std::move(script), std::move(exchange), std::move(open), threads_);
            return;
        }
        exchange->respond(plain_route(request, path));
    }

    net::ServerResponse plain_route(const net::ServerRequest& request, std::string_view path) {
        const bool is_get = request.method == "GET";
        const bool is_post = request.method == "POST";
        if (path == "/models" && is_get) {
            control_.ledger()->count("models", {}, {});
            return json_response(200, models_body(control_.options().models, system_clock().wall_ns() / 1'000'000'000));
        }
        if (path == "/fake/stats" && is_get) {
            return json_response(200, to_json(stats(), server_->connection_count(), control_.script_left()));
        }
        if (path == "/fake/bill" && is_get) {
            return json_response(
                200,
                to_json(control_.ledger()->bill(),
                        control_.options().prices,
                        count_asked(request.query, "requests"),
                        boost::json::object{
                            {"batch", batches_->api().bill().to_object(count_asked(request.query, "executions"))}}));
        }
        if (path == "/fake/behaviour" && is_post) {
            const Result<void> set = control_.set_behaviour(request.body);
            return set ? json_response(200, "{\"script_left\":" + std::to_string(control_.script_left()) + "}")
                       : error_response(set.error());
        }
        if (path == "/fake/reset" && is_post) {
            control_.reset();
            batches_->reset();
            return json_response(200, "{}");
        }
        if (path == "/health" && is_get) {
            return json_response(200, "{\"status\":\"healthy\",\"service\":\"eco2-fake-provider\"}");
        }
        if (path == "/" && is_get) {
            return {200, {{"content-type", "text/plain; charset=utf-8"}, {"x-eco2-fake", "1"}}, banner()};
        }
        control_.ledger()->count("other", {}, {});
        return error_response(ApiFault{
            404, "Invalid URL (" + shorten(request.method + " " + request.path, 200) + ")", "invalid_request_error", "", ""});
    }

    net::IoThreads& threads_;
    const std::shared_ptr<Control> control_owner_;  // shared with batches that are still being worked on
    Control& control_;
    const std::shared_ptr<BatchRoutes> batches_;
    std::unique_ptr<net::Server> server_;
};

FakeProvider::FakeProvider(net::IoThreads& threads, FakeOptions options)
    : impl_(std::make_shared<Impl>(threads, std::move(options))) {}
FakeProvider::~FakeProvider() {
    stop();
}
Result<void> FakeProvider::start() {
    return impl_->start();
}
unsigned short FakeProvider::port() const noexcept {
    return impl_->port();
}
std::string FakeProvider::banner() const {
    return impl_->banner();
}
void FakeProvider::stop() {
    impl_->stop();
}
FakeStats FakeProvider::stats() const {
    return impl_->stats();
}

}  // namespace eco2::fake
