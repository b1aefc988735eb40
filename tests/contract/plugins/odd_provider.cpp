#include "scaffold.hpp"

#include <eco2/abi/provider.h>

#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

/// A provider that answers "a", "b", "c" and breaks the rule that its configuration names.
namespace {

struct Provider;

struct OddCall {
    Provider& provider;
    const eco2_sink& sink;
    eco2_call table;
    std::atomic<int> references{2};  // until on_done, until release
    std::atomic<bool> is_cancelled{false};
    std::atomic<bool> is_done{false};
    bool is_paused = false;
    int step = 0;
    eco2_http_handler handler{};
    eco2_http_call* http = nullptr;

    OddCall(Provider& from, const eco2_sink& to);
    void drop() {
        if (references.fetch_sub(1) == 1) {
            delete this;
        }
    }
    eco2_flow delta(std::string_view text) {
        const eco2_delta delta = {
            sizeof(eco2_delta), ECO2_DELTA_TEXT, 0, 0, scaffold::text(text), {}, {}, {}, nullptr, nullptr};
        return sink.on_delta(sink.ctx, &delta);
    }
    void done(eco2_status status = ECO2_OK, const eco2_error* error = nullptr) {
        const eco2_result result = {
            sizeof(eco2_result), status, status == ECO2_OK ? ECO2_FINISH_STOP : ECO2_FINISH_NONE, 0, error};
        is_done = true;
        sink.on_done(sink.ctx, &result);
    }
};

struct Provider {
    std::string behaviour;
    const eco2_executor_service* executor;
    const eco2_http_service* http;
    eco2_provider table;
    std::mutex mutex;
    std::list<std::thread> threads;

    Provider(const eco2_host* host, std::string_view config)
        : behaviour(scaffold::member(config, "behaviour")),
          executor(scaffold::service<eco2_executor_service>(host, ECO2_EXECUTOR_ID)),
          http(scaffold::service<eco2_http_service>(host, ECO2_HTTP_ID)),
          table{sizeof(eco2_provider), 0, this, &Provider::generate} {}

    eco2_status start() { return ECO2_OK; }
    void stop() {
        for (auto& thread : threads) {
            thread.join();
        }
    }
    const void* interface(std::string_view id) { return id == ECO2_PROVIDER_ID ? &table : nullptr; }

    void post(OddCall& call, eco2_task_fn task) { executor->post(executor->ctx, task, &call); }
    template <class Work>
    void on_own_thread(Work work) {
        const std::lock_guard lock(mutex);
        threads.emplace_back(work);
    }

    static eco2_status generate(void* raw, const eco2_generate_request* request, const eco2_sink* sink, const eco2_call** out);
    eco2_status begin(OddCall& call, const eco2_generate_request& request);
    eco2_status begin_http(OddCall& call, const eco2_generate_request& request);
    void end_well(OddCall& call);
};

/// Calls that never end stay reachable for the leak checker.
std::vector<OddCall*> stuck;

bool is_cancelled(OddCall& call) {
    return call.is_cancelled.load();
}

/// One piece, then again soon: so that everything may happen between any two.
void next_step(void* raw, eco2_status) {
    auto& call = *static_cast<OddCall*>(raw);
    constexpr std::string_view kPieces[] = {"a", "b", "c"};
    if (is_cancelled(call)) {
        call.done(ECO2_CANCELLED);
        call.drop();
        return;
    }
    if (call.step == 3) {
        call.provider.end_well(call);
        call.drop();
        return;
    }
    const auto flow = call.delta(kPieces[call.step++]);
    if (flow == ECO2_PAUSE && !is_cancelled(call)) {
        call.is_paused = true;
        return;
    }
    call.provider.post(call, &next_step);
}

void all_from_own_thread(OddCall& call) {
    call.provider.on_own_thread([&call] {
        for (const auto* piece : {"a", "b", "c"}) {
            call.delta(piece);
        }
        call.done(is_cancelled(call) ? ECO2_CANCELLED : ECO2_OK);
        call.drop();
    });
}

void overlapping(OddCall& call) {
    call.provider.on_own_thread([&call] {
        std::thread other([&call] {
            for (int i = 0; i < 200; ++i) {
                call.delta("x");
            }
        });
        for (int i = 0; i < 200; ++i) {
            call.delta("y");
        }
        other.join();
        call.done();
        call.drop();
    });
}

void flood(OddCall& call) {
    call.provider.on_own_thread([&call] {
        const std::string piece(8 * 1024, 'z');
        for (int i = 0; i < 300 && !is_cancelled(call); ++i) {
            call.delta(piece);
        }
        call.done(is_cancelled(call) ? ECO2_CANCELLED : ECO2_OK);
        call.drop();
    });
}

OddCall::OddCall(Provider& from, const eco2_sink& to)
    : provider(from),
      sink(to),
      table{sizeof(eco2_call),
            0,
            this,
            [](void* raw) {
                auto& call = *static_cast<OddCall*>(raw);
                if (call.http != nullptr) {
                    call.provider.http->resume(call.provider.http->ctx, call.http);
                } else if (call.is_paused) {
                    call.is_paused = false;
                    call.provider.post(call, &next_step);
                }
            },
            [](void* raw) {
                auto& call = *static_cast<OddCall*>(raw);
                const auto& behaviour = call.provider.behaviour;
                if (call.is_cancelled.exchange(true) || behaviour == "never_done") {
                    return;
                }
                if (call.http != nullptr) {
                    call.provider.http->cancel(call.provider.http->ctx, call.http);
                } else if (behaviour == "done_inside_cancel" || behaviour == "open") {
                    call.done(ECO2_CANCELLED);
                    call.drop();
                } else if (behaviour == "throws_in_cancel") {
                    call.provider.post(call, [](void* later, eco2_status) {
                        static_cast<OddCall*>(later)->done(ECO2_CANCELLED);
                        static_cast<OddCall*>(later)->drop();
                    });
                    throw std::runtime_error("from inside cancel");
                } else if (call.is_paused) {
                    call.is_paused = false;
                    call.provider.post(call, &next_step);
                }
            },
            [](void* raw) { static_cast<OddCall*>(raw)->drop(); }} {}

eco2_status Provider::begin_http(OddCall& call, const eco2_generate_request& request) {
    call.handler = {sizeof(eco2_http_handler),
                    0,
                    &call,
                    [](void*, const eco2_http_head*) {},
                    [](void* raw, eco2_str chunk) { return static_cast<OddCall*>(raw)->delta(scaffold::view(chunk)); },
                    [](void* raw, const eco2_error* error) {
                        auto& held = *static_cast<OddCall*>(raw);
                        held.provider.http->release(held.provider.http->ctx, held.http);
                        held.done(error == nullptr ? ECO2_OK : error->status, error);
                        held.drop();
                    }};
    const eco2_str headers[] = {scaffold::text("Authorization"),
                                scaffold::text("Bearer " ECO2_KEY_PLACEHOLDER),
                                scaffold::text("X-Extra"),
                                request.params_json.size == 0 ? scaffold::text("plain") : request.params_json};
    const eco2_http_request http_request = {sizeof(eco2_http_request),
                                            0,
                                            request.deadline_ns,
                                            request.key,
                                            scaffold::text("POST"),
                                            request.model,  // the test names the URL here
                                            headers,
                                            2,
                                            scaffold::text("{}"),
                                            0};
    return http->start(http->ctx, &http_request, &call.handler, &call.http);
}

eco2_status Provider::begin(OddCall& call, const eco2_generate_request& request) {
    if (behaviour == "http") {
        return begin_http(call, request);
    }
    if (behaviour == "http_from_own_thread") {
        on_own_thread([this, &call, &request] { begin_http(call, request); });
    } else if (behaviour == "throws") {
        throw std::runtime_error("from inside generate");
    } else if (behaviour == "refuses") {
        return ECO2_RESOURCE_EXHAUSTED;
    } else if (behaviour == "inline_done") {
        call.done();
    } else if (behaviour == "inline_delta") {
        call.delta("too early");
        post(call, &next_step);
    } else if (behaviour == "own_thread") {
        all_from_own_thread(call);
    } else if (behaviour == "overlap") {
        overlapping(call);
    } else if (behaviour == "flood") {
        flood(call);
    } else if (behaviour == "never_done" || behaviour == "done_inside_cancel" || behaviour == "open" ||
               behaviour == "throws_in_cancel") {
        stuck.push_back(&call);
    } else if (behaviour == "slow_start") {
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        post(call, &next_step);
    } else {
        post(call, &next_step);
    }
    return ECO2_OK;
}

eco2_status Provider::generate(void* raw, const eco2_generate_request* request, const eco2_sink* sink, const eco2_call** out) {
    auto& self = *static_cast<Provider*>(raw);
    auto call = std::make_unique<OddCall>(self, *sink);
    *out = nullptr;
    const auto status = self.begin(*call, *request);
    if (status != ECO2_OK) {
        return status;
    }
    auto* started = call.release();
    if (self.behaviour == "inline_done") {
        started->drop();
    }
    if (self.behaviour == "no_call") {
        started->drop();  // nobody will release it
        return ECO2_OK;
    }
    *out = &started->table;
    return ECO2_OK;
}

/// After the last piece.
void Provider::end_well(OddCall& call) {
    if (behaviour == "fails") {
        const eco2_error error = {sizeof(eco2_error),
                                  ECO2_RESOURCE_EXHAUSTED,
                                  ECO2_CLASS_LIMITED,
                                  429,
                                  ECO2_ERROR_RETRYABLE,
                                  0,
                                  1500,
                                  scaffold::text("rate_limit_exceeded"),
                                  scaffold::text("slow down")};
        call.done(ECO2_RESOURCE_EXHAUSTED, &error);
        return;
    }
    if (behaviour == "too_long") {
        const std::string piece(64 * 1024, 'z');
        for (int i = 0; i < 33; ++i) {
            call.delta(piece);
        }
    }
    if (behaviour == "not_utf8") {
        call.delta("\xC3");
    }
    if (behaviour == "null_result") {
        call.sink.on_done(call.sink.ctx, nullptr);
        return;
    }
    call.done();
    if (behaviour == "done_twice") {
        call.done();
    }
    if (behaviour == "delta_after_done") {
        call.delta("too late");
    }
}

}  // namespace

const int32_t ECO2_ABI_MARKER = ECO2_ABI_DRAFT;

const eco2_descriptor* ECO2_PLUGIN_ENTRY() {
    static const eco2_str interfaces[] = {scaffold::text(ECO2_PROVIDER_ID)};
    static const eco2_descriptor descriptor = {sizeof(eco2_descriptor),
                                               ECO2_ABI_DRAFT,
                                               scaffold::text(PLUGIN_ID),
                                               scaffold::text("1.0.0"),
                                               scaffold::text(scaffold::kSchema),
                                               interfaces,
                                               1,
                                               &scaffold::Plugin<Provider>::create};
    return &descriptor;
}
