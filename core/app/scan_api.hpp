#pragma once

#include "app/api.hpp"
#include "app/scan_request.hpp"
#include "net/url_guard.hpp"

namespace eco2::app {

/// The scan endpoints of the seed's contract.
///
/// Thread-safety: any I/O thread. Lifetime: the host outlives it and every exchange.
class ScanApi : public std::enable_shared_from_this<ScanApi> {
public:
    explicit ScanApi(runtime::Host& host);

    enum class Mode { whole, stream };

    void classify(const ExchangePtr& exchange, Mode mode);
    void categories(const ExchangePtr& exchange) const;
    void metrics_info(const ExchangePtr& exchange) const;

private:
    /// What a request has become on its way to a run.
    struct Admission;

    void with_request(const std::shared_ptr<Admission>& admission, Result<ScanRequest> request);
    void with_photo(const std::shared_ptr<Admission>& admission, Result<intake::Photo> photo);
    void start(const std::shared_ptr<Admission>& admission);
    void start_whole(const std::shared_ptr<Admission>& admission);
    /// A fault of the image URL: HTTP 200 in the contract's shapes.
    void refuse_url(const Admission& admission, const Error& error) const;
    void refuse(const Admission& admission, const Error& error) const;

    runtime::Host& host_;
    const net::UrlRules url_rules_;
};

}  // namespace eco2::app
