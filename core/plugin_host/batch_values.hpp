#pragma once

#include "model/batch_provider.hpp"

#include <eco2/abi/batch_provider.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Between a batch provider's ABI structs and ours. A reader gives the rule that what it read breaks; empty: none.
namespace eco2::plugin_host {

/// Of a provider's description; what it does not name is no limit and no ability, and no discount. Nothing: it is no such
/// object.
std::optional<BatchCapabilities> batch_capabilities_of(std::string_view json);

std::int32_t abi_step(BatchStep step) noexcept;

std::string_view read_line(eco2_str line, std::string& to);
std::string_view read_answer(const eco2_batch_answer* answer, BatchAnswer& to);
/// `step` and `http_status` of what was handed over. Of an error `fault` is set, and `to` means nothing.
std::string_view read_reply(
    const eco2_batch_reply* reply, BatchStep step, int http_status, BatchReply& to, std::optional<BatchFault>& fault);

/// A fault of the host's or of the plugin's making: it proves nothing.
BatchFault batch_fault(Error error);

}  // namespace eco2::plugin_host
