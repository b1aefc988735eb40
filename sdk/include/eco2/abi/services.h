/* eco2 plugin ABI: what the host does for plugins, so that they need no thread, socket, timer or key of their own. */
#ifndef ECO2_ABI_SERVICES_H
#define ECO2_ABI_SERVICES_H

#include "eco2/abi/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ECO2_LOG_ID "eco2.draft.log/0"
#define ECO2_METRICS_ID "eco2.draft.metrics/0"
#define ECO2_CLOCK_ID "eco2.draft.clock/0"
#define ECO2_EXECUTOR_ID "eco2.draft.executor/0"
#define ECO2_HTTP_ID "eco2.draft.http/0"
#define ECO2_SECRETS_ID "eco2.draft.secrets/0"

/* ---- log: one structured line; the host adds time, plugin and instance, and hides secrets ---- */
#define ECO2_LOG_DEBUG 1
#define ECO2_LOG_INFO 2
#define ECO2_LOG_WARN 3
#define ECO2_LOG_ERROR 4

typedef struct eco2_log_service {
    uint32_t struct_size;
    uint32_t reserved;
    void* ctx;
    int32_t (*enabled)(void* ctx, int32_t level); /* [any-thread] 0 or 1 */
    /* [any-thread] fields: 2 * field_count strings, name and value in turn */
    void (*write)(void* ctx, int32_t level, eco2_str message, const eco2_str* fields, size_t field_count);
} eco2_log_service;

/* ---- metrics: defined in create only, then recorded; label sets are bounded by the host (64 per metric) ---- */
#define ECO2_METRIC_COUNTER 1
#define ECO2_METRIC_GAUGE 2
#define ECO2_METRIC_HISTOGRAM 3

typedef struct eco2_metrics_service {
    uint32_t struct_size;
    uint32_t reserved;
    void* ctx;
    /* [control] during create. Exported as eco2_plugin_<plugin id>_<name>. Returns a handle, or 0: refused (logged). */
    uint64_t (*define)(void* ctx, int32_t kind, eco2_str name, eco2_str help, const eco2_str* label_names, size_t label_count);
    /* [any-thread] counter: adds value; gauge: sets it; histogram: observes it. */
    void (*record)(void* ctx, uint64_t metric, double value, const eco2_str* label_values, size_t label_count);
} eco2_metrics_service;

/* ---- clock ---- */
typedef struct eco2_clock_service {
    uint32_t struct_size;
    uint32_t reserved;
    void* ctx;
    int64_t (*monotonic_ns)(void* ctx); /* [any-thread] */
    int64_t (*wall_ns)(void* ctx);      /* [any-thread] since 1970-01-01 UTC */
} eco2_clock_service;

/* ---- executor ----
 * A task runs exactly once: with ECO2_OK, or with ECO2_CANCELLED when it will never be due (timer cancelled, host stopping).
 * Either way it must free its argument. */
typedef void (*eco2_task_fn)(void* arg, eco2_status why);
typedef struct eco2_timer eco2_timer;

typedef struct eco2_executor_service {
    uint32_t struct_size;
    uint32_t reserved;
    void* ctx;
    /* [any-thread] Runs task soon, never from inside post: on the caller's own I/O thread where it is on one. */
    eco2_status (*post)(void* ctx, eco2_task_fn task, void* arg);
    /* [any-thread] The timer handle stays valid until cancel_timer, which must be called exactly once, fired or not. */
    eco2_status (*post_after)(void* ctx, int64_t delay_ns, eco2_task_fn task, void* arg, eco2_timer** out);
    void (*cancel_timer)(void* ctx, eco2_timer* timer);
    /* [any-thread] Runs `work` on the blocking pool, then `done` where the caller was (or on any I/O thread).
     * ECO2_RESOURCE_EXHAUSTED: the pool's queue is full; nothing will run. `work` gets ECO2_CANCELLED and must not block
     * when the host is stopping; `done` follows in every case. Both get the same arg. */
    eco2_status (*run_blocking)(void* ctx, eco2_task_fn work, eco2_task_fn done, void* arg);
} eco2_executor_service;

/* ---- http: the host's client, with its pool, TLS, proxy, limits and egress rules ----
 * In a header value, the text ECO2_KEY_PLACEHOLDER is replaced by the secret that `key` stands for, by the host, on the way
 * out. A key goes only to the origins that the configuration binds it to, and over plain HTTP only to loopback. */
#define ECO2_KEY_PLACEHOLDER "{eco2:key}"

typedef struct eco2_http_request { /* borrowed for the start */
    uint32_t struct_size;
    uint32_t reserved;
    int64_t deadline_ns; /* 0: none */
    uint64_t key;        /* 0: no placeholder is replaced */
    eco2_str method;
    eco2_str url;
    const eco2_str* headers; /* 2 * header_count strings, name and value in turn; Host and Content-Length are the host's */
    size_t header_count;
    eco2_str body;
    uint64_t response_bytes_max; /* 0: the host's limit */
} eco2_http_request;

typedef struct eco2_http_head { /* borrowed for the callback */
    uint32_t struct_size;
    int32_t status;
    const eco2_str* headers; /* 2 * header_count strings; names in lower case */
    size_t header_count;
} eco2_http_head;

/* Made by the plugin; alive until on_done returns. Callbacks of one exchange never overlap, and none comes from inside the
 * start. */
typedef struct eco2_http_handler {
    uint32_t struct_size;
    uint32_t reserved;
    void* ctx;
    void (*on_head)(void* ctx, const eco2_http_head* head); /* once, first; not if the exchange fails before */
    eco2_flow (*on_body)(void* ctx, eco2_str chunk);        /* PAUSE stops reading the socket until resume */
    void (*on_done)(void* ctx, const eco2_error* error);    /* exactly once, last; null: the whole response has come */
} eco2_http_handler;

typedef struct eco2_http_call eco2_http_call;

typedef struct eco2_http_service {
    uint32_t struct_size;
    uint32_t reserved;
    void* ctx;
    /* [any-thread] Not ECO2_OK: no callback follows and *out is null. */
    eco2_status (*start)(void* ctx, const eco2_http_request* request, const eco2_http_handler* handler, eco2_http_call** out);
    void (*resume)(void* ctx, eco2_http_call* call);  /* [any-thread] */
    void (*cancel)(void* ctx, eco2_http_call* call);  /* [any-thread] on_done still follows, with ECO2_CANCELLED */
    void (*release)(void* ctx, eco2_http_call* call); /* [any-thread] exactly once */
} eco2_http_service;

/* ---- secrets: only those that the configuration grants to this instance ---- */
typedef struct eco2_secrets_service {
    uint32_t struct_size;
    uint32_t reserved;
    void* ctx;
    /* [any-thread] Calls on_secret once, from inside, or returns ECO2_NOT_FOUND. */
    eco2_status (*resolve)(void* ctx, eco2_str name, void* secret_ctx, void (*on_secret)(void* secret_ctx, eco2_blob secret));
} eco2_secrets_service;

#ifdef __cplusplus
}
#endif

#endif
