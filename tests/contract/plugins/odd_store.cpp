#include "scaffold.hpp"

#include <eco2/abi/reward.h>
#include <eco2/abi/rule_store.h>

/// A rule store and reward engine that answer with what they were asked, through the blocking pool; uses metrics, log, secrets.
namespace {

struct Store;

struct Answer {
    Store& store;
    const eco2_sink& sink;
    std::string text;
    std::string meta;
    bool is_failure;
    int references = 2;
    eco2_call table;

    Answer(Store& from, const eco2_sink& to, std::string json, std::string about, bool fails)
        : store(from),
          sink(to),
          text(std::move(json)),
          meta(std::move(about)),
          is_failure(fails),
          table{sizeof(eco2_call), 0, this, [](void*) {}, [](void*) {}, [](void* raw) { static_cast<Answer*>(raw)->drop(); }} {}

    void drop() {
        if (--references == 0) {
            delete this;
        }
    }

    static void work(void* raw, eco2_status why) {
        if (why != ECO2_OK) {
            static_cast<Answer*>(raw)->is_failure = true;
        }
    }

    static void end(void* raw, eco2_status) {
        auto& answer = *static_cast<Answer*>(raw);
        if (!answer.is_failure && !answer.text.empty()) {
            const eco2_delta delta = {sizeof(eco2_delta),
                                      ECO2_DELTA_RESULT,
                                      0,
                                      0,
                                      scaffold::text(answer.text),
                                      scaffold::text(answer.meta),
                                      {},
                                      {},
                                      nullptr,
                                      nullptr};
            answer.sink.on_delta(answer.sink.ctx, &delta);
        }
        const eco2_error error = {
            sizeof(eco2_error), ECO2_UNAVAILABLE, 0, 0, 0, 0, -1, scaffold::text("broken"), scaffold::text("table is gone")};
        const eco2_result result = {
            sizeof(eco2_result), answer.is_failure ? ECO2_UNAVAILABLE : ECO2_OK, 0, 0, answer.is_failure ? &error : nullptr};
        answer.sink.on_done(answer.sink.ctx, &result);
        answer.drop();
    }
};

struct Store {
    const eco2_executor_service* executor;
    const eco2_log_service* log;
    const eco2_metrics_service* metrics;
    uint64_t lookups = 0;
    eco2_timer* timer = nullptr;
    bool is_timer_told = false;
    eco2_rule_store store_table;
    eco2_rule_import import_table;
    eco2_reward reward_table;

    Store(const eco2_host* host, std::string_view)
        : executor(scaffold::service<eco2_executor_service>(host, ECO2_EXECUTOR_ID)),
          log(scaffold::service<eco2_log_service>(host, ECO2_LOG_ID)),
          metrics(scaffold::service<eco2_metrics_service>(host, ECO2_METRICS_ID)),
          store_table{
              sizeof(eco2_rule_store), 0, this, &Store::acquire, [](void*, const eco2_rule_snapshot*) {}, &Store::lookup},
          import_table{sizeof(eco2_rule_import), 0, this, &Store::import_directory},
          reward_table{sizeof(eco2_reward), 0, this, &Store::decide} {
        const eco2_str label = scaffold::text("category");
        lookups = metrics->define(
            metrics->ctx, ECO2_METRIC_COUNTER, scaffold::text("lookups"), scaffold::text("rules asked for"), &label, 1);
        const auto* secrets = scaffold::service<eco2_secrets_service>(host, ECO2_SECRETS_ID);
        secrets->resolve(secrets->ctx, scaffold::text("password"), this, [](void* self, eco2_blob secret) {
            static_cast<Store*>(self)->say(std::string(reinterpret_cast<const char*>(secret.data), secret.size));
        });
    }

    void say(const std::string& message) { log->write(log->ctx, ECO2_LOG_INFO, scaffold::text(message), nullptr, 0); }

    eco2_status start() {
        // A timer that is not due while the test runs: stop must end it.
        return executor->post_after(
            executor->ctx,
            int64_t{3'600'000'000'000},
            [](void* self, eco2_status why) { static_cast<Store*>(self)->is_timer_told = why == ECO2_CANCELLED; },
            this,
            &timer);
    }
    void stop() {
        say(is_timer_told ? "timer was cancelled" : "timer was forgotten");
        executor->cancel_timer(executor->ctx, timer);
        const eco2_str none = {};
        metrics->define(metrics->ctx, ECO2_METRIC_COUNTER, scaffold::text("late"), none, nullptr, 0);
    }
    const void* interface(std::string_view id) {
        if (id == ECO2_RULE_STORE_ID) {
            return &store_table;
        }
        if (id == ECO2_RULE_IMPORT_ID) {
            return &import_table;
        }
        return id == ECO2_REWARD_ID ? &reward_table : nullptr;
    }

    eco2_status answer(const eco2_sink& sink, std::string json, std::string meta, bool fails, const eco2_call** out) {
        auto* made = new Answer(*this, sink, std::move(json), std::move(meta), fails);
        const auto status = executor->run_blocking(executor->ctx, &Answer::work, &Answer::end, made);
        if (status != ECO2_OK) {
            delete made;
            return status;
        }
        *out = &made->table;
        return ECO2_OK;
    }

    static const eco2_rule_snapshot* acquire(void* self) { return static_cast<const eco2_rule_snapshot*>(self); }

    static eco2_status lookup(void* raw, const eco2_rule_query* query, const eco2_sink* sink, const eco2_call** out) {
        auto& self = *static_cast<Store*>(raw);
        const auto category = scaffold::view(query->category);
        self.metrics->record(self.metrics->ctx, self.lookups, 1, &query->category, 1);
        return self.answer(*sink,
                           category == "unknown" ? "" : "{\"key\":\"" + std::string(scaffold::view(query->key)) + "\"}",
                           R"({"id":"r1","version":7})",
                           category == "broken",
                           out);
    }

    static eco2_status import_directory(void* raw, eco2_str, const eco2_sink* sink, const eco2_call** out) {
        return static_cast<Store*>(raw)->answer(*sink, R"({"imported":3,"version":8})", "", false, out);
    }

    static eco2_status decide(void* raw, const eco2_reward_request* request, const eco2_sink* sink, const eco2_call** out) {
        return static_cast<Store*>(raw)->answer(
            *sink, std::string(scaffold::view(request->input_json)), "", scaffold::view(request->user_id) == "broken", out);
    }
};

}  // namespace

const int32_t ECO2_ABI_MARKER = ECO2_ABI_DRAFT;

const eco2_descriptor* ECO2_PLUGIN_ENTRY() {
    static const eco2_str interfaces[] = {
        scaffold::text(ECO2_RULE_STORE_ID), scaffold::text(ECO2_RULE_IMPORT_ID), scaffold::text(ECO2_REWARD_ID)};
    static const eco2_descriptor descriptor = {sizeof(eco2_descriptor),
                                               ECO2_ABI_DRAFT,
                                               scaffold::text(PLUGIN_ID),
                                               scaffold::text("1.0.0"),
                                               scaffold::text(scaffold::kSchema),
                                               interfaces,
                                               3,
                                               &scaffold::Plugin<Store>::create};
    return &descriptor;
}
