#include "scaffold.hpp"

#include <eco2/abi/provider.h>

#include <stdexcept>

const int32_t ECO2_ABI_MARKER = ECO2_ABI_DRAFT;

const eco2_descriptor* ECO2_PLUGIN_ENTRY() {
    static const eco2_str interfaces[] = {scaffold::text(ECO2_PROVIDER_ID)};
    static const eco2_descriptor descriptor = {
        sizeof(eco2_descriptor),
        ECO2_ABI_DRAFT,
        scaffold::text(PLUGIN_ID),
        scaffold::text("1.0.0"),
        scaffold::text(scaffold::kSchema),
        interfaces,
        1,
        [](const eco2_host*, eco2_str, void*, void (*)(void*, const eco2_error*), const eco2_plugin**) -> eco2_status {
            throw std::runtime_error("from inside create");
        }};
    return &descriptor;
}
