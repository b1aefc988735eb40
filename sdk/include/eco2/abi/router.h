/* eco2 plugin ABI: in which order a route's targets are tried. The plugin orders; the host makes the attempts, keeps the budget
 * and leaves out what cannot be asked now. */
#ifndef ECO2_ABI_ROUTER_H
#define ECO2_ABI_ROUTER_H

#include "eco2/abi/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ECO2_ROUTER_ID "eco2.draft.router/0"

typedef struct eco2_candidate { /* a target of the route, with what the host knows of it */
    uint32_t struct_size;
    uint32_t reserved;
    eco2_str provider; /* plugin instance */
    eco2_str model;
    double weight;        /* as configured; 1 by default */
    int64_t priority;     /* as configured; smaller is better; its place in the route by default */
    int64_t latency_us;   /* peak-sensitive moving average of the time to the first content; -1: not known */
    int64_t in_flight;    /* attempts that are under way */
    double failure_share; /* of the recent attempts, 0 to 1 */
} eco2_candidate;

typedef struct eco2_order_query { /* borrowed for the call */
    uint32_t struct_size;
    uint32_t reserved;
    eco2_str request_id;
    eco2_str route;
    uint64_t random;                         /* fresh for each request; the plugin needs no generator of its own */
    uint64_t prefix_hash;                    /* of the prompt's beginning, for providers that cache it; 0: not known */
    const eco2_candidate* const* candidates; /* in the route's order */
    size_t candidate_count;
} eco2_order_query;

typedef struct eco2_router {
    uint32_t struct_size;
    uint32_t reserved;
    void* self;
    /* [any-thread] Tells the order by calling `place` with an index of `candidates`, best first. An index that is told twice or
     * is out of range is skipped; what is not told comes last, in the route's order. Not ECO2_OK: the route's order holds. */
    eco2_status (*order)(void* self,
                         const eco2_order_query* query,
                         void* place_ctx,
                         void (*place)(void* place_ctx, size_t index));
} eco2_router;

#ifdef __cplusplus
}
#endif

#endif
