/* eco2 plugin ABI: a provider's Batch API, as functions over bytes. The plugin opens no socket and keeps no state: the host
 * sends what it writes and hands it what comes back.
 *
 * Each function answers by one callback, from inside: `take` once and then ECO2_OK, or `on_error` once and then the error's
 * status. What a callback is given is borrowed for the callback.
 *
 * The work of these functions grows with their bytes (a line may hold megabytes of images): the host calls them where it may
 * wait for it, never on an I/O thread, and several at the same time.
 */
#ifndef ECO2_ABI_BATCH_PROVIDER_H
#define ECO2_ABI_BATCH_PROVIDER_H

#include "eco2/abi/provider.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ECO2_BATCH_PROVIDER_ID "eco2.draft.batch_provider/0"

/* What became of a request. Unknown values read as ECO2_BATCH_FAILED. */
#define ECO2_BATCH_ANSWERED 1
#define ECO2_BATCH_FAILED 2    /* it was tried */
#define ECO2_BATCH_EXPIRED 3   /* it was not: the window was over */
#define ECO2_BATCH_CANCELLED 4 /* it was not: the batch was cancelled */

/* Where a batch stands. Unknown values read as ECO2_BATCH_STATE_RUNNING. */
#define ECO2_BATCH_STATE_VALIDATING 1
#define ECO2_BATCH_STATE_RUNNING 2
#define ECO2_BATCH_STATE_FINALIZING 3
#define ECO2_BATCH_STATE_COMPLETED 4
#define ECO2_BATCH_STATE_FAILED 5
#define ECO2_BATCH_STATE_EXPIRED 6
#define ECO2_BATCH_STATE_CANCELLING 7
#define ECO2_BATCH_STATE_CANCELLED 8

/* A step, and what it reads of eco2_batch_ask. A plugin answers ECO2_UNSUPPORTED to steps that its upstream has not. */
#define ECO2_BATCH_STEP_UPLOAD 1      /* file_name */
#define ECO2_BATCH_STEP_LIST_FILES 2  /* page_after */
#define ECO2_BATCH_STEP_DELETE_FILE 3 /* id of the file */
#define ECO2_BATCH_STEP_DOWNLOAD 4    /* id of the file */
#define ECO2_BATCH_STEP_CREATE 5      /* id of the file, tag, job */
#define ECO2_BATCH_STEP_RETRIEVE 6    /* id of the batch */
#define ECO2_BATCH_STEP_LIST 7        /* page_after */
#define ECO2_BATCH_STEP_CANCEL 8      /* id of the batch */

typedef struct eco2_batch_answer { /* one line of a result file */
    uint32_t struct_size;
    int32_t outcome;                  /* ECO2_BATCH_* */
    int32_t http_status;              /* of this request; 0: none */
    eco2_finish_reason finish_reason; /* of an answer */
    eco2_str custom_id;               /* empty: the line has none */
    eco2_str upstream_request_id;     /* this and what follows: empty where it is not told */
    eco2_str model;
    eco2_str text;
    eco2_str body_json;      /* the response's body as it came */
    const eco2_usage* usage; /* null: not told */
    const eco2_error* error; /* null exactly when outcome is ECO2_BATCH_ANSWERED */
} eco2_batch_answer;

typedef struct eco2_batch_ask {
    uint32_t struct_size;
    int32_t step; /* ECO2_BATCH_STEP_* */
    uint64_t key; /* handle of the key that the request shall carry, as in a generate request; 0: none */
    eco2_str id;  /* of the file or the batch */
    eco2_str file_name;
    eco2_str tag;        /* comes back in eco2_remote_batch */
    eco2_str job;        /* for people, in the provider's console */
    eco2_str page_after; /* next_page of an earlier reply; empty: the newest */
} eco2_batch_ask;

/* One HTTP request. ECO2_KEY_PLACEHOLDER in a header's value is replaced by the host, under the rules of eco2_http_service. */
typedef struct eco2_batch_request {
    uint32_t struct_size;
    uint32_t reserved;
    eco2_str method;
    eco2_str url;
    const eco2_str* headers; /* 2 * header_count strings, name and value in turn; Host and Content-Length are the host's */
    size_t header_count;
    eco2_str body;
    eco2_str body_end; /* of an upload: the file's bytes stand between body and body_end */
} eco2_batch_request;

typedef struct eco2_batch_response { /* what came back for a step */
    uint32_t struct_size;
    int32_t step;
    int32_t http_status;
    uint32_t reserved;
    const eco2_str* headers; /* 2 * header_count strings; names in lower case */
    size_t header_count;
    eco2_str body;
} eco2_batch_response;

typedef struct eco2_remote_file {
    uint32_t struct_size;
    uint32_t reserved;
    eco2_str id;
    eco2_str name;
    int64_t bytes;        /* -1: not told; so are those that follow */
    int64_t created_at_s; /* since 1970-01-01 UTC */
    int64_t expires_at_s;
} eco2_remote_file;

typedef struct eco2_batch_fault { /* why the provider refused a batch */
    uint32_t struct_size;
    uint32_t reserved;
    eco2_str code;
    eco2_str message;
    int64_t line; /* of the input, from 1; 0: not told */
} eco2_batch_fault;

typedef struct eco2_remote_batch {
    uint32_t struct_size;
    int32_t state;       /* ECO2_BATCH_STATE_* */
    eco2_str id;         /* never empty */
    eco2_str state_word; /* the provider's own */
    eco2_str tag;        /* empty: not told */
    eco2_str input_file;
    eco2_str output_file; /* empty: not there (yet) */
    eco2_str error_file;
    int64_t total; /* requests; -1: not told; so are those that follow */
    int64_t completed;
    int64_t failed;
    int64_t created_at_s;
    int64_t expires_at_s;
    const eco2_batch_fault* const* faults;
    size_t fault_count;
    const eco2_usage* usage; /* of the whole batch; null: not told */
} eco2_remote_batch;

/* The response itself proves that nothing was done. Without it a step that changes something may have been done. */
#define ECO2_BATCH_NOTHING_DONE 1u

typedef struct eco2_batch_reply {
    uint32_t struct_size;
    uint32_t flags;                       /* ECO2_BATCH_NOTHING_DONE, with an error */
    const eco2_error* error;              /* refused, or it cannot be read; null: done, and what follows counts */
    const eco2_remote_file* const* files; /* upload: one; list_files: newest first, each that is listed */
    size_t file_count;
    const eco2_remote_batch* const* batches; /* create, retrieve, cancel: one; list: newest first, each that is listed */
    size_t batch_count;
    eco2_str next_page; /* empty: the last page */
} eco2_batch_reply;

typedef struct eco2_batch_provider {
    uint32_t struct_size;
    uint32_t reserved;
    void* self;
    /* [control] after create: a JSON object (sdk/docs/abi.md names its members). Alive until destroy. */
    const eco2_str* (*describe)(void* self);
    /* [any-thread, long] The request as one line of an input file, without a line end. Flags and deadline of the request mean
     * nothing here: nothing is streamed. chat_json is there whenever a client wrote one. Equal requests give equal bytes. */
    eco2_status (*encode_line)(void* self,
                               const eco2_generate_request* request,
                               eco2_str custom_id,
                               void* ctx,
                               void (*take)(void* ctx, eco2_str line),
                               void (*on_error)(void* ctx, const eco2_error* error));
    /* [any-thread, long] One line of an output or error file, without its end. An error: it is no line of this provider's. */
    eco2_status (*read_line)(void* self,
                             eco2_str line,
                             void* ctx,
                             void (*take)(void* ctx, const eco2_batch_answer* answer),
                             void (*on_error)(void* ctx, const eco2_error* error));
    /* [any-thread, long] The request that does a step. */
    eco2_status (*write_step)(void* self,
                              const eco2_batch_ask* ask,
                              void* ctx,
                              void (*take)(void* ctx, const eco2_batch_request* request),
                              void (*on_error)(void* ctx, const eco2_error* error));
    /* [any-thread, long] What the answer to a step says; for a download only where it is not a success. */
    eco2_status (*read_reply)(void* self,
                              const eco2_batch_response* response,
                              void* ctx,
                              void (*take)(void* ctx, const eco2_batch_reply* reply),
                              void (*on_error)(void* ctx, const eco2_error* error));
} eco2_batch_provider;

#ifdef __cplusplus
}
#endif

#endif
