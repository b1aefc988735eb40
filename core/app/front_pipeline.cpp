#include "app/front_pipeline.hpp"

#include "runs/run_result.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

namespace eco2::app {
namespace {

/// What the admission sees in place of a connection: there is no reply through it, and its client is gone when the call is.
class PipelineExchange final : public net::ServerExchange {
public:
    explicit PipelineExchange(const GenerateRequest& request) {
        if (!request.traceparent.empty()) {
            request_.headers.emplace_back("traceparent", request.traceparent);
        }
    }

    net::ServerRequest& request() noexcept override { return request_; }
    void respond(net::ServerResponse) override {}
    void stream(net::ServerResponse, std::unique_ptr<net::BodySource>, std::chrono::milliseconds) override {}
    void on_client_gone(std::function<void()> callback) override { callback_ = std::move(callback); }
    void leave() {
        if (const auto callback = std::exchange(callback_, nullptr)) {
            callback();
        }
    }

private:
    net::ServerRequest request_;
    std::function<void()> callback_;
};

/// The last message of the user.
ScanRequest input_of(const GenerateRequest& request) {
    ScanRequest made;
    const auto& messages = request.messages;
    const auto last = std::find_if(messages.rbegin(), messages.rend(), [](const Message& m) { return m.role == Role::user; });
    if (last == messages.rend()) {
        return made;
    }
    for (const auto& part : last->parts) {
        switch (part.kind) {
            case Part::Kind::text: made.question += (made.question.empty() ? "" : "\n") + *part.text; break;
            case Part::Kind::image_url: made.image_url = *part.text; break;
            case Part::Kind::image_bytes: made.image = *part.bytes; break;
            case Part::Kind::tool_call: break;
        }
    }
    return made;
}

Usage sum_of(const std::vector<StageReport>& reports) {
    Usage sum;
    const auto add = [](std::int64_t& into, std::int64_t told) {
        into = told < 0 ? into : std::max<std::int64_t>(into, 0) + told;
    };
    for (const auto& report : reports) {
        add(sum.input_tokens, report.usage.input_tokens);
        add(sum.output_tokens, report.usage.output_tokens);
        add(sum.cached_input_tokens, report.usage.cached_input_tokens);
        add(sum.reasoning_tokens, report.usage.reasoning_tokens);
        sum.is_estimated = sum.is_estimated || report.usage.is_estimated;
    }
    return sum;
}

/// The stage whose words are the answer; nullopt: none has any.
std::optional<std::size_t> speaking_stage(const Pipeline& pipeline) {
    for (auto i = pipeline.stages().size(); i-- > 0;) {
        if (!pipeline.stages()[i].definition.stream_field.empty()) {
            return i;
        }
    }
    return std::nullopt;
}

/// One run, told as a model's answer.
class PipelineWork : public std::enable_shared_from_this<PipelineWork> {
public:
    PipelineWork(std::string pipeline, std::shared_ptr<const GenerateRequest> request, CallObserver& observer)
        : pipeline_(std::move(pipeline)),
          request_(std::move(request)),
          exchange_(std::make_shared<PipelineExchange>(*request_)),
          observer_(&observer) {}

    void admit(Admitter& admitter, const Caller& caller) {
        if (observer_ == nullptr) {
            return;
        }
        Admitter::Then then;
        then.refuse = [self = shared_from_this()](const Admission&, const Error& error) { self->fail_with(error); };
        then.start = [self = shared_from_this()](const AdmissionPtr& admission) { self->start(*admission); };
        auto input = input_of(*request_);
        if (input.image && !input.image_url.empty()) {
            return fail_with(fail(Errc::invalid_field, "send one image"));
        }
        if (input.question.size() > limits::kQuestionBytesMax) {
            return fail_with(
                fail(Errc::invalid_field,
                     "the last user message is longer than " + std::to_string(limits::kQuestionBytesMax) + " bytes of text"));
        }
        admitter.admit_known(exchange_, pipeline_, caller, std::move(input), std::move(then));
    }

    /// Silent from now on.
    void drop() {
        observer_ = nullptr;
        exchange_->leave();
        run_.reset();
        place_.reset();
    }

    void fail_with(const Error& error) {
        if (observer_ == nullptr) {
            return;
        }
        CallError made;
        made.error = error;
        made.is_retryable = info(error.code).is_retryable;
        std::exchange(observer_, nullptr)->on_done(FinishReason::none, &made);
    }

private:
    void start(Admission& admission) {
        if (observer_ == nullptr) {
            return;
        }
        place_ = std::move(admission.place);
        speaking_ = speaking_stage(*admission.context->pipeline);
        const auto model = std::string(FrontDoor::kPipelinePrefix) + pipeline_;
        RouteNote note;
        note.provider = "pipeline";
        note.model = model;
        note.attempts = 1;
        observer_->on_route(note);
        run_ = Run::start(
            std::move(admission.context), std::move(admission.id), std::move(admission.input), [this] { on_event(); });
    }

    void on_event() {
        const auto self = shared_from_this();  // the observer may drop the call
        while (observer_ != nullptr && run_ != nullptr && next_ < run_->log().size()) {
            const auto& event = run_->log()[next_++];
            if (event.kind == RunEvent::Kind::delta && speaking_ && event.stage == *speaking_) {
                has_words_ = true;
                (void)observer_->on_text(event.text);
            } else if (event.is_terminal()) {
                return finish(event);
            }
        }
    }

    void finish(const RunEvent& event) {
        observer_->on_usage(sum_of(run_->reports()));
        if (event.kind != RunEvent::Kind::done) {
            const auto* failure = run_->failure();
            return fail_with(failure == nullptr ? fail(Errc::deadline_exceeded) : *failure);
        }
        const auto result = run_result(*run_);
        const auto words = has_words_ ? std::string() : words_of_run(result);
        if (!words.empty()) {
            (void)observer_->on_text(words);
        }
        if (observer_ != nullptr) {
            observer_->on_result(result, {});
            std::exchange(observer_, nullptr)->on_done(FinishReason::stop, nullptr);
        }
    }

    /// What a run says that has told no words: the field's text as it stands, else the whole result.
    std::string words_of_run(const std::string& result) const {
        if (speaking_) {
            const auto& field = run_->pipeline().stages()[*speaking_].definition.stream_field;
            const auto& output = run_->values().outputs[*speaking_].value();
            const auto* object = output.if_object();
            const auto* text = object == nullptr ? nullptr : object->if_contains(field);
            if (text != nullptr && text->is_string()) {
                return std::string(std::string_view(text->get_string()));
            }
        }
        return result;
    }

    const std::string pipeline_;
    const std::shared_ptr<const GenerateRequest> request_;
    const std::shared_ptr<PipelineExchange> exchange_;
    CallObserver* observer_;
    std::shared_ptr<void> place_;
    std::optional<std::size_t> speaking_;
    std::unique_ptr<Run> run_;
    std::size_t next_ = 0;
    bool has_words_ = false;
};

class PipelineCall final : public Call {
public:
    PipelineCall(std::shared_ptr<PipelineWork> work, Executor& executor) : work_(std::move(work)), executor_(executor) {}
    ~PipelineCall() override { work_->drop(); }

    void resume() override {}
    void cancel() override {
        executor_.post([work = work_](TaskFate) { work->fail_with(fail(Errc::cancelled)); });
    }

private:
    const std::shared_ptr<PipelineWork> work_;
    Executor& executor_;
};

}  // namespace

std::vector<std::string> HostPipelines::names() const {
    std::vector<std::string> names;
    if (host_.is_loaded()) {
        for (const auto& pipeline : host_.pipelines()) {
            names.push_back(pipeline->definition().name);
        }
    }
    return names;
}

StartedCall HostPipelines::start(const Caller& caller,
                                 std::string_view pipeline,
                                 std::shared_ptr<const GenerateRequest> request,
                                 CallObserver& observer) {
    auto work = std::make_shared<PipelineWork>(std::string(pipeline), std::move(request), observer);
    // Later: the observer is told nothing from inside.
    host_.threads().post([work, admitter = admitter_, caller](TaskFate fate) {
        if (fate == TaskFate::due) {
            work->admit(*admitter, caller);
        }
    });
    return std::unique_ptr<Call>(std::make_unique<PipelineCall>(std::move(work), host_.threads()));
}

}  // namespace eco2::app
