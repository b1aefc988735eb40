#include "app/front_door.hpp"

#include "app/api.hpp"
#include "app/by_size.hpp"
#include "base/hash.hpp"
#include "base/ids.hpp"
#include "base/limits.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace eco2::app {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

std::string model_json(std::string_view id, std::int64_t created_s) {
    const bool is_pipeline = id.starts_with(FrontDoor::kPipelinePrefix);
    return R"({"id":)" + json_quote(id) + R"(,"object":"model","created":)" + std::to_string(created_s) + R"(,"owned_by":")" +
           (is_pipeline ? "eco2-pipeline" : "eco2") + "\"}";
}

/// The text of a path's segment; nullopt: not percent-encoded as it should be.
std::optional<std::string> decoded(std::string_view segment) {
    const auto digit = [](char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    };
    std::string out;
    for (std::size_t i = 0; i < segment.size(); ++i) {
        if (segment[i] != '%') {
            out += segment[i];
            continue;
        }
        const int high = i + 2 < segment.size() ? digit(segment[i + 1]) : -1;
        const int low = i + 2 < segment.size() ? digit(segment[i + 2]) : -1;
        if (high < 0 || low < 0) {
            return std::nullopt;
        }
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

Error no_such_model(std::string_view model) {
    return fail(Errc::unsupported_model,
                "the model \"" + shorten(model, 80) + "\" does not exist here or this key may not use it; GET /v1/models");
}

}  // namespace

/// A request on its way to an answer.
struct FrontDoor::Work {
    std::shared_ptr<FrontClient> client;
    Caller caller;
    SharedText body;
    std::string idempotency_key;
    std::string body_hash;  // where there is an idempotency key
    std::string param;
    std::shared_ptr<GenerateRequest> generate;  // of the request, moved out of it
    Result<ChatRequest> request = fail(Errc::draining);

    void parse() {
        if (!idempotency_key.empty()) {
            body_hash = sha256_hex(*body);
        }
        request = parse_chat_request(body, param);
    }
};

FrontDoor::FrontDoor(FrontDoors doors)
    : doors_(std::move(doors)),
      created_s_(doors_.clock.wall_ns() / kSecondNs),
      limits_(std::make_shared<FrontLimits>(doors_.clock)),
      merge_(std::make_shared<FrontMerge>()) {}

std::vector<Route> FrontDoor::routes() {
    const auto self = shared_from_this();
    return {
        {"POST", "/v1/chat/completions", [self](const auto& e, const auto&) { self->chat(e); }},
        {"GET", "/v1/models", [self](const auto& e, const auto&) { self->models(e); }},
        {"GET", "/v1/models/{id}", [self](const auto& e, const auto& v) { self->model(e, v.at("id")); }},
        // Names have slashes, and not every client writes them as %2F.
        {"GET",
         "/v1/models/{owner}/{id}",
         [self](const auto& e, const auto& v) { self->model(e, std::string(v.at("owner")) + "/" + std::string(v.at("id"))); }},
    };
}

net::ServerResponse FrontDoor::refusal(const net::ServerRequest& request, const Error& error) {
    auto response = chat_error_response(chat_error(error));
    response.headers.emplace_back("x-request-id", request_id_of(request));
    return response;
}

Result<Caller> FrontDoor::admit(const net::ServerRequest& request) const {
    auto caller = doors_.authenticate(request);
    if (caller && !caller->may(kScopeChat)) {
        return fail(Errc::forbidden, "this API key lacks the scope \"chat\"");
    }
    if (!caller) {
        return caller;
    }
    if (auto available = doors_.available(); !available) {
        return available.error();
    }
    return caller;
}

std::vector<std::string> FrontDoor::models_of(const Caller& caller) const {
    auto names = doors_.models();
    names.erase(std::remove_if(names.begin(), names.end(), [&](const auto& name) { return !caller.may_use_model(name); }),
                names.end());
    if (doors_.pipelines != nullptr) {
        for (const auto& pipeline : doors_.pipelines->names()) {
            auto name = std::string(kPipelinePrefix) + pipeline;
            if (caller.may_use_pipeline(pipeline) && caller.may_use_model(name)) {
                names.push_back(std::move(name));
            }
        }
    }
    return names;
}

void FrontDoor::models(const ExchangePtr& exchange) const {
    auto& request = exchange->request();
    const auto caller = admit(request);
    if (!caller) {
        return exchange->respond(refusal(request, caller.error()));
    }
    std::string list;
    for (const auto& name : models_of(*caller)) {
        list += (list.empty() ? "" : ",") + model_json(name, created_s_);
    }
    auto response = json_response(200, R"({"object":"list","data":[)" + list + "]}");
    response.headers.emplace_back("x-request-id", request_id_of(request));
    exchange->respond(std::move(response));
}

void FrontDoor::model(const ExchangePtr& exchange, std::string_view id) const {
    auto& request = exchange->request();
    const auto caller = admit(request);
    if (!caller) {
        return exchange->respond(refusal(request, caller.error()));
    }
    const auto name = decoded(id);
    const auto names = models_of(*caller);
    // A route for a glob serves names that no list has.
    const bool is_served =
        name && (std::find(names.begin(), names.end(), *name) != names.end() ||
                 (!name->starts_with(kPipelinePrefix) && caller->may_use_model(*name) && doors_.find(*name) != nullptr));
    if (!is_served) {
        return exchange->respond(refusal(request, no_such_model(id)));
    }
    auto response = json_response(200, model_json(*name, created_s_));
    response.headers.emplace_back("x-request-id", request_id_of(request));
    exchange->respond(std::move(response));
}

void FrontDoor::chat(const ExchangePtr& exchange) {
    auto& request = exchange->request();
    auto caller = admit(request);
    if (!caller) {
        return exchange->respond(refusal(request, caller.error()));
    }
    auto work = std::make_shared<Work>();
    work->caller = std::move(*caller);
    work->idempotency_key = request.header("idempotency-key");
    if (work->idempotency_key.size() > limits::kIdempotencyKeyBytesMax) {
        return exchange->respond(refusal(request, fail(Errc::bad_request, "the Idempotency-Key is longer than 255 bytes")));
    }
    work->body = std::make_shared<const std::string>(std::move(request.body));
    work->client = std::make_shared<FrontClient>(exchange, request_id_of(request));
    work->client->watch();
    read_body(work);
}

void FrontDoor::read_body(const WorkPtr& work) {
    const bool is_taken = run_by_size(
        doors_.executor,
        work->body->size(),
        [work] { work->parse(); },
        [self = shared_from_this(), work] { self->with_request(work); });
    if (!is_taken) {
        work->client->refuse(chat_error(fail(Errc::overloaded)));
    }
}

void FrontDoor::with_request(const WorkPtr& work) {
    auto& client = *work->client;
    if (client.is_gone()) {
        return;
    }
    if (!work->request) {
        return client.refuse(chat_error(work->request.error(), work->param));
    }
    work->generate = std::make_shared<GenerateRequest>(std::move(work->request->request));
    auto& request = *work->generate;
    request.request_id = client.request_id();
    request.caller = caller_name(work->caller);
    if (const auto traceparent = client.request().header("traceparent"); is_traceparent(traceparent)) {
        request.traceparent = traceparent;
    }
    const auto start = starter(*work);
    if (!start) {
        return client.refuse(chat_error(start.error(), work->param));
    }
    if (auto paid = doors_.spend == nullptr ? Result<void>() : check_money(work->caller, *doors_.spend); !paid) {
        auto error = chat_error(paid.error());
        error.type = error.code = "insufficient_quota";
        error.retry_after_ms = -1;
        return client.refuse(error);
    }
    if (!join_equal(work)) {
        this->start(work, *start);
    }
}

/// What starts the call. Errors: unsupported_model; invalid_field with `work.param` (what the provider cannot say).
Result<FrontAnswer::Start> FrontDoor::starter(Work& work) const {
    const auto& model = work.generate->model;
    if (!work.caller.may_use_model(model)) {
        work.param = "model";
        return no_such_model(model);
    }
    const std::shared_ptr<const GenerateRequest> request = work.generate;
    if (doors_.pipelines != nullptr && model.starts_with(kPipelinePrefix)) {
        const auto name = model.substr(kPipelinePrefix.size());
        const auto names = doors_.pipelines->names();
        if (!work.caller.may_use_pipeline(name) || std::find(names.begin(), names.end(), name) == names.end()) {
            work.param = "model";
            return no_such_model(model);
        }
        return FrontAnswer::Start([pipelines = doors_.pipelines, caller = work.caller, name, request](CallObserver& observer) {
            return pipelines->start(caller, name, request, observer);
        });
    }
    const auto provider = doors_.find(model);
    if (provider == nullptr) {
        work.param = "model";
        return no_such_model(model);
    }
    if (!provider->capabilities().has_chat && !work.request->beyond.empty()) {
        work.param = work.request->beyond.front();
        return fail(Errc::invalid_field, work.param + " is not supported by the provider of this model");
    }
    return FrontAnswer::Start([provider, request](CallObserver& observer) { return provider->generate(request, observer); });
}

/// An equal request that is under way answers this one too.
bool FrontDoor::join_equal(const WorkPtr& work) {
    if (work->idempotency_key.empty()) {
        return false;
    }
    auto& client = *work->client;
    auto found = merge_->find(caller_name(work->caller) + '\n' + work->idempotency_key, work->body_hash);
    if (!found) {
        client.refuse(chat_error(found.error()));
        return true;
    }
    if (*found == nullptr) {
        return false;
    }
    // It costs no tokens, but it is a request.
    if (auto ticket = limits_->admit(work->caller, 0); !ticket) {
        client.refuse(chat_error(ticket.error()));
        return true;
    }
    return client.join(*found);
}

void FrontDoor::start(const WorkPtr& work, const FrontAnswer::Start& start) {
    auto& client = *work->client;
    const auto& request = *work->generate;
    Result<std::shared_ptr<const void>> money = std::shared_ptr<const void>();
    if (doors_.spend != nullptr && doors_.worst_picousd && work->caller.spend_max_picousd > 0) {
        money = money_->hold(work->caller, *doors_.spend, doors_.worst_picousd(request));
    }
    if (!money) {
        return client.refuse(chat_error(money.error()));
    }
    auto ticket = limits_->admit(work->caller, work->request->tokens_estimate);
    if (!ticket) {
        return client.refuse(chat_error(ticket.error()));
    }
    FrontAnswer::Options options;
    options.identity.id = "chatcmpl-" + (is_uuid(request.request_id) ? request.request_id : new_uuid());
    options.identity.created_s = doors_.clock.wall_ns() / kSecondNs;
    options.identity.model = request.model;
    options.is_streamed = request.is_streamed;
    options.wants_usage = work->request->wants_usage;
    options.is_kept = !work->idempotency_key.empty();
    options.ticket = std::move(*ticket);
    options.money = std::move(*money);
    const auto answer = FrontAnswer::make(doors_.executor, std::move(options));
    if (!work->idempotency_key.empty()) {
        const bool is_first = merge_->add(caller_name(work->caller) + '\n' + work->idempotency_key, work->body_hash, answer);
        // An equal one of another thread may have begun since this one looked.
        if (!is_first && join_equal(work)) {
            return;
        }
    }
    (void)client.join(answer);
    answer->start(start);
}

}  // namespace eco2::app
