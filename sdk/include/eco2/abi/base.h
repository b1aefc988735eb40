/* eco2 plugin ABI: the words that every other header of this folder uses.
 *
 * Rules that hold for the whole ABI (sdk/docs/abi.md has the reasons):
 *   - C11, 64-bit little-endian Linux. No bool, enum, long, bit-field, union or vararg crosses.
 *   - A struct that crosses starts with struct_size. Its maker sets it to its own sizeof; a reader uses a field only if
 *     struct_size covers it. Fields are appended, never moved. Reserved fields are zero.
 *   - Tables and structs cross by pointer and belong to their maker. Nothing allocated on one side is freed on the other.
 *   - Strings are UTF-8, not terminated, and borrowed for the call unless a comment says longer.
 *   - No C++ type, exception, errno or locale crosses.
 *   - An unknown enum value is read as the documented default.
 *
 * Thread tags in comments:
 *   [control]        one thread at a time per plugin, life-cycle only, may block
 *   [any-thread]     from any thread, also at the same time; returns within 10 ms, never blocks
 *   [call]           serialised per call, different calls run at the same time; returns within 10 ms, never blocks
 *   [blocking-pool]  on a host thread that is allowed to block
 */
#ifndef ECO2_ABI_BASE_H
#define ECO2_ABI_BASE_H

#include <stddef.h>
#include <stdint.h>

/* While the interfaces are drafts, host and plugin must agree on this number exactly. Bumped with every change here. */
#define ECO2_ABI_DRAFT 2
#define ECO2_ABI_MARKER eco2_abi_draft_2

#if defined(__GNUC__)
#define ECO2_EXPORT __attribute__((visibility("default")))
#else
#define ECO2_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eco2_str {
    const char* data; /* may be null when size is 0 */
    size_t size;
} eco2_str;

typedef struct eco2_blob {
    const uint8_t* data; /* may be null when size is 0 */
    size_t size;
} eco2_blob;

/* Result of an operation. Unknown values read as ECO2_INTERNAL. */
typedef int32_t eco2_status;
#define ECO2_OK 0
#define ECO2_INVALID_ARGUMENT 1
#define ECO2_UNSUPPORTED 2
#define ECO2_UNAVAILABLE 3
#define ECO2_DEADLINE_EXCEEDED 4
#define ECO2_CANCELLED 5
#define ECO2_RESOURCE_EXHAUSTED 6
#define ECO2_UNAUTHENTICATED 7
#define ECO2_INTERNAL 8
#define ECO2_NOT_FOUND 9

/* What a failed call means for whoever decides about another attempt. Unknown values read as ECO2_CLASS_PROVIDER_FAULT. */
typedef int32_t eco2_error_class;
#define ECO2_CLASS_NONE 0
#define ECO2_CLASS_CALLER_FAULT 1   /* the request is wrong: no other provider would take it */
#define ECO2_CLASS_CONTEXT_LENGTH 2 /* too long for this model: a larger one may take it */
#define ECO2_CLASS_CONTENT_POLICY 3 /* refused for what it says */
#define ECO2_CLASS_KEY_FAULT 4      /* key wrong, forbidden, or its money is spent: waiting does not help */
#define ECO2_CLASS_LIMITED 5        /* rate limit: waiting, or a key of another quota group, helps */
#define ECO2_CLASS_OVERLOADED 6     /* the provider asks everybody to come later */
#define ECO2_CLASS_PROVIDER_FAULT 7 /* 5xx, reset, silence, an answer that cannot be read */

#define ECO2_ERROR_RETRYABLE 1u

typedef struct eco2_error { /* borrowed for the callback */
    uint32_t struct_size;
    eco2_status status;
    eco2_error_class error_class;
    int32_t upstream_http_status; /* 0: none */
    uint32_t flags;               /* ECO2_ERROR_* */
    uint32_t reserved;
    int64_t retry_after_ms; /* -1: no hint */
    eco2_str code;          /* stable, open vocabulary, e.g. "insufficient_quota"; "malformed": an answer that cannot be read */
    eco2_str message;       /* for people; no secrets */
} eco2_error;

/* What a callback wants next. */
typedef int32_t eco2_flow;
#define ECO2_CONTINUE 0
#define ECO2_PAUSE 1 /* no further delta until resume; at most what is already in flight, bounded by one read buffer */

/* Why a generation ended. Unknown values read as ECO2_FINISH_OTHER. */
typedef int32_t eco2_finish_reason;
#define ECO2_FINISH_NONE 0 /* not a generation, or it failed */
#define ECO2_FINISH_STOP 1
#define ECO2_FINISH_LENGTH 2
#define ECO2_FINISH_TOOL 3
#define ECO2_FINISH_CONTENT_FILTER 4
#define ECO2_FINISH_REFUSAL 5
#define ECO2_FINISH_OTHER 6

#define ECO2_USAGE_ESTIMATED 1u

typedef struct eco2_usage { /* token counts; -1: not known */
    uint32_t struct_size;
    uint32_t flags; /* ECO2_USAGE_* */
    int64_t input_tokens;
    int64_t output_tokens;
    int64_t cached_input_tokens;
    int64_t reasoning_tokens;
} eco2_usage;

typedef struct eco2_rate_limits { /* as the upstream reported them; -1: not known */
    uint32_t struct_size;
    uint32_t reserved;
    int64_t requests_limit;
    int64_t requests_remaining;
    int64_t requests_reset_ms;
    int64_t tokens_limit;
    int64_t tokens_remaining;
    int64_t tokens_reset_ms;
} eco2_rate_limits;

/* Unknown kinds are skipped. */
#define ECO2_DELTA_TEXT 1   /* text: the next piece of the generated text */
#define ECO2_DELTA_TOOL 2   /* text: a tool-call fragment as JSON, in the form of OpenAI's delta.tool_calls[] */
#define ECO2_DELTA_USAGE 3  /* usage; a later one replaces an earlier one */
#define ECO2_DELTA_META 4   /* any of limits, upstream_request_id, model, upstream_http_status */
#define ECO2_DELTA_RESULT 5 /* text: a whole JSON result (rule, reward, health, import); meta: JSON about it */
#define ECO2_DELTA_RAW 6    /* text: an upstream event that has no kind of its own, as JSON */
#define ECO2_DELTA_CHAT                                                                                   \
    7 /* of a request with chat_json alone, in place of TEXT, TOOL and RAW. meta: one OpenAI              \
       * chat.completion.chunk, or the whole chat.completion, as JSON and as it came; text: what choice 0 \
       * says in it, may be empty */

#define ECO2_DELTA_CONTENT 1u /* of CHAT: it holds content besides text (tool calls, a refusal, other choices) */

typedef struct eco2_delta { /* borrowed for the callback; fields that the kind does not name are empty, -1 or null */
    uint32_t struct_size;
    int32_t kind; /* ECO2_DELTA_* */
    int32_t upstream_http_status;
    uint32_t flags; /* ECO2_DELTA_CONTENT */
    eco2_str text;
    eco2_str meta;
    eco2_str upstream_request_id;
    eco2_str model;
    const eco2_usage* usage;
    const eco2_rate_limits* limits;
} eco2_delta;

typedef struct eco2_result { /* borrowed for the callback */
    uint32_t struct_size;
    eco2_status status;
    eco2_finish_reason finish_reason;
    uint32_t reserved;
    const eco2_error* error; /* null exactly when status is ECO2_OK */
} eco2_result;

/* Where a call's output goes. Made by the host; alive until on_done returns. The callbacks of one call never overlap. */
typedef struct eco2_sink {
    uint32_t struct_size;
    uint32_t reserved;
    void* ctx;
    eco2_flow (*on_delta)(void* ctx, const eco2_delta* delta); /* [call] */
    void (*on_done)(void* ctx, const eco2_result* result);     /* [call] exactly once, last; never from inside the start */
} eco2_sink;

/* A started call, made by the plugin. Every interface starts calls alike:
 *   a start that does not return ECO2_OK leaves *out null and makes no callback at all;
 *   after ECO2_OK there are zero or more on_delta and then exactly one on_done.
 * The host calls each of these through the call's own table, so that it has one code path for all interfaces. */
typedef struct eco2_call {
    uint32_t struct_size;
    uint32_t reserved;
    void* self;
    void (*resume)(void* self);  /* [any-thread] after ECO2_PAUSE; harmless otherwise */
    void (*cancel)(void* self);  /* [any-thread] idempotent; on_done still follows, within 1 s */
    void (*release)(void* self); /* [any-thread] exactly once, before or after on_done: the host drops its pointer */
} eco2_call;

#ifdef __cplusplus
}
#endif

#endif
