#include "scaffold.hpp"

#include <eco2/abi/health.h>

/// A self-test that passes, fails, or never ends.
namespace {

struct Health {
    std::string behaviour;
    const eco2_executor_service* executor;
    const eco2_log_service* log;
    const eco2_sink* sink = nullptr;
    eco2_health table;
    eco2_call call;

    Health(const eco2_host* host, std::string_view config)
        : behaviour(scaffold::member(config, "behaviour")),
          executor(scaffold::service<eco2_executor_service>(host, ECO2_EXECUTOR_ID)),
          log(scaffold::service<eco2_log_service>(host, ECO2_LOG_ID)),
          table{sizeof(eco2_health), 0, this, &Health::check},
          call{sizeof(eco2_call), 0, this, [](void*) {}, &Health::cancel, [](void*) {}} {}

    eco2_status start() { return ECO2_OK; }
    void stop() { log->write(log->ctx, ECO2_LOG_INFO, scaffold::text("stopped"), nullptr, 0); }
    const void* interface(std::string_view id) { return id == ECO2_HEALTH_ID ? &table : nullptr; }

    static eco2_status check(void* raw, int64_t, const eco2_sink* sink, const eco2_call** out) {
        auto* self = static_cast<Health*>(raw);
        self->sink = sink;
        *out = &self->call;
        return self->behaviour == "hang" ? ECO2_OK : self->executor->post(self->executor->ctx, &Health::end, self);
    }

    static void cancel(void* raw) {
        auto* self = static_cast<Health*>(raw);
        self->executor->post(self->executor->ctx, &Health::end, self);
    }

    static void end(void* raw, eco2_status) {
        auto* self = static_cast<Health*>(raw);
        if (self->behaviour == "pass") {
            const eco2_result result = {sizeof(eco2_result), ECO2_OK, 0, 0, nullptr};
            self->sink->on_done(self->sink->ctx, &result);
            return;
        }
        const eco2_error error = {sizeof(eco2_error),
                                  ECO2_UNAVAILABLE,
                                  0,
                                  0,
                                  0,
                                  0,
                                  -1,
                                  scaffold::text("no_disk"),
                                  scaffold::text("the disk is gone")};
        const eco2_result result = {sizeof(eco2_result), ECO2_UNAVAILABLE, 0, 0, &error};
        self->sink->on_done(self->sink->ctx, &result);
    }
};

}  // namespace

const int32_t ECO2_ABI_MARKER = ECO2_ABI_DRAFT;

const eco2_descriptor* ECO2_PLUGIN_ENTRY() {
    static const eco2_str interfaces[] = {scaffold::text(ECO2_HEALTH_ID)};
    static const eco2_descriptor descriptor = {sizeof(eco2_descriptor),
                                               ECO2_ABI_DRAFT,
                                               scaffold::text(PLUGIN_ID),
                                               scaffold::text("1.0.0"),
                                               scaffold::text(scaffold::kSchema),
                                               interfaces,
                                               1,
                                               &scaffold::Plugin<Health>::create};
    return &descriptor;
}
