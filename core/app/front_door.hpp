#pragma once

#include "app/auth.hpp"
#include "app/front_client.hpp"
#include "app/front_limits.hpp"
#include "app/front_merge.hpp"
#include "app/router.hpp"
#include "base/clock.hpp"
#include "base/executor.hpp"
#include "model/calls.hpp"
#include "protocol/chat_request.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::app {

/// Pipelines that can be asked as models.
class PipelineModels {
public:
    virtual ~PipelineModels() = default;
    virtual std::vector<std::string> names() const = 0;
    /// The last message of the user is the pipeline's input. on_text tells the answer, on_result the whole result, on_usage the
    /// sum of its stages'. Errors: unsupported_model.
    virtual StartedCall start(const Caller& caller,
                              std::string_view pipeline,
                              std::shared_ptr<const GenerateRequest> request,
                              CallObserver& observer) = 0;
};

/// What the front door is made of. All outlive it.
struct FrontDoors {
    std::function<Result<Caller>(const net::ServerRequest&)> authenticate;
    std::function<Result<void>()> available;  // not_ready, draining
    /// Null: no route fits. What it gives holds what it needs, over a reload too.
    std::function<std::shared_ptr<ProviderDoor>(std::string_view model)> find;
    /// Exact names, for the list of models.
    std::function<std::vector<std::string>()> models;
    PipelineModels* pipelines = nullptr;  // null: there are none
    const SpendDoor* spend = nullptr;     // null: money is not counted
    Executor& executor;
    const Clock& clock;
    /// The most that a request may cost, 10^-12 USD; 0: not known. Empty: of none.
    std::function<std::int64_t(const GenerateRequest&)> worst_picousd = {};
};

/// The OpenAI-compatible endpoints under /v1.
///
/// Thread-safety: any I/O thread. Lifetime: kept by what is under way.
class FrontDoor : public std::enable_shared_from_this<FrontDoor> {
public:
    explicit FrontDoor(FrontDoors doors);

    static constexpr std::string_view kPipelinePrefix = "pipeline/";

    std::vector<Route> routes();
    /// Whether a path is answered in OpenAI's shapes.
    static bool is_front(std::string_view path) noexcept { return path.starts_with("/v1/"); }
    /// For a path or method that is not there. `allowed` empty: no such path.
    static net::ServerResponse refusal(const net::ServerRequest& request, const Error& error);

    void chat(const ExchangePtr& exchange);
    void models(const ExchangePtr& exchange) const;
    /// `id` as it stands in the path.
    void model(const ExchangePtr& exchange, std::string_view id) const;

private:
    struct Work;
    using WorkPtr = std::shared_ptr<Work>;

    void read_body(const WorkPtr& work);
    void with_request(const WorkPtr& work);
    Result<FrontAnswer::Start> starter(Work& work) const;
    bool join_equal(const WorkPtr& work);
    void start(const WorkPtr& work, const FrontAnswer::Start& start);
    std::vector<std::string> models_of(const Caller& caller) const;
    Result<Caller> admit(const net::ServerRequest& request) const;

    const FrontDoors doors_;
    const std::int64_t created_s_;
    const std::shared_ptr<FrontLimits> limits_;
    const std::shared_ptr<MoneyHolds> money_ = std::make_shared<MoneyHolds>();
    const std::shared_ptr<FrontMerge> merge_;
};

}  // namespace eco2::app
