/* eco2 plugin ABI: a cheap self-test. */
#ifndef ECO2_ABI_HEALTH_H
#define ECO2_ABI_HEALTH_H

#include "eco2/abi/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ECO2_HEALTH_ID "eco2.draft.health/0"

typedef struct eco2_health {
    uint32_t struct_size;
    uint32_t reserved;
    void* self;
    /* [any-thread] Done with ECO2_OK: can serve. May give one RESULT with details as a JSON object. */
    eco2_status (*check)(void* self, int64_t deadline_ns, const eco2_sink* sink, const eco2_call** out);
} eco2_health;

#ifdef __cplusplus
}
#endif

#endif
