// The front door on a port of its own, before a provider that does what the model's name says: for SDKs, which need exact
// answers, tools and failures at exact moments. Prints its port; GET /open tells how many calls are open.
#include "app/api.hpp"
#include "app/front_door.hpp"
#include "net/io_threads.hpp"
#include "net/server.hpp"

#include <csignal>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace eco2::app {
namespace {

using std::chrono::milliseconds;

std::atomic<int> open_calls = 0;

std::string chunk(const std::string& delta, const std::string& finish = "null") {
    return R"({"id":"chatcmpl-up","object":"chat.completion.chunk","created":1700000000,"model":"up-1","choices":[{"index":0,"delta":)" +
           delta + R"(,"logprobs":null,"finish_reason":)" + finish + R"(}],"usage":null})";
}

/// One step of an answer, told after `delay`.
struct Step {
    enum class Kind { chat, text, tool, usage, done, failed };
    Kind kind;
    std::string text;
    CallError error = {};
    milliseconds delay{0};
};

Step failed(Errc code, FaultClass fault, int status = 0, std::string upstream_code = {}, long retry_after_ms = -1) {
    Step step{Step::Kind::failed, {}, {}, milliseconds(0)};
    step.error.error = fail(code, "as the test wants it");
    step.error.error.retry_after_ms = retry_after_ms;
    step.error.fault = fault;
    step.error.upstream_http_status = status;
    step.error.upstream_code = std::move(upstream_code);
    return step;
}

const Step kUsage{Step::Kind::usage, {}, {}, milliseconds(0)};
const Step kDone{Step::Kind::done, {}, {}, milliseconds(0)};

const std::string kUsageChunk =
    R"({"id":"chatcmpl-up","object":"chat.completion.chunk","created":1700000000,"model":"up-1","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}})";

std::vector<Step> chat_steps() {
    return {{Step::Kind::chat, chunk(R"({"role":"assistant","content":""})")},
            {Step::Kind::chat, chunk(R"({"content":"Hello"})")},
            {Step::Kind::chat, chunk(R"({"content":" world"})")},
            {Step::Kind::chat, chunk("{}", "\"stop\"")},
            {Step::Kind::chat, kUsageChunk},
            kUsage,
            kDone};
}

std::vector<Step> steps_of(const GenerateRequest& request) {
    const auto& model = request.model;
    if (model == "chat") {
        return chat_steps();
    }
    if (model == "whole") {
        return {
            {Step::Kind::chat,
             R"({"id":"chatcmpl-up","object":"chat.completion","created":1700000000,"model":"up-1","choices":[{"index":0,"message":)"
             R"({"role":"assistant","content":"Hello world","refusal":null},"logprobs":null,"finish_reason":"stop"}],)"
             R"("usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}})"},
            kUsage,
            kDone};
    }
    if (model == "text") {
        return {{Step::Kind::text, "Hello"}, {Step::Kind::text, " world"}, kUsage, kDone};
    }
    if (model == "chat-tools") {
        return {
            {Step::Kind::chat,
             chunk(
                 R"({"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"weather","arguments":""}}]})")},
            {Step::Kind::chat, chunk(R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]})")},
            {Step::Kind::chat, chunk(R"({"tool_calls":[{"index":0,"function":{"arguments":"\"Seoul\"}"}}]})")},
            {Step::Kind::chat, chunk("{}", "\"tool_calls\"")},
            kUsage,
            kDone};
    }
    if (model == "text-tools") {
        return {
            {Step::Kind::tool, R"({"index":0,"id":"call_1","type":"function","function":{"name":"weather","arguments":""}})"},
            {Step::Kind::tool, R"({"index":0,"function":{"arguments":"{\"city\":"}})"},
            {Step::Kind::tool, R"({"index":0,"function":{"arguments":"\"Seoul\"}"}})"},
            kUsage,
            kDone};
    }
    if (model == "context") {
        return {failed(Errc::provider_context_length, FaultClass::context_length, 400, "context_length_exceeded")};
    }
    if (model == "policy") {
        return {failed(Errc::provider_refused, FaultClass::content_policy, 400)};
    }
    if (model == "limited") {
        return {failed(Errc::provider_limited, FaultClass::limited, 429)};
    }
    if (model == "limited-hint") {
        return {failed(Errc::provider_limited, FaultClass::limited, 429, {}, 50)};
    }
    if (model == "down") {
        return {failed(Errc::provider_overloaded, FaultClass::overloaded, 503)};
    }
    if (model == "cut") {
        auto steps = chat_steps();
        steps.resize(2);
        steps.push_back(failed(Errc::provider_reset, FaultClass::provider_fault));
        return steps;
    }
    if (model == "endless") {
        std::vector<Step> steps(10'000, Step{Step::Kind::chat, chunk(R"({"content":"x"})"), {}, milliseconds(5)});
        return steps;
    }
    return {{Step::Kind::text, "late", {}, milliseconds(60'000)}, kDone};  // "silent"
}

class ScriptedCall final : public Call, public std::enable_shared_from_this<ScriptedCall> {
public:
    ScriptedCall(Executor& executor, std::vector<Step> steps, CallObserver& observer)
        : executor_(executor), steps_(std::move(steps)), observer_(&observer) {
        ++open_calls;
    }
    ~ScriptedCall() override { --open_calls; }
    void resume() override {}
    void cancel() override {}
    void silence() {
        observer_ = nullptr;
        timer_.reset();
    }
    void next() {
        if (place_ >= steps_.size() || observer_ == nullptr) {
            return;
        }
        timer_ = executor_.post_after(steps_[place_].delay, [weak = weak_from_this()](TaskFate fate) {
            if (const auto self = weak.lock(); self != nullptr && fate == TaskFate::due) {
                self->tell();
                self->next();
            }
        });
    }

private:
    void tell() {
        const auto self = shared_from_this();
        if (observer_ == nullptr) {
            return;
        }
        if (place_ == 0) {
            RouteNote note;
            note.provider = "scripted";
            note.model = "up-1";
            note.attempts = 1;
            note.trail = "scripted:ok";
            observer_->on_route(note);
        }
        const auto& step = steps_[place_++];
        Usage usage;
        usage.input_tokens = 5;
        usage.output_tokens = 2;
        switch (step.kind) {
            case Step::Kind::chat: (void)observer_->on_chat({}, step.text, false); break;
            case Step::Kind::text: (void)observer_->on_text(step.text); break;
            case Step::Kind::tool: (void)observer_->on_tool(step.text); break;
            case Step::Kind::usage: observer_->on_usage(usage); break;
            case Step::Kind::done: std::exchange(observer_, nullptr)->on_done(FinishReason::stop, nullptr); break;
            case Step::Kind::failed: std::exchange(observer_, nullptr)->on_done(FinishReason::none, &step.error); break;
        }
    }

    Executor& executor_;
    const std::vector<Step> steps_;
    CallObserver* observer_;
    std::unique_ptr<Timer> timer_;
    std::size_t place_ = 0;
};

class CallHandle final : public Call {
public:
    explicit CallHandle(std::shared_ptr<ScriptedCall> call) : call_(std::move(call)) {}
    ~CallHandle() override { call_->silence(); }
    void resume() override {}
    void cancel() override {}

private:
    const std::shared_ptr<ScriptedCall> call_;
};

class ScriptedProvider final : public ProviderDoor {
public:
    ScriptedProvider(Executor& executor, bool has_chat) : executor_(executor), has_chat_(has_chat) {}
    StartedCall generate(std::shared_ptr<const GenerateRequest> request, CallObserver& observer) override {
        auto call = std::make_shared<ScriptedCall>(executor_, steps_of(*request), observer);
        call->next();
        return std::unique_ptr<Call>(std::make_unique<CallHandle>(std::move(call)));
    }
    std::string_view name() const noexcept override { return "scripted"; }
    Capabilities capabilities() const noexcept override {
        Capabilities can;
        can.has_chat = has_chat_;
        return can;
    }

private:
    Executor& executor_;
    const bool has_chat_;
};

Result<Caller> authenticate(const net::ServerRequest& request) {
    const auto token = request.header("authorization");
    if (token == "Bearer wrong") {
        return fail(Errc::unauthorized, "this API key is not known");
    }
    Caller caller;
    caller.means = Caller::Means::key;
    caller.key_id = token;
    if (token == "Bearer no-chat") {
        caller.scopes = {"run"};
    }
    if (token == "Bearer one-a-minute") {
        caller.requests_per_minute = 1;
    }
    return caller;
}

int run() {
    net::IoThreads threads((net::IoThreads::Options()));
    threads.start();
    ScriptedProvider chat(threads, true);
    ScriptedProvider text(threads, false);
    FrontDoors doors{authenticate,
                     [] { return Result<void>(); },
                     [&](std::string_view model) -> std::shared_ptr<ProviderDoor> {
                         ProviderDoor* provider = model.starts_with("text") ? &text : &chat;
                         return {std::shared_ptr<void>(), model == "unknown" ? nullptr : provider};
                     },
                     [] {
                         return std::vector<std::string>{"chat", "text"};
                     },
                     nullptr,
                     nullptr,
                     threads,
                     system_clock()};
    const Router router(std::make_shared<FrontDoor>(std::move(doors))->routes());
    net::Server server(threads, {}, [&](const ExchangePtr& exchange) {
        const auto& request = exchange->request();
        if (request.path == "/open") {
            return exchange->respond(json_response(200, std::to_string(open_calls.load())));
        }
        const auto found = router.find(request.method, request.path);
        if (found.route == nullptr) {
            return exchange->respond(FrontDoor::refusal(request, fail(Errc::not_found)));
        }
        found.route->handler(exchange, found.values);
    });
    if (auto started = server.start(); !started) {
        std::fprintf(stderr, "%s\n", started.error().text().c_str());
        return 1;
    }
    std::printf("port %u\n", static_cast<unsigned>(server.port()));
    std::fflush(stdout);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    int signal = 0;
    sigwait(&signals, &signal);
    server.stop();
    threads.stop();
    return 0;
}

}  // namespace
}  // namespace eco2::app

int main() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    return eco2::app::run();
}
