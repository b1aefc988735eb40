#include "app/scan_api.hpp"

#include "app/api.hpp"
#include "app/run_stream.hpp"
#include "app/scan_frames.hpp"
#include "app/scan_stream.hpp"
#include "runs/run_result.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace eco2::app {
namespace {

/// A whole run's metrics have names of their own in the seed.
std::string_view step_name(std::string_view stage) {
    return stage == "rule" ? "rag" : stage;
}

/// One run that is answered when it is over.
class WholeRun : public std::enable_shared_from_this<WholeRun> {
public:
    WholeRun(runtime::Host& host, ExchangePtr exchange, std::shared_ptr<void> place)
        : host_(host), exchange_(std::move(exchange)), place_(std::move(place)) {}

    void start(std::shared_ptr<RunContext> context, std::string id, RunInput input) {
        started_ = context->clock.now();
        // The run keeps this alive; it ends when the run is over or the client gone.
        exchange_->on_client_gone([weak = weak_from_this()] {
            if (const auto self = weak.lock()) {
                self->exchange_.reset();
                self->run_.reset();
            }
        });
        run_ =
            Run::start(std::move(context), std::move(id), std::move(input), [self = shared_from_this()] { self->on_event(); });
    }

private:
    void on_event() {
        if (run_ == nullptr || !run_->is_over()) {
            return;
        }
        auto& metrics = host_.metrics();
        const auto& stages = run_->pipeline().stages();
        for (std::size_t i = 0; i < run_->reports().size(); ++i) {
            const auto seconds = std::chrono::duration<double>(run_->reports()[i].duration).count();
            metrics.scan_pipeline_step_duration_seconds.with({step_name(stages[i].definition.name)}).observe(seconds);
        }
        const auto total = std::chrono::duration<double>(system_clock().now() - started_).count();
        metrics.scan_pipeline_step_duration_seconds.with({"total_pipeline"}).observe(total);
        exchange_->respond(json_response(200, run_result(*run_)));
        exchange_.reset();
        run_.reset();
    }

    runtime::Host& host_;
    ExchangePtr exchange_;
    const std::shared_ptr<void> place_;
    Clock::Monotonic started_{};
    std::unique_ptr<Run> run_;
};

}  // namespace

ScanApi::ScanApi(runtime::Host& host, std::shared_ptr<Access> access, std::shared_ptr<Admitter> admitter)
    : host_(host), access_(std::move(access)), admitter_(std::move(admitter)) {}

void ScanApi::classify(const ExchangePtr& exchange, Mode mode) {
    Admitter::Then then;
    then.refuse = [self = shared_from_this(), mode](const Admission& admission, const Error& error) {
        self->refuse(admission, error, mode);
    };
    then.start = [self = shared_from_this(), mode](const AdmissionPtr& admission) { self->start(*admission, mode); };
    admitter_->admit(exchange, kPipeline, std::move(then));
}

/// A fault of the image URL is told with status 200 in the seed's shapes.
void ScanApi::refuse(const Admission& admission, const Error& error, Mode mode) const {
    if (mode == Mode::stream) {
        host_.metrics().scan_sse_requests_total.with({"rejected"}).add();
    }
    if (!net::is_image_url_fault(error.code)) {
        admission.exchange->respond(refusal(admission, error));
    } else if (mode == Mode::whole) {
        admission.exchange->respond(json_response(200, failed_result(admission.id, error)));
    } else {
        admission.exchange->stream(event_stream_head(), error_stream(error), limits::kKeepAliveInterval);
    }
}

void ScanApi::start(Admission& admission, Mode mode) const {
    auto context = std::move(admission.context);
    if (mode == Mode::whole) {
        std::make_shared<WholeRun>(host_, admission.exchange, std::move(admission.place))
            ->start(std::move(context), std::move(admission.id), std::move(admission.input));
        return;
    }
    auto stream = std::make_unique<ScanStream>(
        host_, std::move(context), std::move(admission.id), std::move(admission.input), std::move(admission.place));
    admission.exchange->stream(event_stream_head(), std::move(stream), limits::kKeepAliveInterval);
}

void ScanApi::categories(const ExchangePtr& exchange) const {
    if (const auto caller = access_->authenticator()->authenticate(exchange->request()); !caller) {
        return exchange->respond(error_response(caller.error()));
    }
    const auto context = host_.pipeline(kPipeline);
    if (context == nullptr) {
        return exchange->respond(error_response(fail(Errc::not_ready)));
    }
    const auto& data = context->pipeline->definition().data;
    const auto taxonomy = data.find("taxonomy");
    auto body = taxonomy == data.end() ? Result<std::string>(fail(Errc::not_ready)) : categories_body(taxonomy->second);
    exchange->respond(body ? json_response(200, std::move(body.value())) : error_response(body.error()));
}

void ScanApi::metrics_info(const ExchangePtr& exchange) const {
    const auto context = host_.pipeline(kPipeline);
    if (context == nullptr) {
        return exchange->respond(error_response(fail(Errc::not_ready)));
    }
    const auto& data = context->pipeline->definition().data;
    const auto taxonomy = data.find("taxonomy");
    const auto count = taxonomy == data.end() ? 0 : category_count(taxonomy->second);
    exchange->respond(json_response(
        200, R"({"supported_categories":)" + std::to_string(count) + R"(,"note":"Prometheus metrics are at /metrics"})"));
}

}  // namespace eco2::app
