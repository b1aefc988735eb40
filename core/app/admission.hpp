#pragma once

#include "app/access.hpp"
#include "app/front_limits.hpp"
#include "app/router.hpp"
#include "app/scan_request.hpp"
#include "base/snapshot.hpp"
#include "net/image_fetcher.hpp"
#include "runtime/host.hpp"
#include "runtime/image_rules.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace eco2::app {

/// Money as the host's ledger knows it; before there is one, nothing is spent.
class LedgerSpend final : public SpendDoor {
public:
    explicit LedgerSpend(runtime::Host& host) : host_(host) {}
    std::int64_t spent_picousd(std::string_view caller) const override {
        const auto* ledger = host_.ledger();
        return ledger == nullptr ? 0 : ledger->spent(caller);
    }

private:
    runtime::Host& host_;
};

/// What a request becomes on its way to a run.
struct Admission {
    ExchangePtr exchange;
    std::string id;  // of the run, where it becomes a live one
    std::shared_ptr<RunContext> context;
    RunInput input;
    std::string fingerprint;      // of what was asked for, where Then::recall is there
    std::shared_ptr<void> place;  // in the host; held by the run until it is over
};
using AdmissionPtr = std::shared_ptr<Admission>;

/// The way from a request to a run, the same for every endpoint that starts one: who is it, may they, which pipeline, is the
/// body what the pipeline needs, is the photo a photo, is there a place.
///
/// Thread-safety: any I/O thread; an admission stays on the one that it came on.
/// Lifetime:      the host outlives it; kept by what is under way.
class Admitter : public std::enable_shared_from_this<Admitter> {
public:
    Admitter(runtime::Host& host, std::shared_ptr<Access> access);

    struct Then {
        std::function<void(const AdmissionPtr&)> start;
        /// `admission.context` is null where the fault came before the pipeline was known.
        std::function<void(const Admission&, const Error&)> refuse;
        /// Where it is there: asked, with a fingerprint, before anything is spent. Answers a request that was sent before, or
        /// goes on.
        std::function<void(const AdmissionPtr&, std::function<void()> go_on)> recall;
    };
    /// Calls start or refuse once, later or from inside, unless recall answers.
    void admit(const ExchangePtr& exchange, std::string_view pipeline, Then then);

    /// The same for a request that came in another form: `caller` may use the pipeline, `request` is what it is asked.
    void admit_known(
        const ExchangePtr& exchange, std::string_view pipeline, const Caller& caller, ScanRequest request, Then then);

private:
    struct Work;
    /// What a configuration says about photos.
    struct PhotoRules;

    /// Of the configuration in force; made anew after each reload.
    std::shared_ptr<const PhotoRules> photo_rules();

    bool find_pipeline(const std::shared_ptr<Work>& work, std::string_view pipeline, const Caller& caller);
    void read_body(const std::shared_ptr<Work>& work);
    void with_request(const std::shared_ptr<Work>& work);
    void with_new_request(const std::shared_ptr<Work>& work);
    void with_url(const std::shared_ptr<Work>& work);
    void with_bytes(const std::shared_ptr<Work>& work, std::string bytes);
    void with_photo(const std::shared_ptr<Work>& work, Result<intake::Photo> photo);
    void take_place(const std::shared_ptr<Work>& work);

    runtime::Host& host_;
    const std::shared_ptr<Access> access_;
    const LedgerSpend spend_;
    Snapshot<PhotoRules> photo_rules_;
};

/// The refusal's body and status, in the host's usual shape: {"detail","code"}.
net::ServerResponse refusal(const Admission& admission, const Error& error);

}  // namespace eco2::app
