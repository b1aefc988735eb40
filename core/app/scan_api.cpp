#include "app/scan_api.hpp"

#include "app/auth.hpp"
#include "app/scan_frames.hpp"
#include "app/scan_stream.hpp"
#include "base/discard.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace eco2::app {
namespace {

constexpr std::string_view kPipeline = "scan";

net::UrlRules url_rules(const config::HostConfig& config) {
    net::UrlRules rules;
    rules.hosts = config.image.hosts;
    rules.allow_private = config.image.allow_private;
    return rules;
}

bool is_url_fault(Errc code) {
    constexpr std::array kFaults = {
        Errc::image_url_required, Errc::https_required, Errc::invalid_host, Errc::ssrf_blocked, Errc::url_invalid};
    return std::find(kFaults.begin(), kFaults.end(), code) != kFaults.end();
}

net::ServerResponse stream_head() {
    net::ServerResponse head;
    head.headers = {{"content-type", "text/event-stream"}, {"cache-control", "no-cache"}, {"x-accel-buffering", "no"}};
    return head;
}

/// A whole run's metrics have names of their own in the seed.
std::string_view step_name(std::string_view stage) {
    return stage == "rule" ? "rag" : stage;
}

/// One run that is answered when it is over.
class WholeRun : public std::enable_shared_from_this<WholeRun> {
public:
    WholeRun(runtime::Host& host, ExchangePtr exchange) : host_(host), exchange_(std::move(exchange)) {}
    ~WholeRun() {
        run_.reset();
        host_.run_ended();
    }

    void start(RunContext& context, std::string id, RunInput input) {
        started_ = context.clock.now();
        // The run keeps this alive; it ends when the run is over or the client gone.
        exchange_->on_client_gone([weak = weak_from_this()] {
            if (const auto self = weak.lock()) {
                self->exchange_.reset();
                self->run_.reset();
            }
        });
        run_ = Run::start(context, std::move(id), std::move(input), [self = shared_from_this()] { self->on_event(); });
    }

private:
    void on_event() {
        if (run_ == nullptr || !run_->is_over()) {
            return;
        }
        auto& metrics = host_.metrics();
        const auto& stages = run_->pipeline().stages();
        for (std::size_t i = 0; i < stages.size(); ++i) {
            const auto seconds = std::chrono::duration<double>(run_->reports()[i].duration).count();
            metrics.scan_pipeline_step_duration_seconds.with({step_name(stages[i].definition.name)}).observe(seconds);
        }
        const auto total = std::chrono::duration<double>(system_clock().now() - started_).count();
        metrics.scan_pipeline_step_duration_seconds.with({"total_pipeline"}).observe(total);
        exchange_->respond(json_response(200, scan_result(*run_)));
        exchange_.reset();
        run_.reset();
    }

    runtime::Host& host_;
    ExchangePtr exchange_;
    Clock::Monotonic started_{};
    std::unique_ptr<Run> run_;
};

}  // namespace

struct ScanApi::Admission {
    ExchangePtr exchange;
    Mode mode = Mode::whole;
    std::string id = new_uuid();
    RunContext* context = nullptr;
    RunInput input;
};

ScanApi::ScanApi(runtime::Host& host) : host_(host), url_rules_(url_rules(host.config())) {}

void ScanApi::refuse(const Admission& admission, const Error& error) const {
    if (admission.mode == Mode::stream) {
        host_.metrics().scan_sse_requests_total.with({"rejected"}).add();
    }
    admission.exchange->respond(error_response(error));
}

void ScanApi::refuse_url(const Admission& admission, const Error& error) const {
    if (admission.mode == Mode::whole) {
        admission.exchange->respond(json_response(200, scan_failure(admission.id, error)));
        return;
    }
    host_.metrics().scan_sse_requests_total.with({"rejected"}).add();
    admission.exchange->stream(stream_head(), error_stream(error), limits::kKeepAliveInterval);
}

void ScanApi::classify(const ExchangePtr& exchange, Mode mode) {
    auto admission = std::make_shared<Admission>();
    admission->exchange = exchange;
    admission->mode = mode;
    auto& request = exchange->request();
    auto user = authenticate(host_.config().auth, request);
    if (!user) {
        return refuse(*admission, user.error());
    }
    if (host_.is_draining()) {
        return refuse(*admission, fail(Errc::draining));
    }
    admission->context = host_.pipeline(kPipeline);
    if (admission->context == nullptr) {
        return refuse(*admission, fail(Errc::not_ready));
    }
    if (request.header("content-type").starts_with("multipart/")) {
        return refuse(*admission, fail(Errc::unsupported_media_type));
    }
    admission->input.user_id = std::move(user.value());
    if (const auto traceparent = request.header("traceparent"); is_traceparent(traceparent)) {
        admission->input.traceparent = traceparent;
    }
    admission->input.language = admission->context->pipeline->language(request.header("accept-language"));
    std::string body = std::move(request.body);
    if (body.size() <= limits::kInlineParseBytesMax) {
        return with_request(admission, parse_scan_request(body));
    }
    // Megabytes of base64 would hold up everybody else on this I/O thread.
    struct Work {
        std::string body;
        Result<ScanRequest> request = fail(Errc::draining);
    };
    auto work = std::make_shared<Work>();
    work->body = std::move(body);
    const bool is_taken = host_.threads().run_blocking(
        [work](TaskFate fate) {
            if (fate == TaskFate::due) {
                work->request = parse_scan_request(work->body);
                discard(work->body);
            }
        },
        [self = shared_from_this(), admission, work](TaskFate fate) {
            if (fate == TaskFate::due) {
                self->with_request(admission, std::move(work->request));
            }
        });
    if (!is_taken) {
        refuse(*admission, fail(Errc::overloaded));
    }
}

void ScanApi::with_request(const std::shared_ptr<Admission>& admission, Result<ScanRequest> parsed) {
    if (!parsed) {
        return refuse(*admission, parsed.error());
    }
    auto& request = parsed.value();
    const auto& definition = admission->context->pipeline->definition();
    auto& input = admission->input;
    input.model = request.model.empty() ? definition.models.front() : request.model;
    if (!admission->context->pipeline->knows_model(input.model)) {
        if (admission->mode == Mode::stream) {
            host_.metrics().scan_sse_requests_total.with({"rejected"}).add();
        }
        return admission->exchange->respond(json_response(400, unsupported_model_body(definition, input.model)));
    }
    const auto default_question = definition.default_question.find(input.language);
    input.question = !request.question.empty()                               ? std::move(request.question)
                     : default_question != definition.default_question.end() ? default_question->second
                                                                             : std::string();
    if (request.image) {
        return host_.photos().prepare(std::move(*request.image),
                                      [self = shared_from_this(), admission](Result<intake::Photo> photo) {
                                          self->with_photo(admission, std::move(photo));
                                      });
    }
    if (request.image_url.empty()) {
        return refuse_url(*admission, fail(Errc::image_url_required));
    }
    auto url = net::check_image_url(request.image_url, url_rules_);
    if (!url) {
        return is_url_fault(url.error().code) ? refuse_url(*admission, url.error()) : refuse(*admission, url.error());
    }
    input.image_url = std::make_shared<const std::string>(std::move(url.value()));
    start(admission);
}

void ScanApi::with_photo(const std::shared_ptr<Admission>& admission, Result<intake::Photo> photo) {
    if (!photo) {
        return refuse(*admission, photo.error());
    }
    admission->input.image_bytes = std::make_shared<const std::string>(std::move(photo.value().bytes));
    admission->input.image_mime = std::move(photo.value().mime);
    start(admission);
}

void ScanApi::start(const std::shared_ptr<Admission>& admission) {
    if (!host_.admit_run()) {
        return refuse(*admission, fail(Errc::overloaded));
    }
    if (admission->mode == Mode::whole) {
        return start_whole(admission);
    }
    auto stream =
        std::make_unique<ScanStream>(host_, *admission->context, std::move(admission->id), std::move(admission->input));
    admission->exchange->stream(stream_head(), std::move(stream), limits::kKeepAliveInterval);
}

void ScanApi::start_whole(const std::shared_ptr<Admission>& admission) {
    const auto run = std::make_shared<WholeRun>(host_, admission->exchange);
    run->start(*admission->context, std::move(admission->id), std::move(admission->input));
}

void ScanApi::categories(const ExchangePtr& exchange) const {
    auto user = authenticate(host_.config().auth, exchange->request());
    if (!user) {
        return exchange->respond(error_response(user.error()));
    }
    const auto* context = host_.pipeline(kPipeline);
    if (context == nullptr) {
        return exchange->respond(error_response(fail(Errc::not_ready)));
    }
    const auto& data = context->pipeline->definition().data;
    const auto taxonomy = data.find("taxonomy");
    auto body = taxonomy == data.end() ? Result<std::string>(fail(Errc::not_ready)) : categories_body(taxonomy->second);
    exchange->respond(body ? json_response(200, std::move(body.value())) : error_response(body.error()));
}

void ScanApi::metrics_info(const ExchangePtr& exchange) const {
    const auto* context = host_.pipeline(kPipeline);
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
