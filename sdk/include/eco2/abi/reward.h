/* eco2 plugin ABI: decides what an outcome earns. The plugin decides; the host writes the grant. */
#ifndef ECO2_ABI_REWARD_H
#define ECO2_ABI_REWARD_H

#include "eco2/abi/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ECO2_REWARD_ID "eco2.draft.reward/0"

typedef struct eco2_reward_request { /* borrowed until on_done has returned */
    uint32_t struct_size;
    uint32_t reserved;
    int64_t deadline_ns;
    eco2_str request_id; /* equal ids get equal decisions */
    eco2_str user_id;
    eco2_str input_json; /* the outcome, as the pipeline file composes it */
} eco2_reward_request;

typedef struct eco2_reward {
    uint32_t struct_size;
    uint32_t reserved;
    void* self;
    /* [any-thread] Exactly one ECO2_DELTA_RESULT:
     *   {"reward": object | null, "reason": string | null, "grant": {"code","name"} | null}
     * reason is null exactly when there is a reward; its values are the plugin's own stable codes.
     * grant asks the host to record, once per user and code, that the user now owns it. */
    eco2_status (*decide)(void* self, const eco2_reward_request* request, const eco2_sink* sink, const eco2_call** out);
} eco2_reward;

#ifdef __cplusplus
}
#endif

#endif
