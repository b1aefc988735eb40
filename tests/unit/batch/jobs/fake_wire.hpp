#pragma once

#include "batch/wire/transport.hpp"
#include "support/fake_batch_service.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace eco2::batch {

/// A machine's transport to the fake in the same process. What the wire does to a reply is told as `PocoTransport` tells it: no
/// reply, silence and a cut body are `broken`, and what came of a download stays in its file.
class FakeWire final : public Transport {
public:
    explicit FakeWire(test::FakeBatchService& fake) : fake_(fake) {}

    WireResult call(const BatchRequest& request, const Hooks& hooks) override;
    WireResult upload(const BatchRequest& request, const std::filesystem::path& file, const Hooks& hooks) override;
    WireResult download(const BatchRequest& request, const std::filesystem::path& file, const Hooks& hooks) override;

    /// Asked before each exchange, with its step ("upload", "create", "list", ... as the fake's `on`) and which of its kind it
    /// is, from 1. Where it gives a result, the fake is not asked.
    std::function<std::optional<WireResult>(const std::string& step, int number)> before;
    /// Called behind each exchange; may change what the machine sees of it.
    std::function<void(const std::string& step, int number, WireResult& result)> after;

    /// Exchanges of a step that reached the fake.
    int sent(const std::string& step) const;
    /// Since the last time that this was called, of all steps.
    int sent_since();

    static WireResult not_sent(std::string detail = "connection refused");
    static WireResult broken(std::string detail = "the connection was reset");
    static WireResult status(int status, std::string body = "");

    /// The client's patience with a provider that says nothing.
    std::chrono::milliseconds silence{60'000};

private:
    struct Exchange {
        std::string step;
        int number = 0;
    };
    std::optional<WireResult> begin(const BatchRequest& request, const Hooks& hooks, Exchange& exchange);
    WireResult end(const Exchange& exchange, WireResult result);
    WireResult seen(const test::FakeBatchService::Answer& answer);

    test::FakeBatchService& fake_;
    std::map<std::string, int> asked_;
    std::map<std::string, int> sent_;
    int sent_since_ = 0;
};

/// "create" of POST /v1/batches and so on.
std::string step_of(const BatchRequest& request);

}  // namespace eco2::batch
