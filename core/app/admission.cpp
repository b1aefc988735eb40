#include "app/admission.hpp"

#include "app/api.hpp"
#include "app/by_size.hpp"
#include "app/scan_frames.hpp"
#include "base/discard.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"

#include <utility>

namespace eco2::app {
namespace {

net::ImageFetcher::Options fetch_options(const config::HostConfig& config) {
    return {runtime::image_url_rules(config), config.image.bytes_max, config.image.fetch_timeout};
}

}  // namespace

struct Admitter::PhotoRules {
    PhotoRules(std::shared_ptr<const config::HostConfig> from, HttpClientDoor& client)
        : config(std::move(from)),
          url(runtime::image_url_rules(*config)),
          fetcher(fetch_options(*config), client, system_clock()) {}

    const std::shared_ptr<const config::HostConfig> config;
    const net::UrlRules url;
    mutable net::ImageFetcher fetcher;  // its `fetch` keeps nothing
};

struct Admitter::Work {
    AdmissionPtr admission;
    Then then;
    Caller caller;
    std::string content_type;
    std::string body;
    Result<ScanRequest> request = fail(Errc::draining);
    std::shared_ptr<const PhotoRules> photo_rules;  // the fetcher outlives the fetch
    std::unique_ptr<net::ImageFetcher::Fetch> fetch;

    void refuse(const Error& error) const { then.refuse(*admission, error); }
    void parse() {
        const bool is_form = to_lower_ascii(content_type).starts_with("multipart/");
        request = is_form ? parse_scan_form(body, content_type) : parse_scan_request(body);
        if (then.recall && request) {
            const auto& name = admission->context->pipeline->definition().name;
            admission->fingerprint = fingerprint_of(*request, name + '\n' + admission->input.language);
        }
        discard(body);
    }
};

net::ServerResponse refusal(const Admission& admission, const Error& error) {
    if (error.code == Errc::unsupported_model && admission.context != nullptr) {
        return json_response(400, unsupported_model_body(admission.context->pipeline->definition(), admission.input.model));
    }
    return error_response(error);
}

Admitter::Admitter(runtime::Host& host, std::shared_ptr<Access> access)
    : host_(host), access_(std::move(access)), spend_(host) {}

// Two threads may both make them anew after a reload; either's will do.
std::shared_ptr<const Admitter::PhotoRules> Admitter::photo_rules() {
    auto rules = photo_rules_.get();
    auto config = host_.config();
    if (rules == nullptr || rules->config != config) {
        rules = std::make_shared<const PhotoRules>(std::move(config), host_.client());
        photo_rules_.set(rules);
    }
    return rules;
}

void Admitter::admit(const ExchangePtr& exchange, std::string_view pipeline, Then then) {
    auto work = std::make_shared<Work>();
    work->admission = std::make_shared<Admission>();
    work->then = std::move(then);
    auto& admission = *work->admission;
    admission.exchange = exchange;
    admission.id = new_uuid();
    auto& request = exchange->request();
    auto caller = access_->authenticator()->authorize(request, kScopeRun, pipeline);
    if (!caller) {
        return work->refuse(caller.error());
    }
    if (find_pipeline(work, pipeline, *caller)) {
        work->content_type = request.header("content-type");
        work->body = std::move(request.body);
        read_body(work);
    }
}

void Admitter::admit_known(
    const ExchangePtr& exchange, std::string_view pipeline, const Caller& caller, ScanRequest request, Then then) {
    auto work = std::make_shared<Work>();
    work->admission = std::make_shared<Admission>();
    work->then = std::move(then);
    work->admission->exchange = exchange;
    work->admission->id = new_uuid();
    work->request = std::move(request);
    if (find_pipeline(work, pipeline, caller)) {
        with_request(work);
    }
}

/// False: refused.
bool Admitter::find_pipeline(const std::shared_ptr<Work>& work, std::string_view pipeline, const Caller& caller) {
    auto& admission = *work->admission;
    const auto refuse = [&](Errc code) {
        work->refuse(fail(code));
        return false;
    };
    if (host_.is_draining()) {
        return refuse(Errc::draining);
    }
    if (!host_.is_loaded()) {
        return refuse(Errc::not_ready);
    }
    admission.context = host_.pipeline(pipeline);
    if (admission.context == nullptr) {
        return refuse(host_.is_configured(pipeline) ? Errc::not_ready : Errc::not_found);
    }
    const auto& request = admission.exchange->request();
    work->caller = caller;
    admission.input.user_id = caller.user_id;
    admission.input.caller = caller_name(caller);
    if (const auto traceparent = request.header("traceparent"); is_traceparent(traceparent)) {
        admission.input.traceparent = traceparent;
    }
    admission.input.language = admission.context->pipeline->language(request.header("accept-language"));
    return true;
}

void Admitter::read_body(const std::shared_ptr<Work>& work) {
    const bool is_taken = run_by_size(
        host_.threads(),
        work->body.size(),
        [work] { work->parse(); },
        [self = shared_from_this(), work] { self->with_request(work); });
    if (!is_taken) {
        work->refuse(fail(Errc::overloaded));
    }
}

void Admitter::with_request(const std::shared_ptr<Work>& work) {
    if (!work->request) {
        return work->refuse(work->request.error());
    }
    if (!work->then.recall) {
        return with_new_request(work);
    }
    work->then.recall(work->admission, [self = shared_from_this(), work] { self->with_new_request(work); });
}

void Admitter::with_new_request(const std::shared_ptr<Work>& work) {
    if (auto paid = check_money(work->caller, spend_); !paid) {
        return work->refuse(paid.error());
    }
    auto& request = work->request.value();
    auto& input = work->admission->input;
    const auto& pipeline = *work->admission->context->pipeline;
    const auto& definition = pipeline.definition();
    if (!request.language.empty()) {
        input.language = pipeline.language(request.language);
        if (input.language != request.language) {
            return work->refuse(fail(Errc::invalid_field, "language must be one of the pipeline's"));
        }
    }
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
        return with_bytes(work, std::move(*request.image));
    }
    if (!request.image_url.empty()) {
        return with_url(work);
    }
    definition.image == Need::required ? work->refuse(fail(Errc::image_url_required)) : take_place(work);
}

void Admitter::with_url(const std::shared_ptr<Work>& work) {
    const auto& text = work->request.value().image_url;
    auto& input = work->admission->input;
    work->photo_rules = photo_rules();
    const auto& image = work->photo_rules->config->image;
    if (image.url_mode == config::ImageUrlMode::pass) {
        auto url = net::check_image_url(text, work->photo_rules->url);
        if (!url) {
            return work->refuse(url.error());
        }
        input.image_url = std::make_shared<const std::string>(std::move(url.value()));
        return take_place(work);
    }
    const auto deadline = system_clock().now() + image.fetch_timeout;
    auto fetch = work->photo_rules->fetcher.fetch(text, deadline, [self = shared_from_this(), work](Result<std::string> bytes) {
        const auto ended = std::exchange(work->fetch, nullptr);
        bytes ? self->with_bytes(work, std::move(bytes.value())) : work->refuse(bytes.error());
    });
    if (!fetch) {
        return work->refuse(fetch.error());
    }
    // The fetch holds the work and the work the fetch, until it is done or its client has gone.
    work->fetch = std::move(fetch.value());
    work->admission->exchange->on_client_gone([weak = std::weak_ptr(work)] {
        if (const auto left = weak.lock()) {
            left->fetch.reset();
        }
    });
}

void Admitter::with_bytes(const std::shared_ptr<Work>& work, std::string bytes) {
    host_.photos().prepare(std::move(bytes), [self = shared_from_this(), work](Result<intake::Photo> photo) {
        self->with_photo(work, std::move(photo));
    });
}

void Admitter::with_photo(const std::shared_ptr<Work>& work, Result<intake::Photo> photo) {
    if (!photo) {
        return work->refuse(photo.error());
    }
    auto& input = work->admission->input;
    input.image_bytes = std::make_shared<const std::string>(std::move(photo.value().bytes));
    input.image_mime = std::move(photo.value().mime);
    input.image_sha256 = std::move(photo.value().sha256);
    take_place(work);
}

void Admitter::take_place(const std::shared_ptr<Work>& work) {
    auto& admission = *work->admission;
    const auto& photo = admission.input.image_bytes;
    auto ticket = access_->quotas().admit(admission.input.user_id, photo == nullptr ? 0 : photo->size());
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
