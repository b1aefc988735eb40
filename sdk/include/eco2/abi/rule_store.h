/* eco2 plugin ABI: a store of rules, looked up by category and key, versioned as a whole. */
#ifndef ECO2_ABI_RULE_STORE_H
#define ECO2_ABI_RULE_STORE_H

#include "eco2/abi/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ECO2_RULE_STORE_ID "eco2.draft.rule_store/0"
#define ECO2_RULE_IMPORT_ID "eco2.draft.rule_import/0"

typedef struct eco2_rule_snapshot eco2_rule_snapshot; /* opaque: the rules as they were at one moment */

typedef struct eco2_rule_query { /* borrowed until on_done has returned */
    uint32_t struct_size;
    uint32_t reserved;
    int64_t deadline_ns;
    const eco2_rule_snapshot* snapshot; /* never null; acquired before and dropped after the call by the host */
    eco2_str request_id;
    eco2_str category; /* exact, no normalisation: a store takes it as data, never as part of a path or a statement */
    eco2_str key;      /* tried first together with category; empty or unknown: category alone */
} eco2_rule_query;

typedef struct eco2_rule_store {
    uint32_t struct_size;
    uint32_t reserved;
    void* self;
    /* [any-thread] Pins today's rules for a run; never null once started. Each acquire is paired with one drop. */
    const eco2_rule_snapshot* (*acquire)(void* self);
    void (*drop)(void* self, const eco2_rule_snapshot* snapshot);
    /* [any-thread] One ECO2_DELTA_RESULT with the rule's JSON in text and {"id","version"} in meta, or none: no such rule. */
    eco2_status (*lookup)(void* self, const eco2_rule_query* query, const eco2_sink* sink, const eco2_call** out);
} eco2_rule_store;

typedef struct eco2_rule_import {
    uint32_t struct_size;
    uint32_t reserved;
    void* self;
    /* [any-thread] Replaces all rules by the files of a directory, atomically. RESULT: {"imported":N,"version":N}. */
    eco2_status (*import_directory)(void* self, eco2_str directory, const eco2_sink* sink, const eco2_call** out);
} eco2_rule_import;

#ifdef __cplusplus
}
#endif

#endif
