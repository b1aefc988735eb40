#pragma once

#include "model/batch_provider.hpp"
#include "plugin_host/instance_context.hpp"
#include "plugin_host/outgoing_headers.hpp"

#include <eco2/abi/batch_provider.h>

#include <memory>
#include <string_view>
#include <utility>

namespace eco2::plugin_host {

/// BatchProviderDoor over the table of one instance. All steps use the instance's first key.
///
/// Thread-safety: any thread, but none that serves others: the work grows with the bytes.
/// Lifetime:      the table lives until the instance is destroyed; each function is a call of the instance's gate.
/// Errors:        besides the door's own: draining (the gate is closed), plugin_contract.
class PluginBatchProvider final : public BatchProviderDoor {
public:
    PluginBatchProvider(std::shared_ptr<InstanceContext> context, const eco2_batch_provider& table)
        : context_(std::move(context)), table_(table), outgoing_(context_->config()) {}

    std::string_view name() const noexcept override { return context_->id(); }
    const BatchCapabilities& capabilities() const noexcept override { return capabilities_; }
    Result<std::string> encode_line(const GenerateRequest& request, std::string_view custom_id) override;
    Result<BatchAnswer> read_line(std::string_view line) override;
    Result<BatchRequest> request(const BatchAsk& ask) override;
    std::optional<BatchReply> read_reply(
        BatchStep step, int http_status, const Headers& headers, std::string_view body, BatchFault& fault) override;

    /// Before the first call. Errors: plugin_contract.
    Result<void> read_capabilities();

private:
    struct Words;
    struct LineWords;
    struct AnswerWords;
    struct RequestWords;
    struct ReplyWords;

    /// Runs a function of the plugin's, which tells `words` by one callback. Errors: what the plugin told; draining;
    /// plugin_contract.
    template <class Run>
    Result<void> ask(std::string_view function, Words& words, Run&& run);
    Error broken(std::string_view rule, std::string_view function);
    std::uint64_t key() const noexcept { return context_->config().keys.empty() ? 0U : 1U; }

    std::shared_ptr<InstanceContext> context_;
    const eco2_batch_provider& table_;
    OutgoingHeaders outgoing_;
    BatchCapabilities capabilities_;
};

}  // namespace eco2::plugin_host
