#include "fake_provider/control.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
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

}  // namespace

Control::Control(FakeOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      book_(options_.behaviour),
      window_(options_.requests_per_minute),
      latency_(options_.latency),
      answers_(std::make_shared<const Answers>(options_.answers)) {}

Script Control::answer(Arrival arrival) {
    const std::uint64_t number = ledger_->next_number();
    const auto refuse = [&](const ApiFault& fault) {
        ledger_->count("refused", {}, std::move(arrival.body));
        return refusal(arrival.dialect, fault, number);
    };
    const std::string_view key = arrival.api_key.empty() ? bearer(arrival.authorization) : arrival.api_key;
    if (!is_key_accepted(key)) {
        return refuse(key.empty() && arrival.authorization.empty()
                          ? ApiFault{401,
                                     "You didn't provide an API key. You need to provide your API "
                                     "key in an Authorization header using Bearer auth.",
                                     "invalid_request_error",
                                     "",
                                     ""}
                          : usual_fault(401));
    }
    auto read = read_chat_request(arrival.body, arrival.dialect, arrival.path_model, arrival.is_stream);
    if (const ApiFault* fault = std::get_if<ApiFault>(&read)) {
        return refuse(*fault);
    }
    const ChatRequest& request = std::get<ChatRequest>(read);
    Choice choice = choose(request, key, number);
    Script script;
    if (choice.is_over_limit) {
        script = refusal(arrival.dialect, usual_fault(429), number);
        ledger_->count("refused", {}, std::move(arrival.body));
    } else {
        const bool is_honest = choice.behaviour.fault == Fault::none;
        ledger_->count(kind_name(request.kind),
                       is_honest ? std::string_view{} : fault_name(choice.behaviour.fault),
                       std::move(arrival.body));
        script = plan({request,
                       choice.behaviour,
                       choice.latency,
                       *choice.answers,
                       number,
                       options_.seed,
                       clock_.wall_ns() / 1'000'000'000});
    }
    script.headers.insert(script.headers.end(), choice.headers.begin(), choice.headers.end());
    return script;
}

Control::Choice Control::choose(const ChatRequest& request, std::string_view key, std::uint64_t number) {
    const RequestFacts facts{kind_name(request.kind), request.model, key, dice(options_.seed, number, kErrorRatePurpose)};
    Choice choice;
    const std::lock_guard lock(mutex_);
    choice.is_over_limit = !window_.take(clock_.now(), choice.headers);
    if (!choice.is_over_limit) {
        choice.behaviour = book_.choose(facts);
    }
    choice.latency = latency_;
    choice.answers = answers_;
    return choice;
}

bool Control::is_key_accepted(std::string_view key) const {
    return options_.key.empty() ? !options_.require_key || !key.empty() : key == options_.key;
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
    const std::lock_guard lock(mutex_);
    Result<Latency> latency = *latency_json ? read_latency(latency_, **latency_json) : Result<Latency>(latency_);
    if (!latency) {
        return latency.error();
    }
    Result<Answers> answers = *answers_json ? read_answers(*answers_, **answers_json) : Result<Answers>(*answers_);
    if (!answers) {
        return answers.error();
    }
    if (Result<void> loaded = book_.load(object); !loaded) {
        return loaded.error();
    }
    latency_ = *latency;
    answers_ = std::make_shared<const Answers>(std::move(*answers));
    return {};
}

void Control::reset() {
    ledger_->reset();
    const std::lock_guard lock(mutex_);
    book_ = BehaviourBook(options_.behaviour);
    window_ = RateWindow(options_.requests_per_minute);
    latency_ = options_.latency;
    answers_ = std::make_shared<const Answers>(options_.answers);
}

std::size_t Control::script_left() const {
    const std::lock_guard lock(mutex_);
    return book_.script_left();
}

}  // namespace eco2::fake
