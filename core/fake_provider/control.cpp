#include "fake_provider/control.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "fake_provider/fault_models.hpp"
#include "fake_provider/openai_wire.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <utility>

namespace eco2::fake {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kErrorRatePurpose = 2;

std::string_view bearer(std::string_view authorization) {
    constexpr std::string_view kScheme = "bearer ";
    if (to_lower_ascii(authorization.substr(0, kScheme.size())) != kScheme) {
        return {};
    }
    return trim(authorization.substr(kScheme.size()));
}

/// Takes `name` out of `json` as an object; null when it is not there.
Result<std::unique_ptr<json::object>> take_object(json::object& json, std::string_view name) {
    const json::value* value = json.if_contains(name);
    if (value == nullptr) {
        return std::unique_ptr<json::object>();
    }
    if (!value->is_object()) {
        return fail(Errc::invalid_field, "\"" + std::string(name) + "\" must be an object");
    }
    auto out = std::make_unique<json::object>(value->get_object());
    json.erase(name);
    return out;
}

/// Where nobody wrote accounts, one takes everybody.
AccountPlan plan_of(const FakeOptions& options) {
    AccountPlan out = options.accounts;
    if (out.accounts.empty() && options.requests_per_minute > 0) {
        out.accounts.push_back({"everyone", options.requests_per_minute, 0, {}});
    }
    return out;
}

ApiFault limit_fault(const AccountBook::Admission& admission) {
    ApiFault out = usual_fault(429);
    out.retry_after = admission.wait;
    if (admission.shortage == RateWindow::Shortage::tokens) {
        out.message = "Rate limit reached for tokens per min. Please try again later.";
        out.type = "tokens";
    }
    return out;
}

ApiFault unknown_model_fault(const std::string& model) {
    ApiFault out = usual_fault(404);
    out.message = "The model `" + shorten(model, limits::kFakeNameBytesMax) +
                  "` does not exist: after fault- comes one of: " + fault_model_names();
    return out;
}

}  // namespace

Control::Control(FakeOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      batch_rules_(options_.batch),
      book_(options_.behaviour, clock.now(), options_.mix, options_.fault_scale),
      accounts_(plan_of(options_)),
      since_(clock.now()),
      latency_(options_.latency),
      answers_(std::make_shared<const Answers>(options_.answers)) {}

Script Control::answer(Arrival arrival) {
    const std::uint64_t number = ledger_->next_number();
    const Clock::Monotonic now = clock_.now();
    const std::string_view key = arrival.api_key.empty() ? bearer(arrival.authorization) : arrival.api_key;
    BilledRequest entry;
    entry.number = number;
    entry.request_id = shorten(arrival.request_id, limits::kFakeNameBytesMax);
    entry.key = shorten(key, limits::kFakeNameBytesMax);
    entry.at_ms = clock_.wall_ns() / 1'000'000;
    const auto sealed = [&entry](Script script) {
        const bool has_no_head =
            script.form == Script::Form::silence || (script.form == Script::Form::raw && script.answered == Answered::nothing);
        entry.status = has_no_head ? 0 : script.status;
        entry.answered = script.answered;
        script.entry = std::move(entry);
        return script;
    };
    const auto refuse = [&](const ApiFault& fault) {
        ledger_->count("refused", {}, std::move(arrival.body));
        return sealed(refusal(arrival.dialect, fault, number));
    };
    if (const std::optional<ApiFault> fault = key_fault(arrival.authorization, arrival.api_key)) {
        return refuse(*fault);
    }
    auto read = read_chat_request(arrival.body, arrival.dialect, arrival.path_model, arrival.is_stream);
    if (const ApiFault* fault = std::get_if<ApiFault>(&read)) {
        return refuse(*fault);
    }
    const ChatRequest& request = std::get<ChatRequest>(read);
    entry.model = shorten(request.model, limits::kFakeNameBytesMax);
    const Choice choice = choose(request, key, number, now);
    if (!choice.admission.is_known) {
        return refuse(usual_fault(401));
    }
    Script script = script_of(request, choice, arrival, number);
    charge(script, request, choice, now);
    return sealed(std::move(script));
}

Script Control::script_of(const ChatRequest& request, const Choice& choice, Arrival& arrival, std::uint64_t number) {
    const bool is_over_limit = choice.admission.shortage != RateWindow::Shortage::none;
    if (is_over_limit || choice.is_unknown_model) {
        ledger_->count("refused", {}, std::move(arrival.body));
        return refusal(
            request.dialect, is_over_limit ? limit_fault(choice.admission) : unknown_model_fault(request.model), number);
    }
    const bool is_honest = choice.behaviour.fault == Fault::none;
    ledger_->count(
        kind_name(request.kind), is_honest ? std::string_view{} : fault_name(choice.behaviour.fault), std::move(arrival.body));
    return plan(
        {request, choice.behaviour, choice.latency, *choice.answers, number, options_.seed, clock_.wall_ns() / 1'000'000'000});
}

void Control::charge(Script& script, const ChatRequest& request, const Choice& choice, Clock::Monotonic now) {
    const AccountBook::Admission& admission = choice.admission;
    if (!admission.place.is_limited()) {
        return;
    }
    const bool is_refused = admission.shortage != RateWindow::Shortage::none;
    std::int64_t tokens = 0;
    for (const Part& part : script.parts) {
        tokens += part.tokens;
    }
    Headers headers;
    std::string name;
    {
        const std::lock_guard lock(mutex_);
        if (!is_refused) {
            accounts_.charge(admission.place, now, tokens);
        }
        name = accounts_.name(admission.place);
        headers = accounts_.headers(admission.place, request.dialect, now, clock_.wall_ns());
    }
    ledger_->count_account(name, is_refused);
    if (is_refused && request.dialect != Dialect::gemini) {
        headers.emplace_back("retry-after", std::to_string((admission.wait.count() + 999) / 1000));
        headers.emplace_back("retry-after-ms", std::to_string(admission.wait.count()));
    }
    script.headers.insert(script.headers.end(), headers.begin(), headers.end());
}

Control::Choice Control::choose(const ChatRequest& request, std::string_view key, std::uint64_t number, Clock::Monotonic now) {
    const RequestFacts facts{kind_name(request.kind),
                             request.model,
                             key,
                             dice(options_.seed, number, kErrorRatePurpose),
                             number,
                             request.ends_with_assistant,
                             now};
    Choice choice;
    const std::lock_guard lock(mutex_);
    choice.latency = latency_;
    choice.answers = answers_;
    choice.admission = accounts_.admit(key, now, request.prompt_tokens);
    if (!choice.admission.is_known || choice.admission.shortage != RateWindow::Shortage::none) {
        return choice;
    }
    const std::optional<std::string_view> model = fault_model_name(request.model);
    choice.behaviour = model ? behaviour_of_model(*model, facts, choice) : book_.choose(facts);
    return choice;
}

Behaviour Control::behaviour_of_model(std::string_view name, const RequestFacts& facts, Choice& choice) {
    const std::optional<Behaviour> behaviour = fault_model(name, options_.fault_scale);
    choice.is_unknown_model = !behaviour;
    if (!behaviour || (behaviour->once && !attempted_.is_first(facts.model))) {
        return {};
    }
    return as_it_is(*behaviour, facts, since_);
}

LineAnswer Control::answer_line(const ChatRequest& request, std::uint64_t number, const Behaviour& behaviour) {
    RequestFacts facts;
    facts.model = request.model;
    facts.number = number;
    facts.is_prefill = request.ends_with_assistant;
    facts.now = clock_.now();
    Choice choice;
    choice.behaviour = behaviour;
    {
        const std::lock_guard lock(mutex_);
        choice.latency = latency_;
        choice.answers = answers_;
        if (const std::optional<std::string_view> model = fault_model_name(request.model)) {
            const Behaviour own = behaviour_of_model(*model, facts, choice);
            choice.behaviour = own.fault == Fault::none ? behaviour : own;
        }
    }
    if (choice.is_unknown_model) {
        return {404, openai_error_body(unknown_model_fault(request.model)), 0, 0};
    }
    Script script = plan(
        {request, choice.behaviour, choice.latency, *choice.answers, number, options_.seed, clock_.wall_ns() / 1'000'000'000});
    const bool is_readable = script.form == Script::Form::whole && (script.status != 200 || script.answered == Answered::whole);
    if (!is_readable) {
        return {0, {}, 0, 0};
    }
    Part& part = script.parts.front();
    return {script.status, std::move(part.bytes), script.prompt_tokens, part.tokens};
}

std::optional<ApiFault> Control::key_fault(std::string_view authorization, std::string_view api_key) const {
    const std::string_view key = api_key.empty() ? bearer(authorization) : api_key;
    if (options_.key.empty() ? !options_.require_key || !key.empty() : key == options_.key) {
        return std::nullopt;
    }
    if (!key.empty() || !authorization.empty()) {
        return usual_fault(401);
    }
    return ApiFault{401,
                    "You didn't provide an API key. You need to provide your API "
                    "key in an Authorization header using Bearer auth.",
                    "invalid_request_error",
                    "",
                    ""};
}

Result<void> Control::set_behaviour(std::string_view body) {
    json::error_code ec;
    json::value root = json::parse(body, ec, {}, {.max_depth = limits::kJsonDepthMax});
    if (ec || !root.is_object()) {
        return fail(Errc::invalid_json, "a behaviour is a JSON object");
    }
    json::object& object = root.get_object();
    Result<std::unique_ptr<json::object>> latency_json = take_object(object, "latency");
    if (!latency_json) {
        return latency_json.error();
    }
    Result<std::unique_ptr<json::object>> answers_json = take_object(object, "answers");
    if (!answers_json) {
        return answers_json.error();
    }
    Result<std::unique_ptr<json::object>> batch_json = take_object(object, "batch");
    if (!batch_json) {
        return batch_json.error();
    }
    std::optional<BatchRules::State> batch;
    if (*batch_json) {
        Result<BatchRules::State> read = batch_rules_.read(**batch_json);
        if (!read) {
            return read.error();
        }
        batch = *std::move(read);
    }
    const std::lock_guard lock(mutex_);
    Result<Latency> latency = *latency_json ? read_latency(latency_, **latency_json) : Result<Latency>(latency_);
    if (!latency) {
        return latency.error();
    }
    Result<Answers> answers = *answers_json ? read_answers(*answers_, **answers_json) : Result<Answers>(*answers_);
    if (!answers) {
        return answers.error();
    }
    if (Result<void> loaded = book_.load(object, clock_.now()); !loaded) {
        return loaded.error();
    }
    latency_ = *latency;
    answers_ = std::make_shared<const Answers>(std::move(*answers));
    if (batch) {
        batch_rules_.set(*std::move(batch));
    }
    return {};
}

void Control::reset() {
    ledger_->reset();
    batch_rules_.reset();
    const std::lock_guard lock(mutex_);
    since_ = clock_.now();
    book_ = BehaviourBook(options_.behaviour, since_, options_.mix, options_.fault_scale);
    accounts_ = AccountBook(plan_of(options_));
    attempted_ = {};
    latency_ = options_.latency;
    answers_ = std::make_shared<const Answers>(options_.answers);
}

std::size_t Control::script_left() const {
    const std::lock_guard lock(mutex_);
    return book_.script_left();
}

}  // namespace eco2::fake
