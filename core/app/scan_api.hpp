#pragma once

#include "app/admission.hpp"

#include <memory>
#include <string_view>

namespace eco2::app {

/// The scan endpoints of the seed's contract.
///
/// Thread-safety: any I/O thread. Lifetime: the host outlives it and every exchange.
class ScanApi : public std::enable_shared_from_this<ScanApi> {
public:
    ScanApi(runtime::Host& host, std::shared_ptr<Access> access, std::shared_ptr<Admitter> admitter);

    static constexpr std::string_view kPipeline = "scan";

    enum class Mode { whole, stream };

    void classify(const ExchangePtr& exchange, Mode mode);
    void categories(const ExchangePtr& exchange) const;
    void metrics_info(const ExchangePtr& exchange) const;

private:
    void start(Admission& admission, Mode mode) const;
    void refuse(const Admission& admission, const Error& error, Mode mode) const;

    runtime::Host& host_;
    const std::shared_ptr<Access> access_;
    const std::shared_ptr<Admitter> admitter_;
};

}  // namespace eco2::app
