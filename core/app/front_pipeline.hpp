#pragma once

#include "app/admission.hpp"
#include "app/front_door.hpp"
#include "runtime/host.hpp"

#include <memory>
#include <string>
#include <vector>

namespace eco2::app {

/// A host's pipelines as models of the front door. The photo takes the same way as a scan's: the URL guard, the fetch, the
/// intake; the run has the same place and quota.
///
/// The answer is the text of the last stage with a stream_field, told as it comes; without such a stage, the whole result.
///
/// Thread-safety: any I/O thread. Lifetime: the host outlives it and its calls.
class HostPipelines final : public PipelineModels {
public:
    HostPipelines(runtime::Host& host, std::shared_ptr<Admitter> admitter) : host_(host), admitter_(std::move(admitter)) {}

    std::vector<std::string> names() const override;
    StartedCall start(const Caller& caller,
                      std::string_view pipeline,
                      std::shared_ptr<const GenerateRequest> request,
                      CallObserver& observer) override;

private:
    runtime::Host& host_;
    const std::shared_ptr<Admitter> admitter_;
};

}  // namespace eco2::app
