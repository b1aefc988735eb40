#include "scaffold.hpp"

#include <eco2/abi/provider.h>
#include <eco2/abi/router.h>

#include <stdexcept>

/// A router that tells odd orders, and a provider that describes itself oddly.
namespace {

struct OddRouter {
    std::string behaviour;
    std::string description;
    eco2_str described{};
    eco2_router router;
    eco2_provider provider;
    eco2_provider_info info;

    OddRouter(const eco2_host*, std::string_view config)
        : behaviour(scaffold::member(config, "behaviour")),
          description(behaviour == "describes_no_json"     ? "vision and tools"
                      : behaviour == "describes_no_object" ? "[]"
                      : behaviour == "describes_nothing"   ? ""
                      : behaviour == "describes_words" ? R"({"name":"x","capabilities":{"vision":"yes","tools":1,"chat":null}})"
                      : behaviour == "has_no_capabilities" ? R"({"name":"x"})"
                                                           : R"({"name":"x","capabilities":{"tools":true,"chat":true}})"),
          described(scaffold::text(description)),
          router{sizeof(eco2_router), 0, this, &OddRouter::order},
          provider{sizeof(eco2_provider), 0, this, &OddRouter::generate},
          info{sizeof(eco2_provider_info), 0, this, &OddRouter::describe} {}

    eco2_status start() { return ECO2_OK; }
    void stop() {}
    const void* interface(std::string_view id) {
        if (id == ECO2_ROUTER_ID) {
            return &router;
        }
        return id == ECO2_PROVIDER_ID ? static_cast<const void*>(&provider) : id == ECO2_PROVIDER_INFO_ID ? &info : nullptr;
    }

    static eco2_status order(void* raw, const eco2_order_query* query, void* ctx, void (*place)(void*, size_t)) {
        const auto& told = static_cast<OddRouter*>(raw)->behaviour;
        const size_t count = query->candidate_count;
        if (told == "says_nothing") {
            return ECO2_OK;
        }
        place(ctx, count - 1);
        if (told == "throws") {
            throw std::runtime_error("from inside order");
        }
        if (told == "fails") {
            return ECO2_INTERNAL;
        }
        if (told == "odd_indices") {
            place(ctx, count);
            place(ctx, static_cast<size_t>(-1));
            place(ctx, count - 1);
            place(ctx, 1);
            place(ctx, 1);
        }
        return ECO2_OK;
    }

    static eco2_status generate(void*, const eco2_generate_request*, const eco2_sink*, const eco2_call** out) {
        *out = nullptr;
        return ECO2_UNSUPPORTED;
    }

    static const eco2_str* describe(void* raw) {
        auto& self = *static_cast<OddRouter*>(raw);
        if (self.behaviour == "throws_in_describe") {
            throw std::runtime_error("from inside describe");
        }
        return self.behaviour == "describes_null" ? nullptr : &self.described;
    }
};

}  // namespace

const int32_t ECO2_ABI_MARKER = ECO2_ABI_DRAFT;

const eco2_descriptor* ECO2_PLUGIN_ENTRY() {
    static const eco2_str interfaces[] = {
        scaffold::text(ECO2_ROUTER_ID), scaffold::text(ECO2_PROVIDER_ID), scaffold::text(ECO2_PROVIDER_INFO_ID)};
    static const eco2_descriptor descriptor = {sizeof(eco2_descriptor),
                                               ECO2_ABI_DRAFT,
                                               scaffold::text(PLUGIN_ID),
                                               scaffold::text("1.0.0"),
                                               scaffold::text(scaffold::kSchema),
                                               interfaces,
                                               3,
                                               &scaffold::Plugin<OddRouter>::create};
    return &descriptor;
}
