/* eco2 plugin ABI: text generation with optional images, streamed. */
#ifndef ECO2_ABI_PROVIDER_H
#define ECO2_ABI_PROVIDER_H

#include "eco2/abi/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ECO2_PROVIDER_ID "eco2.draft.provider/0"
#define ECO2_PROVIDER_INFO_ID "eco2.draft.provider_info/0"

#define ECO2_ROLE_SYSTEM 1
#define ECO2_ROLE_USER 2
#define ECO2_ROLE_ASSISTANT 3
#define ECO2_ROLE_TOOL 4 /* a tool's result: text parts, and the message's tool_call_id */

#define ECO2_PART_TEXT 1        /* text */
#define ECO2_PART_IMAGE_URL 2   /* text: an https URL that the upstream fetches itself */
#define ECO2_PART_IMAGE_BYTES 3 /* bytes and mime; the provider encodes them as its upstream wants */
#define ECO2_PART_TOOL_CALL 4   /* of an assistant's message. text: a call in the form of OpenAI's message.tool_calls[] */

#define ECO2_DETAIL_AUTO 0
#define ECO2_DETAIL_LOW 1
#define ECO2_DETAIL_HIGH 2

typedef struct eco2_part {
    uint32_t struct_size;
    int32_t kind;   /* ECO2_PART_* */
    int32_t detail; /* ECO2_DETAIL_*, images only */
    uint32_t reserved;
    eco2_str text;
    eco2_str mime;
    eco2_blob bytes;
} eco2_part;

typedef struct eco2_message {
    uint32_t struct_size;
    int32_t role; /* ECO2_ROLE_* */
    const eco2_part* const* parts;
    size_t part_count;
    eco2_str tool_call_id; /* which call a tool's result answers; empty otherwise */
} eco2_message;

#define ECO2_GENERATE_STREAM 1u /* text deltas are wanted as they arrive; without it one delta with all is as good */

/* Borrowed from the start until on_done has returned, with everything that it points to. */
typedef struct eco2_generate_request {
    uint32_t struct_size;
    uint32_t flags;      /* ECO2_GENERATE_* */
    int64_t deadline_ns; /* on the host's monotonic clock; the host enforces it */
    uint64_t key;        /* handle of the key to use, for eco2_http_request; 0: the upstream needs none */
    eco2_str request_id;
    eco2_str traceparent; /* W3C; empty: none */
    eco2_str model;
    const eco2_message* const* messages;
    size_t message_count;
    eco2_str schema_name;      /* empty: free text */
    eco2_str schema_json;      /* JSON Schema that the text must obey */
    eco2_str params_json;      /* JSON object of further fields for the upstream's request; empty: none */
    int64_t max_output_tokens; /* -1: the upstream's default */
    double temperature;        /* negative: the upstream's default */
    double top_p;              /* negative: the upstream's default */
    eco2_str stop_json;        /* JSON array of texts that end the answer; empty: none */
    eco2_str tools_json;       /* JSON object with OpenAI's "tools", "tool_choice", "parallel_tool_calls"; empty: no tools */
    /* The request as a client wrote it, in the form of OpenAI's POST /v1/chat/completions; empty: there is none, or the
     * provider has not the capability "chat". Such a provider sends it on as it is, with `model`, `stream` and
     * `stream_options` as this struct has them, and answers with ECO2_DELTA_CHAT. Messages and the fields above say the same.
     */
    eco2_str chat_json;
} eco2_generate_request;

typedef struct eco2_provider {
    uint32_t struct_size;
    uint32_t reserved;
    void* self;
    eco2_status (*generate)(void* self, /* [any-thread] */
                            const eco2_generate_request* request,
                            const eco2_sink* sink,
                            const eco2_call** out);
} eco2_provider;

typedef struct eco2_provider_info {
    uint32_t struct_size;
    uint32_t reserved;
    void* self;
    /* [control] after create: a JSON object with "name", and "capabilities": {"vision", "json_schema", "streaming", "tools",
     * "chat"} as booleans; what is not named is false. Alive until destroy. */
    const eco2_str* (*describe)(void* self);
} eco2_provider_info;

#ifdef __cplusplus
}
#endif

#endif
