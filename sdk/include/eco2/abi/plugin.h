/* eco2 plugin ABI: how a library presents itself, and the life of an instance.
 *
 * A plugin library exports two symbols and nothing else:
 *   eco2_plugin_entry_v1   the only function, returns the static descriptor;
 *   eco2_abi_draft_<N>     a marker whose name alone tells the ABI, readable without running code.
 *
 * Life of an instance: create -> get_interface -> start -> calls -> stop -> destroy. Libraries are never unmapped.
 */
#ifndef ECO2_ABI_PLUGIN_H
#define ECO2_ABI_PLUGIN_H

#include "eco2/abi/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the host lends to one instance. Alive from create until destroy returns. */
typedef struct eco2_host {
    uint32_t struct_size;
    uint32_t abi_draft; /* ECO2_ABI_DRAFT of the host */
    void* ctx;
    /* [any-thread] The service's table, or null where this host lacks it. Alive as long as the eco2_host. */
    const void* (*get_service)(void* ctx, const char* service_id);
} eco2_host;

typedef struct eco2_plugin { /* belongs to the plugin until destroy */
    uint32_t struct_size;
    uint32_t reserved;
    void* self;
    eco2_status (*start)(void* self); /* [control] after it the instance must be ready to take calls */
    void (*stop)(void* self);         /* [control] no plugin code may run on a thread of the plugin's own afterwards */
    void (*destroy)(void* self);      /* [control] */
    /* [any-thread] The interface's table, or null. The same pointer each time. */
    const void* (*get_interface)(void* self, const char* interface_id);
} eco2_plugin;

typedef struct eco2_descriptor { /* static and immutable */
    uint32_t struct_size;
    uint32_t abi_draft; /* ECO2_ABI_DRAFT the plugin was built with */
    eco2_str id;
    eco2_str version;
    eco2_str config_schema_json; /* JSON Schema (draft 4); the host checks the configuration against it before create */
    const eco2_str* interfaces;  /* ids that every instance answers in get_interface */
    size_t interface_count;
    /* [control] Makes one instance. config_json has passed the schema. On failure *out is null and on_error was called once,
     * from inside, with the reason. `host` stays valid until destroy returns. */
    eco2_status (*create)(const eco2_host* host,
                          eco2_str config_json,
                          void* error_ctx,
                          void (*on_error)(void* error_ctx, const eco2_error* error),
                          const eco2_plugin** out);
} eco2_descriptor;

typedef const eco2_descriptor* (*eco2_plugin_entry_fn)(void);
#define ECO2_PLUGIN_ENTRY eco2_plugin_entry_v1
#define ECO2_PLUGIN_ENTRY_NAME "eco2_plugin_entry_v1"

#ifdef __cplusplus
}
#endif

#endif
