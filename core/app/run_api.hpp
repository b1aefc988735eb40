#pragma once

#include "app/admission.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace eco2::app {

/// Where a pipeline's runs are submitted; its other endpoints are below.
std::string pipeline_path(std::string_view pipeline);

/// A line of a list of runs.
std::string run_summary_json(const RunSummary& run);

/// Submitted runs over HTTP, for every pipeline: submit, events, result, cancel, list. A run is its owner's only: for anybody
/// else it is not there.
///
/// Thread-safety: any I/O thread. Lifetime: the host outlives it and every exchange.
class RunApi : public std::enable_shared_from_this<RunApi> {
public:
    RunApi(runtime::Host& host, std::shared_ptr<Access> access, std::shared_ptr<Admitter> admitter);

    void submit(const ExchangePtr& exchange, const std::string& pipeline);
    void events(const ExchangePtr& exchange, const std::string& pipeline, std::string_view id);
    void result(const ExchangePtr& exchange, const std::string& pipeline, std::string_view id);
    void cancel(const ExchangePtr& exchange, const std::string& pipeline, std::string_view id);
    void list(const ExchangePtr& exchange, const std::string& pipeline);
    /// A one-time token for `events?token=`: a browser's EventSource can send no header.
    void stream_token(const ExchangePtr& exchange, const std::string& pipeline, std::string_view id);

private:
    using FeedPtr = std::shared_ptr<RunFeed>;
    /// What is asked for, and by whom; `user` is why nobody may, where the credentials do not do.
    struct Asked {
        const std::string& pipeline;
        std::string_view id;
        Result<std::string> user;
    };
    Asked asked(const ExchangePtr& exchange, const std::string& pipeline, std::string_view id, std::string_view scope) const;
    void open(const ExchangePtr& exchange, Asked asked, std::function<void(const FeedPtr&)> then);
    void recall(const AdmissionPtr& admission,
                const std::string& pipeline,
                const std::string& key,
                std::function<void()> go_on);
    void accepted(const ExchangePtr& exchange,
                  const std::string& pipeline,
                  const std::string& user,
                  const RunStoreDoor::Submitted& submitted);
    void stream(const ExchangePtr& exchange, const FeedPtr& feed, std::size_t from);

    runtime::Host& host_;
    const std::shared_ptr<Access> access_;
    const std::shared_ptr<Admitter> admitter_;
};

}  // namespace eco2::app
