#pragma once

#include "app/access.hpp"
#include "app/admission.hpp"
#include "app/front_door.hpp"
#include "app/front_pipeline.hpp"
#include "app/router.hpp"
#include "net/server.hpp"
#include "runtime/host.hpp"

#include <memory>
#include <string>
#include <vector>

namespace eco2::app {

/// The routes of a host, and what is the same for all of them: request ids, error shapes, counting.
///
/// Thread-safety: handle from any I/O thread.
/// Lifetime:      the host outlives it.
class Api {
public:
    Api(runtime::Host& host, std::shared_ptr<Access> access);

    void handle(const ExchangePtr& exchange);
    /// For a request that net refuses before it is whole.
    net::ServerResponse refuse(const Error& error);

private:
    std::vector<Route> own_routes();
    std::vector<Route> run_routes();
    FrontDoors front_doors();
    void index(const ExchangePtr& exchange) const;
    void pipelines(const ExchangePtr& exchange) const;
    void health(const ExchangePtr& exchange) const;
    void ready(const ExchangePtr& exchange) const;
    void metrics(const ExchangePtr& exchange);

    runtime::Host& host_;
    const std::shared_ptr<Access> access_;
    const std::shared_ptr<Admitter> admitter_;
    HostPipelines pipeline_models_;
    const LedgerSpend spend_;
    Router router_;
};

net::ServerResponse json_response(int status, std::string body);
/// {"detail","code"} with the table's status, and Retry-After where coming back helps.
net::ServerResponse error_response(const Error& error);

}  // namespace eco2::app
