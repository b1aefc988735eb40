/* A whole, empty provider plugin; definitions of the build break one rule each. */
#include <eco2/abi/plugin.h>
#include <eco2/abi/provider.h>

#ifndef DESCRIPTOR_ID
#define DESCRIPTOR_ID PLUGIN_ID
#endif
#ifndef DESCRIPTOR_DRAFT
#define DESCRIPTOR_DRAFT ECO2_ABI_DRAFT
#endif
#ifndef MARKER
#define MARKER ECO2_ABI_MARKER
#endif
#define TEXT(literal) \
    { literal, sizeof(literal) - 1 }

ECO2_EXPORT const eco2_descriptor* ECO2_PLUGIN_ENTRY(void);

#ifndef WITHOUT_MARKER
ECO2_EXPORT extern const int32_t MARKER;
const int32_t MARKER = 1;
#endif
#ifdef WITH_EXTRA_SYMBOL
ECO2_EXPORT extern const int32_t eco2_contract_extra;
const int32_t eco2_contract_extra = 1;
#endif
#ifdef WITH_UNDEFINED_SYMBOL
void eco2_contract_nobody_has_this(void);
#endif

static eco2_status generate(void* self, const eco2_generate_request* request, const eco2_sink* sink, const eco2_call** out) {
    (void)self, (void)request, (void)sink;
    *out = 0;
    return ECO2_UNSUPPORTED;
}

static eco2_status start(void* self) {
    (void)self;
#ifdef FAILS_START
    return ECO2_UNAVAILABLE;
#else
    return ECO2_OK;
#endif
}

static void nothing(void* self) {
    (void)self;
}

#ifdef SHORT_TABLE
static const eco2_provider kProvider = {8, 0, 0, generate};
#else
static const eco2_provider kProvider = {sizeof(eco2_provider), 0, 0, generate};
#endif

static const void* get_interface(void* self, const char* id) {
    (void)self, (void)id;
#ifdef LACKS_INTERFACE
    (void)kProvider;
    return 0;
#else
    return &kProvider;
#endif
}

static const eco2_plugin kPlugin = {sizeof(eco2_plugin), 0, 0, start, nothing, nothing, get_interface};

static eco2_status create(const eco2_host* host,
                          eco2_str config,
                          void* error_ctx,
                          void (*on_error)(void*, const eco2_error*),
                          const eco2_plugin** out) {
    (void)host, (void)config;
#ifdef WITH_UNDEFINED_SYMBOL
    eco2_contract_nobody_has_this();
#endif
#ifdef FAILS_CREATE
    const eco2_error error = {
        sizeof(eco2_error), ECO2_INVALID_ARGUMENT, 0, 0, 0, 0, -1, TEXT("no_model"), TEXT("model is not there")};
    on_error(error_ctx, &error);
    (void)kPlugin;
    *out = 0;
    return ECO2_INVALID_ARGUMENT;
#else
    (void)error_ctx, (void)on_error;
    *out = &kPlugin;
    return ECO2_OK;
#endif
}

static const eco2_str kInterfaces[] = {TEXT(ECO2_PROVIDER_ID)};
static const eco2_descriptor kDescriptor = {
    sizeof(eco2_descriptor),
    DESCRIPTOR_DRAFT,
    TEXT(DESCRIPTOR_ID),
    TEXT("1.0.0"),
    TEXT("{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"model\":{\"type\":\"string\"}}}"),
    kInterfaces,
    1,
    create,
};

const eco2_descriptor* ECO2_PLUGIN_ENTRY(void) {
    return &kDescriptor;
}
