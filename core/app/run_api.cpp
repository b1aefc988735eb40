#include "app/run_api.hpp"

#include "app/api.hpp"
#include "app/query.hpp"
#include "app/run_stream.hpp"
#include "app/scan_api.hpp"
#include "base/text.hpp"
#include "base/utc.hpp"
#include "runs/run_result.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace eco2::app {
namespace {

std::string accepted_body(const std::string& pipeline, const std::string& id) {
    const auto base = pipeline_path(pipeline) + "/" + id;
    return R"({"job_id":")" + id + R"(","stream_url":")" + base + R"(/events","result_url":")" + base +
           R"(/result","status":"queued"})";
}

net::ServerResponse processing_response(const RunFeed& feed) {
    const auto status = feed.status();
    auto response = json_response(202,
                                  R"({"status":"processing","message":"the run is under way","current_stage":")" +
                                      status.stage + R"(","progress":)" + std::to_string(status.progress) + "}");
    response.headers.emplace_back("retry-after", "2");
    return response;
}

/// How many events the client has; nullopt: that is no id of this run's.
std::optional<std::size_t> read_last_event_id(std::string_view text, std::size_t events) {
    if (text.empty()) {
        return 0;
    }
    std::size_t number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_read = ec == std::errc() && end == text.data() + text.size();
    return is_read && number <= events ? std::optional(number) : std::nullopt;
}

/// Both spellings of the header mean the same. Errors: invalid_field.
Result<std::string> idempotency_key(const net::ServerRequest& request) {
    std::string key;
    for (const auto& [name, value] : request.headers) {
        if (name != "idempotency-key" && name != "x-idempotency-key") {
            continue;
        }
        const std::string text(trim(value));
        if (text.empty() || text.size() > limits::kIdempotencyKeyBytesMax || !is_valid_utf8(text)) {
            return fail(Errc::invalid_field,
                        name + " must have 1 to " + std::to_string(limits::kIdempotencyKeyBytesMax) + " bytes");
        }
        if (!key.empty() && key != text) {
            return fail(Errc::invalid_field, "two different idempotency keys");
        }
        key = text;
    }
    return key;
}

/// Seconds that the client would wait for the result (RFC 7240, "wait"); 0: it would not.
std::chrono::seconds preferred_wait(const net::ServerRequest& request) {
    const auto prefer = request.header("prefer");
    if (!prefer.starts_with("wait")) {
        return std::chrono::seconds(0);
    }
    long seconds = limits::kResultWaitMax.count();
    if (prefer.starts_with("wait=")) {
        std::from_chars(prefer.data() + 5, prefer.data() + prefer.size(), seconds);
    }
    return std::clamp(std::chrono::seconds(seconds), std::chrono::seconds(0), limits::kResultWaitMax);
}

/// Answers when the run is over, or as "processing" when that takes too long.
class ResultWait : public std::enable_shared_from_this<ResultWait> {
public:
    ResultWait(ExchangePtr exchange, std::shared_ptr<RunFeed> feed) : exchange_(std::move(exchange)), feed_(std::move(feed)) {}

    void start(Executor& executor, std::chrono::seconds wait) {
        // The exchange keeps this alive; an answer or the client's leaving lets it go.
        exchange_->on_client_gone([self = shared_from_this()] { self->finish(); });
        subscription_ = feed_->subscribe([weak = weak_from_this()] {
            if (const auto self = weak.lock(); self != nullptr && self->feed_->is_over()) {
                self->answer();
            }
        });
        timer_ = executor.post_after(wait, [weak = weak_from_this()](TaskFate fate) {
            if (const auto self = weak.lock(); self != nullptr && fate == TaskFate::due) {
                self->answer();
            }
        });
        if (feed_->is_over()) {
            answer();
        }
    }

private:
    void answer() {
        if (const auto exchange = exchange_) {
            const auto self = shared_from_this();
            finish();
            exchange->respond(feed_->is_over() ? json_response(200, feed_->result()) : processing_response(*feed_));
        }
    }
    void finish() {
        exchange_.reset();
        subscription_.reset();
        timer_.reset();
    }

    ExchangePtr exchange_;
    const std::shared_ptr<RunFeed> feed_;
    std::unique_ptr<RunFeed::Subscription> subscription_;
    std::unique_ptr<Timer> timer_;
};

std::string_view state_word(RunState state) {
    switch (state) {
        case RunState::queued: return "processing";
        case RunState::done: return "completed";
        case RunState::dead: return "failed";
        case RunState::cancelled: break;
    }
    return "cancelled";
}

}  // namespace

std::string pipeline_path(std::string_view pipeline) {
    return pipeline == ScanApi::kPipeline ? "/api/v1/scan" : "/api/v1/pipelines/" + std::string(pipeline);
}

std::string run_summary_json(const RunSummary& run) {
    std::string out = R"({"job_id":)" + json_quote(run.id) + R"(,"pipeline":)" + json_quote(run.pipeline);
    out += R"(,"status":")" + std::string(state_word(run.state)) + R"(","error":)";
    out += run.error.empty() ? "null" : json_quote(run.error);
    out += R"(,"created_at":")" + utc_text(run.created_ns) + R"(","ended_at":)";
    out += run.ended_ns == 0 ? "null" : json_quote(utc_text(run.ended_ns));
    return out + "}";
}

RunApi::RunApi(runtime::Host& host, std::shared_ptr<Access> access, std::shared_ptr<Admitter> admitter)
    : host_(host), access_(std::move(access)), admitter_(std::move(admitter)) {}

void RunApi::submit(const ExchangePtr& exchange, const std::string& pipeline) {
    auto key = idempotency_key(exchange->request());
    if (!key) {
        return exchange->respond(error_response(key.error()));
    }
    Admitter::Then then;
    then.refuse = [](const Admission& admission, const Error& error) {
        admission.exchange->respond(refusal(admission, error));
    };
    then.start = [self = shared_from_this(), pipeline, key = *key](const AdmissionPtr& admission) {
        SubmittedRuns::Submission submission;
        submission.context = admission->context;
        submission.input = std::move(admission->input);
        submission.idempotency_key = key;
        submission.fingerprint = std::move(admission->fingerprint);
        submission.place = std::move(admission->place);
        const auto user = submission.input.user_id;
        self->host_.runs().submit(std::move(submission),
                                  [self, admission, pipeline, user](const Result<RunStoreDoor::Submitted>& submitted) {
                                      if (!submitted) {
                                          return admission->exchange->respond(error_response(submitted.error()));
                                      }
                                      self->accepted(admission->exchange, pipeline, user, *submitted);
                                  });
    };
    if (!key->empty()) {
        then.recall = [self = shared_from_this(), pipeline, key = *key](const AdmissionPtr& admission, auto go_on) {
            self->recall(admission, pipeline, key, std::move(go_on));
        };
    }
    admitter_->admit(exchange, pipeline, std::move(then));
}

// What was accepted once is told again, whatever the user's quotas and the host's load are now, and costs nothing.
void RunApi::recall(const AdmissionPtr& admission,
                    const std::string& pipeline,
                    const std::string& key,
                    std::function<void()> go_on) {
    host_.runs().find_submitted({admission->input.user_id, key, admission->fingerprint},
                                [self = shared_from_this(), admission, pipeline, go_on = std::move(go_on)](
                                    const Result<std::optional<RunStoreDoor::Submitted>>& known) {
                                    if (!known) {
                                        return admission->exchange->respond(error_response(known.error()));
                                    }
                                    *known ? self->accepted(admission->exchange, pipeline, admission->input.user_id, **known)
                                           : go_on();
                                });
}

void RunApi::accepted(const ExchangePtr& exchange,
                      const std::string& pipeline,
                      const std::string& user,
                      const RunStoreDoor::Submitted& submitted) {
    auto& request = exchange->request();
    const bool wants_stream = request.header("accept").find("text/event-stream") != std::string_view::npos;
    const auto wait = preferred_wait(request);
    if (!wants_stream && wait.count() == 0) {
        auto response = json_response(202, accepted_body(pipeline, submitted.run_id));
        response.headers.emplace_back("location", pipeline_path(pipeline) + "/" + submitted.run_id + "/result");
        if (submitted.is_known) {
            response.headers.emplace_back("idempotent-replayed", "true");
        }
        return exchange->respond(std::move(response));
    }
    host_.runs().open(submitted.run_id, user, [self = shared_from_this(), exchange, wants_stream, wait](const auto& feed) {
        if (!feed) {
            return exchange->respond(error_response(feed.error()));
        }
        if (wants_stream) {
            return self->stream(exchange, *feed, 0);
        }
        std::make_shared<ResultWait>(exchange, *feed)->start(self->host_.threads(), wait);
    });
}

RunApi::Asked RunApi::asked(const ExchangePtr& exchange,
                            const std::string& pipeline,
                            std::string_view id,
                            std::string_view scope) const {
    auto caller = access_->authenticator()->authorize(exchange->request(), scope, pipeline);
    return {pipeline, id, caller ? Result<std::string>(std::move(caller->user_id)) : caller.error()};
}

void RunApi::stream_token(const ExchangePtr& exchange, const std::string& pipeline, std::string_view id) {
    const auto then = [self = shared_from_this(), exchange, pipeline](const FeedPtr& feed) {
        const auto token = self->access_->stream_tokens().make(feed->run_id(), feed->user_id());
        if (!token) {
            return exchange->respond(error_response(token.error()));
        }
        exchange->respond(json_response(201,
                                        R"({"token":")" + *token + R"(","stream_url":")" + pipeline_path(pipeline) + "/" +
                                            feed->run_id() + "/events?token=" + *token + R"(","expires_in":)" +
                                            std::to_string(std::chrono::seconds(limits::kStreamTokenLifetime).count()) + "}"));
    };
    open(exchange, asked(exchange, pipeline, id, kScopeRead), then);
}

void RunApi::open(const ExchangePtr& exchange, Asked asked, std::function<void(const FeedPtr&)> then) {
    if (!asked.user) {
        return exchange->respond(error_response(asked.user.error()));
    }
    if (!host_.is_loaded()) {
        return exchange->respond(error_response(fail(Errc::not_ready)));
    }
    if (!is_uuid(asked.id)) {
        return exchange->respond(error_response(fail(Errc::run_not_found)));
    }
    host_.runs().open(to_lower_ascii(asked.id),
                      std::move(*asked.user),
                      [exchange, pipeline = asked.pipeline, then = std::move(then)](const Result<FeedPtr>& feed) {
                          if (!feed || (*feed)->pipeline() != pipeline) {
                              return exchange->respond(error_response(feed ? fail(Errc::run_not_found) : feed.error()));
                          }
                          then(*feed);
                      });
}

void RunApi::events(const ExchangePtr& exchange, const std::string& pipeline, std::string_view id) {
    const auto then = [self = shared_from_this(), exchange](const FeedPtr& feed) {
        const auto events = feed->size();
        const auto from = read_last_event_id(exchange->request().header("last-event-id"), events);
        if (!from) {
            return exchange->respond(error_response(
                fail(Errc::last_event_id_invalid, "Last-Event-ID must be a number from 0 to " + std::to_string(events))));
        }
        self->stream(exchange, feed, *from);
    };
    // A token of the stream's own opens this stream and nothing else: it stands in URLs, and so in logs.
    if (const auto token = query_value(exchange->request().query, "token"); !token.empty()) {
        return open(exchange, {pipeline, id, access_->stream_tokens().use(token, to_lower_ascii(id))}, then);
    }
    open(exchange, asked(exchange, pipeline, id, kScopeRead), then);
}

void RunApi::stream(const ExchangePtr& exchange, const FeedPtr& feed, std::size_t from) {
    if (feed->is_over() && from == feed->size()) {
        // An EventSource that gets 204 stops coming back.
        net::ServerResponse nothing;
        nothing.status = 204;
        return exchange->respond(std::move(nothing));
    }
    auto head = event_stream_head();
    head.headers.emplace_back("x-job-id", feed->run_id());
    exchange->stream(std::move(head), std::make_unique<RunStream>(feed, from), limits::kStreamKeepAliveInterval);
}

void RunApi::result(const ExchangePtr& exchange, const std::string& pipeline, std::string_view id) {
    open(exchange, asked(exchange, pipeline, id, kScopeRead), [exchange](const FeedPtr& feed) {
        exchange->respond(feed->is_over() ? json_response(200, feed->result()) : processing_response(*feed));
    });
}

void RunApi::cancel(const ExchangePtr& exchange, const std::string& pipeline, std::string_view id) {
    open(exchange, asked(exchange, pipeline, id, kScopeRun), [self = shared_from_this(), exchange](const FeedPtr& feed) {
        self->host_.runs().cancel(feed->run_id(), feed->user_id(), [exchange, feed](const Result<void>& cancelled) {
            exchange->respond(cancelled ? json_response(200, R"({"job_id":")" + feed->run_id() + R"(","status":"cancelled"})")
                                        : error_response(cancelled.error()));
        });
    });
}

void RunApi::list(const ExchangePtr& exchange, const std::string& pipeline) {
    auto caller = access_->authenticator()->authorize(exchange->request(), kScopeRead, pipeline);
    if (!caller) {
        return exchange->respond(error_response(caller.error()));
    }
    if (!host_.is_loaded()) {
        return exchange->respond(error_response(fail(Errc::not_ready)));
    }
    auto filter = read_run_filter(exchange->request().query);
    if (!filter) {
        return exchange->respond(error_response(filter.error()));
    }
    filter->user_id = std::move(caller->user_id);
    filter->pipeline = pipeline;
    const auto count_max = filter->count_max;
    host_.runs().list(std::move(*filter), [exchange, count_max](const Result<std::vector<RunSummary>>& runs) {
        if (!runs) {
            return exchange->respond(error_response(runs.error()));
        }
        std::string body = R"({"runs":[)";
        for (const auto& run : *runs) {
            body += (body.back() == '[' ? "" : ",") + run_summary_json(run);
        }
        const bool has_more = !runs->empty() && runs->size() == count_max;
        body += R"(],"next_before":)" + (has_more ? std::to_string(runs->back().created_ns) : "null") + "}";
        exchange->respond(json_response(200, std::move(body)));
    });
}

}  // namespace eco2::app
