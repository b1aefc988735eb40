#pragma once

#include "routing/routes.hpp"
#include "support/manual_executor.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace eco2::routing {

using namespace std::chrono_literals;

/// A call that reached a provider, to be driven by the test.
struct ProviderCall {
    std::string provider;
    std::shared_ptr<const GenerateRequest> request;
    CallObserver* observer = nullptr;  // null: ended, or dropped by the host
    Clock::Monotonic at{};
    bool was_dropped = false;
    int resumes = 0;

    CallObserver::Flow text(std::string_view words) { return observer->on_text(words); }
    CallObserver::Flow chunk(std::string_view words, std::string_view json, bool has_more = false) {
        return observer->on_chat(words, json, has_more);
    }
    void head(int status = 200, std::string_view model = {}) {
        observer->on_meta({.model = model, .upstream_request_id = {}, .upstream_http_status = status});
    }
    void usage(std::int64_t in, std::int64_t out) { observer->on_usage({.input_tokens = in, .output_tokens = out}); }
    void done(FinishReason reason = FinishReason::stop) { std::exchange(observer, nullptr)->on_done(reason, nullptr); }
    void fail(FaultClass fault, Errc code, int status = 0, long retry_after_ms = -1) {
        CallError error;
        error.error = eco2::fail(code, "told by the test");
        error.error.retry_after_ms = retry_after_ms;
        error.fault = fault;
        error.upstream_http_status = status;
        error.is_retryable = info(code).is_retryable;
        if (status != 0) {
            head(status);
        }
        std::exchange(observer, nullptr)->on_done(FinishReason::none, &error);
    }
    void overloaded() { fail(FaultClass::overloaded, Errc::provider_overloaded, 503); }
    void broken() { fail(FaultClass::provider_fault, Errc::provider_error, 500); }
    void reset() { fail(FaultClass::provider_fault, Errc::provider_reset); }
    void limited(long retry_after_ms) { fail(FaultClass::limited, Errc::provider_limited, 429, retry_after_ms); }
};

class FakeProviders {
public:
    explicit FakeProviders(const Clock& clock) : clock_(clock) {}

    ProviderDoor* find(std::string_view id) {
        const auto found = doors_.find(id);
        return found == doors_.end() ? nullptr : found->second.get();
    }
    void add(std::string id, Capabilities capabilities = {true, true, true, true, true}) {
        doors_[id] = std::make_unique<Door>(*this, id, capabilities);
    }
    ProviderCall& last() { return *calls.back(); }
    std::size_t count(std::string_view provider) const {
        std::size_t found = 0;
        for (const auto& call : calls) {
            found += call->provider == provider ? 1 : 0;
        }
        return found;
    }

    std::vector<std::shared_ptr<ProviderCall>> calls;
    /// What a start answers instead of a call; empty: it starts.
    std::function<Result<void>(std::string_view provider)> on_start;

private:
    class Handle final : public Call {
    public:
        explicit Handle(std::shared_ptr<ProviderCall> call) : call_(std::move(call)) {}
        ~Handle() override {
            call_->was_dropped = call_->observer != nullptr;
            call_->observer = nullptr;
        }
        void resume() override { ++call_->resumes; }
        void cancel() override {}

    private:
        std::shared_ptr<ProviderCall> call_;
    };

    class Door final : public ProviderDoor {
    public:
        Door(FakeProviders& all, std::string id, Capabilities capabilities)
            : all_(all), id_(std::move(id)), capabilities_(capabilities) {}
        StartedCall generate(std::shared_ptr<const GenerateRequest> request, CallObserver& observer) override {
            if (all_.on_start) {
                if (auto started = all_.on_start(id_); !started) {
                    return started.error();
                }
            }
            auto call = std::make_shared<ProviderCall>();
            call->provider = id_;
            call->request = std::move(request);
            call->observer = &observer;
            call->at = all_.clock_.now();
            all_.calls.push_back(call);
            return std::unique_ptr<Call>(std::make_unique<Handle>(std::move(call)));
        }
        std::string_view name() const noexcept override { return id_; }
        Capabilities capabilities() const noexcept override { return capabilities_; }

    private:
        FakeProviders& all_;
        const std::string id_;
        const Capabilities capabilities_;
    };

    const Clock& clock_;
    std::map<std::string, std::unique_ptr<Door>, std::less<>> doors_;
};

class Records final : public AttemptWatcher {
public:
    void on_attempt(const AttemptRecord& record) override { attempts.push_back(record); }
    void on_routed(const RoutedRecord& record) override { requests.push_back(record); }
    std::vector<AttemptRecord> attempts;
    std::vector<RoutedRecord> requests;
};

/// Who asks: keeps what he is told.
class Asker final : public CallObserver {
public:
    Flow on_text(std::string_view words) override {
        text += words;
        ++pieces;
        return flow;
    }
    Flow on_chat(std::string_view words, std::string_view json, bool) override {
        text += words;
        chunks.emplace_back(json);
        ++pieces;
        return flow;
    }
    Flow on_tool(std::string_view json) override {
        tools += json;
        return flow;
    }
    void on_restart() override {
        ++restarts;
        text.clear();
    }
    void on_route(const RouteNote& note) override {
        provider = note.provider;
        key = note.key;
        attempts = note.attempts;
        trail = note.trail;
    }
    void on_usage(const Usage& told) override { usage = told; }
    void on_meta(const CallMeta& meta) override { model = meta.model; }
    void on_result(std::string_view, std::string_view) override {}
    void on_done(FinishReason reason, const CallError* told) override {
        ++ends;
        finish = reason;
        if (told != nullptr) {
            error = *told;
        }
        call.reset();
    }

    bool is_answered() const { return ends == 1 && !error; }

    std::unique_ptr<Call> call;
    Flow flow = Flow::go_on;
    std::string text;
    std::string tools;
    std::vector<std::string> chunks;
    std::string provider;
    std::string key;
    std::string model;
    std::string trail;
    int attempts = 0;
    int pieces = 0;
    int restarts = 0;
    int ends = 0;
    FinishReason finish = FinishReason::none;
    Usage usage;
    std::optional<CallError> error;
};

/// Routes over fake providers "a", "b" and "c" under virtual time.
class RoutingFixture {
public:
    explicit RoutingFixture(RoutingDefinition given = {}) : definition(std::move(given)) {
        for (const auto* id : {"a", "b", "c"}) {
            providers.add(id);
            if (std::none_of(
                    definition.providers.begin(), definition.providers.end(), [&](const auto& one) { return one.id == id; })) {
                definition.providers.push_back({id, {}});
            }
        }
        if (definition.routes.empty()) {
            definition.routes.push_back(route({{.provider = "a", .model = {}}, {.provider = "b", .model = "model-b"}}));
        }
    }

    static RouteDefinition route(std::vector<RouteTarget> targets) {
        RouteDefinition made;
        made.name = "r";
        made.match = "*";
        made.targets = std::move(targets);
        return made;
    }
    RoutePolicy& policy() { return definition.routes.front().policy; }

    std::unique_ptr<Asker> ask(bool is_streamed = true, const std::function<void(GenerateRequest&)>& change = {}) {
        if (routes == nullptr) {
            board = std::make_shared<TargetBoard>(definition, clock, 1);
            const auto find = [this](std::string_view id) { return providers.find(id); };
            auto made = Routes::make(definition,
                                     board,
                                     {find,
                                      [](std::string_view) { return nullptr; },
                                      [](std::string_view) { return false; },
                                      executor,
                                      clock,
                                      records});
            routes = made ? *made : nullptr;
        }
        auto request = std::make_shared<GenerateRequest>();
        request->request_id = "req-" + std::to_string(++asked);
        request->model = "model-a";
        request->is_streamed = is_streamed;
        request->messages.push_back(
            {Role::user, {{Part::Kind::text, std::make_shared<std::string>("hello there"), nullptr, {}}}});
        if (change) {
            change(*request);
        }
        auto asker = std::make_unique<Asker>();
        auto started = routes->find(request->model)->generate(request, *asker);
        if (started) {
            asker->call = std::move(started.value());
        }
        executor.run();
        return asker;
    }
    void pass(std::chrono::nanoseconds time) { executor.advance(time); }

    RoutingDefinition definition;
    test::ManualClock clock;
    test::ManualExecutor executor{clock};
    FakeProviders providers{clock};
    Records records;
    std::shared_ptr<TargetBoard> board;
    std::shared_ptr<Routes> routes;
    int asked = 0;
};

}  // namespace eco2::routing
