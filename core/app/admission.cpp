#include "app/admission.hpp"

#include "app/api.hpp"
#include "app/scan_frames.hpp"
#include "base/discard.hpp"
#include "base/hash.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"

#include <utility>

namespace eco2::app {
namespace {

net::UrlRules url_rules(const config::HostConfig& config) {
    net::UrlRules rules;
    rules.hosts = config.image.hosts;
    rules.allow_private = config.image.allow_private;
    return rules;
}

}  // namespace

struct Admitter::Work {
    AdmissionPtr admission;
    Then then;
    bool wants_fingerprint = false;
    std::string body;
    Result<ScanRequest> request = fail(Errc::draining);

    void refuse(const Error& error) const { then.refuse(*admission, error); }
    void parse() {
        if (wants_fingerprint) {
            admission->fingerprint = sha256_hex(admission->input.language + '\n' + body);
        }
        request = parse_scan_request(body);
        discard(body);
    }
};

net::ServerResponse refusal(const Admission& admission, const Error& error) {
    if (error.code == Errc::unsupported_model && admission.context != nullptr) {
        return json_response(
            400, unsupported_model_body(admission.context->pipeline->definition(), admission.input.model));
    }
    return error_response(error);
}

Admitter::Admitter(runtime::Host& host, std::shared_ptr<Access> access)
    : host_(host), access_(std::move(access)), url_rules_(url_rules(host.config())) {}

void Admitter::admit(const ExchangePtr& exchange, std::string_view pipeline, bool wants_fingerprint, Then then) {
    auto work = std::make_shared<Work>();
    work->admission = std::make_shared<Admission>();
    work->then = std::move(then);
    work->wants_fingerprint = wants_fingerprint;
    auto& admission = *work->admission;
    admission.exchange = exchange;
    admission.id = new_uuid();
    auto& request = exchange->request();
    auto caller = access_->authenticator->authorize(request, kScopeRun, pipeline);
    if (!caller) {
        return work->refuse(caller.error());
    }
    if (host_.is_draining()) {
        return work->refuse(fail(Errc::draining));
    }
    if (!host_.is_loaded()) {
        return work->refuse(fail(Errc::not_ready));
    }
    admission.context = host_.pipeline(pipeline);
    if (admission.context == nullptr) {
        return work->refuse(fail(host_.is_configured(pipeline) ? Errc::not_ready : Errc::not_found));
    }
    if (request.header("content-type").starts_with("multipart/")) {
        return work->refuse(fail(Errc::unsupported_media_type));
    }
    admission.input.user_id = std::move(caller->user_id);
    if (const auto traceparent = request.header("traceparent"); is_traceparent(traceparent)) {
        admission.input.traceparent = traceparent;
    }
    admission.input.language = admission.context->pipeline->language(request.header("accept-language"));
    work->body = std::move(request.body);
    read_body(work);
}

void Admitter::read_body(const std::shared_ptr<Work>& work) {
    if (work->body.size() <= limits::kInlineParseBytesMax) {
        work->parse();
        return with_request(work);
    }
    // Megabytes of base64 would hold up everybody else on this I/O thread.
    const bool is_taken = host_.threads().run_blocking(
        [work](TaskFate fate) {
            if (fate == TaskFate::due) {
                work->parse();
            }
        },
        [self = shared_from_this(), work](TaskFate fate) {
            if (fate == TaskFate::due) {
                self->with_request(work);
            }
        });
    if (!is_taken) {
        work->refuse(fail(Errc::overloaded));
    }
}

void Admitter::with_request(const std::shared_ptr<Work>& work) {
    if (!work->request) {
        return work->refuse(work->request.error());
    }
    auto& request = work->request.value();
    auto& input = work->admission->input;
    const auto& pipeline = *work->admission->context->pipeline;
    const auto& definition = pipeline.definition();
    input.model = request.model.empty() ? definition.models.front() : request.model;
    if (!pipeline.knows_model(input.model)) {
        return work->refuse(fail(Errc::unsupported_model));
    }
    if (definition.question == Need::required && request.question.empty()) {
        return work->refuse(fail(Errc::invalid_field, "user_input is required by this pipeline"));
    }
    if (definition.image == Need::none && (request.image || !request.image_url.empty())) {
        return work->refuse(fail(Errc::invalid_field, "this pipeline takes no image"));
    }
    const auto default_question = definition.default_question.find(input.language);
    input.question = !request.question.empty()                               ? std::move(request.question)
                     : default_question != definition.default_question.end() ? default_question->second
                                                                             : std::string();
    if (request.image) {
        return host_.photos().prepare(std::move(*request.image),
                                      [self = shared_from_this(), work](Result<intake::Photo> photo) {
                                          self->with_photo(work, std::move(photo));
                                      });
    }
    if (request.image_url.empty()) {
        return definition.image == Need::required ? work->refuse(fail(Errc::image_url_required)) : take_place(work);
    }
    auto url = net::check_image_url(request.image_url, url_rules_);
    if (!url) {
        return work->refuse(url.error());
    }
    input.image_url = std::make_shared<const std::string>(std::move(url.value()));
    take_place(work);
}

void Admitter::with_photo(const std::shared_ptr<Work>& work, Result<intake::Photo> photo) {
    if (!photo) {
        return work->refuse(photo.error());
    }
    auto& input = work->admission->input;
    input.image_bytes = std::make_shared<const std::string>(std::move(photo.value().bytes));
    input.image_mime = std::move(photo.value().mime);
    take_place(work);
}

void Admitter::take_place(const std::shared_ptr<Work>& work) {
    auto& admission = *work->admission;
    const auto& photo = admission.input.image_bytes;
    auto ticket = access_->quotas->admit(admission.input.user_id, photo == nullptr ? 0 : photo->size());
    if (!ticket) {
        return work->refuse(ticket.error());
    }
    auto place = host_.admit_run();
    if (place == nullptr) {
        return work->refuse(fail(Errc::overloaded));
    }
    using Both = std::pair<std::shared_ptr<void>, UserQuotas::Ticket>;
    admission.place = *ticket == nullptr ? place : std::make_shared<Both>(std::move(place), std::move(*ticket));
    work->then.start(work->admission);
}

}  // namespace eco2::app
