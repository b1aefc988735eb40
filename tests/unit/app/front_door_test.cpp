#include "app/front_door.hpp"

#include "base/limits.hpp"
#include "front_fixture.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace eco2::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ClientPtr = std::shared_ptr<FakeClient>;
using Headers = std::vector<std::pair<std::string, std::string>>;

const std::string kPlain = R"({"model":"m","messages":[{"role":"user","content":"hi"}]})";
const std::string kStream = R"({"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]})";
const std::string kStreamUsage =
    R"({"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]})";
const std::string kChunk =
    R"({"id":"x","object":"chat.completion.chunk","created":5,"model":"up","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]})";
const std::string kLast =
    R"({"id":"x","object":"chat.completion.chunk","created":5,"model":"up","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})";
const std::string kWhole = R"({ "object":"chat.completion","choices":[],"temperature":1.0 })";

class FakePipelines final : public PipelineModels {
public:
    std::vector<std::string> names() const override { return {"scan", "plants"}; }
    StartedCall start(const Caller&,
                      std::string_view pipeline,
                      std::shared_ptr<const GenerateRequest> request,
                      CallObserver& observer) override {
        asked = pipeline;
        return provider.generate(std::move(request), observer);
    }
    std::string asked;
    FakeProvider provider;
};

class FakeSpend final : public SpendDoor {
public:
    std::int64_t spent_picousd(std::string_view caller) const override { return caller == "key:k1" ? spent : 0; }
    std::int64_t spent = 0;
};

class FrontDoorTest : public ::testing::Test {
protected:
    FrontDoorTest() {
        front = std::make_shared<FrontDoor>(FrontDoors{
            [this](const net::ServerRequest& request) -> Result<Caller> {
                return request.header("authorization") == "Bearer wrong" ? Result<Caller>(fail(Errc::unauthorized)) : caller;
            },
            [this] { return available; },
            [this](std::string_view model) {
                return std::shared_ptr<ProviderDoor>(std::shared_ptr<void>(), model.starts_with("m") ? &provider : nullptr);
            },
            [] {
                return std::vector<std::string>{"m", "m2"};
            },
            &pipelines,
            &spend,
            executor,
            clock,
            [this](const GenerateRequest&) { return worst; }});
    }
    /// Whoever still waits goes, as connections do when a server stops.
    ~FrontDoorTest() override {
        for (const auto& client : clients_) {
            client->leave();
        }
        executor.run();
    }

    ClientPtr post(std::string body, Headers headers = {}, ClientPtr client = std::make_shared<FakeClient>()) {
        net::ServerRequest request;
        request.method = "POST";
        request.path = "/v1/chat/completions";
        request.body = std::move(body);
        request.headers = std::move(headers);
        clients_.push_back(client);
        front->chat(std::make_shared<FakeExchange>(client, std::move(request)));
        return client;
    }
    ClientPtr get(std::string_view id = {}) {
        auto client = std::make_shared<FakeClient>();
        const auto exchange = std::make_shared<FakeExchange>(client, net::ServerRequest());
        id.empty() ? front->models(exchange) : front->model(exchange, id);
        return client;
    }
    static boost::json::value error_of(const FakeClient& client) {
        EXPECT_TRUE(client.reply);
        return client.reply ? boost::json::parse(client.reply->body).at("error") : boost::json::value();
    }
    static CallError failed(Errc code, FaultClass fault = FaultClass::provider_fault) {
        CallError error;
        error.error = fail(code, "words");
        error.fault = fault;
        return error;
    }
    static RouteNote note(std::string_view trail = "a>b") {
        RouteNote made;
        made.provider = "openai";
        made.model = "gpt";
        made.attempts = 2;
        made.trail = trail;
        return made;
    }
    void be_key(std::int64_t rpm, std::int64_t tpm = 0, std::int64_t cap = 0) {
        caller.means = Caller::Means::key;
        caller.key_id = "k1";
        caller.requests_per_minute = rpm;
        caller.tokens_per_minute = tpm;
        caller.spend_max_picousd = cap;
    }

    test::ManualClock clock;
    test::ManualExecutor executor{clock};
    Caller caller;
    Result<void> available;
    FakeProvider provider;
    FakePipelines pipelines;
    FakeSpend spend;
    std::int64_t worst = 0;  // of any request
    std::shared_ptr<FrontDoor> front;

private:
    std::vector<ClientPtr> clients_;
};

TEST_F(FrontDoorTest, a_whole_answer_passes_byte_for_byte_with_its_route) {
    const auto client = post(kPlain, {{"x-request-id", "mine-1"}});
    EXPECT_FALSE(client->reply);
    auto& call = provider.call();
    call.on_route(note());
    (void)call.on_chat("", kWhole, false);
    call.on_done(FinishReason::stop, nullptr);
    ASSERT_TRUE(client->reply);
    EXPECT_EQ(client->reply->status, 200);
    EXPECT_EQ(client->reply->body, kWhole);
    EXPECT_EQ(client->header("x-request-id"), "mine-1");
    EXPECT_EQ(client->header("x-eco2-provider"), "openai");
    EXPECT_EQ(client->header("x-eco2-model"), "gpt");
    EXPECT_EQ(client->header("x-eco2-attempts"), "2");
    EXPECT_EQ(client->header("x-eco2-trail"), "a>b");
    EXPECT_EQ(provider.dropped, 1);
    EXPECT_EQ(*provider.requests[0]->chat_json, kPlain);
    EXPECT_EQ(provider.requests[0]->request_id, "mine-1");
}

TEST_F(FrontDoorTest, a_trail_is_ascii_and_short) {
    const auto client = post(kPlain);
    provider.call().on_route(note("r\n\xC3\xA9" + std::string(2'000, 'x')));
    provider.call().on_done(FinishReason::stop, nullptr);
    EXPECT_EQ(client->header("x-eco2-trail").size(), limits::kChatTrailBytesMax);
    EXPECT_TRUE(client->header("x-eco2-trail").starts_with("r???x"));
}

TEST_F(FrontDoorTest, an_id_that_is_not_sane_is_replaced) {
    for (const std::string& id : {std::string("a b"), std::string(129, 'x'), std::string("a\x80")}) {
        const auto client = post("{", {{"x-request-id", id}});
        EXPECT_EQ(client->header("x-request-id").size(), 36U);
    }
}

TEST_F(FrontDoorTest, nothing_leaves_a_stream_before_the_first_content) {
    const auto client = post(kStream);
    provider.call().on_route(note());
    EXPECT_FALSE(client->head);
    (void)provider.call().on_chat("a", kChunk, false);
    ASSERT_TRUE(client->head);
    EXPECT_EQ(client->header("content-type"), "text/event-stream");
    EXPECT_EQ(client->header("cache-control"), "no-cache");
    EXPECT_EQ(client->header("x-accel-buffering"), "no");
    EXPECT_EQ(client->header("x-eco2-provider"), "openai");
    client->pull();
    EXPECT_EQ(client->body, "data: " + kChunk + "\n\n");
    (void)provider.call().on_chat("", kLast, false);
    EXPECT_GT(client->wakes, 0);
    provider.call().on_done(FinishReason::stop, nullptr);
    client->pull();
    EXPECT_EQ(client->body, "data: " + kChunk + "\n\ndata: " + kLast + "\n\ndata: [DONE]\n\n");
    EXPECT_TRUE(client->has_ended);
}

TEST_F(FrontDoorTest, a_failure_before_the_first_content_has_its_own_status) {
    const auto client = post(kStream);
    provider.call().on_route(note());
    const auto error = failed(Errc::provider_overloaded);
    provider.call().on_done(FinishReason::none, &error);
    ASSERT_TRUE(client->reply);
    EXPECT_EQ(client->reply->status, 503);
    EXPECT_EQ(client->header("x-should-retry"), "false") << "routing has tried already";
    EXPECT_EQ(client->header("x-eco2-attempts"), "2");
    EXPECT_EQ(error_of(*client).at("type").as_string(), "server_error");
}

TEST_F(FrontDoorTest, a_hint_to_wait_is_passed_on_in_place_of_the_stop) {
    const auto client = post(kPlain);
    auto error = failed(Errc::provider_limited);
    error.error.retry_after_ms = 1'200;
    provider.call().on_done(FinishReason::none, &error);
    EXPECT_EQ(client->reply->status, 429);
    EXPECT_EQ(client->header("retry-after"), "2");
    EXPECT_EQ(client->header("retry-after-ms"), "1200");
    EXPECT_EQ(client->header("x-should-retry"), "");
}

TEST_F(FrontDoorTest, a_failure_after_content_is_a_frame_and_no_end_mark) {
    const auto client = post(kStream);
    (void)provider.call().on_chat("a", kChunk, false);
    const auto error = failed(Errc::provider_reset);
    provider.call().on_done(FinishReason::none, &error);
    client->pull();
    EXPECT_TRUE(client->has_ended);
    EXPECT_EQ(client->body.find("[DONE]"), std::string::npos);
    EXPECT_NE(client->body.find(R"(data: {"error":{"message":"words")"), std::string::npos);
}

TEST_F(FrontDoorTest, a_long_silence_opens_the_stream_with_a_comment) {
    const auto client = post(kStream);
    executor.advance(limits::kChatSilenceMax - milliseconds(1));
    EXPECT_FALSE(client->head);
    executor.advance(milliseconds(1));
    ASSERT_TRUE(client->head);
    client->pull();
    EXPECT_EQ(client->body, ": waiting\n\n");
    client->source->on_quiet(client->body);
    EXPECT_EQ(client->body, ": waiting\n\n: waiting\n\n");
    const auto error = failed(Errc::provider_timeout);
    provider.call().on_done(FinishReason::none, &error);
    client->pull();
    EXPECT_TRUE(client->has_ended);
    EXPECT_NE(client->body.find("data: {\"error\""), std::string::npos);
}

TEST_F(FrontDoorTest, a_whole_answer_may_take_its_time) {
    const auto client = post(kPlain);
    executor.advance(seconds(300));
    EXPECT_FALSE(client->head);
    EXPECT_EQ(executor.timers_pending(), 0U);
}

TEST_F(FrontDoorTest, a_call_that_cannot_start_is_an_error) {
    provider.refusal = fail(Errc::provider_unreachable, "words");
    for (const auto& body : {kPlain, kStream}) {
        const auto client = post(body);
        ASSERT_TRUE(client->reply);
        EXPECT_EQ(client->reply->status, 502);
    }
    executor.run();
    EXPECT_EQ(executor.timers_pending(), 0U);
}

TEST_F(FrontDoorTest, a_client_that_goes_takes_its_call_with_it_in_every_phase) {
    for (const auto& body : {kPlain, kStream}) {
        for (int phase = 0; phase < 4; ++phase) {
            const auto client = post(body);
            const auto place = provider.open.size() - 1;
            if (phase > 0) {
                provider.call(place).on_route(note());
            }
            if (phase > 1) {
                (void)provider.call(place).on_chat("a", kChunk, false);
            }
            if (phase > 2) {
                client->pull();
            }
            ASSERT_TRUE(provider.is_open(place));
            client->leave();
            EXPECT_FALSE(provider.is_open(place)) << body << phase;
        }
    }
    executor.run();
    EXPECT_EQ(executor.timers_pending(), 0U);
}

TEST_F(FrontDoorTest, a_client_that_is_gone_when_the_stream_opens_takes_its_call_with_it) {
    auto client = std::make_shared<FakeClient>();
    client->fails_at_stream = true;
    post(kStream, {}, client);
    auto& call = provider.call();
    (void)call.on_chat("a", kChunk, false);
    EXPECT_TRUE(provider.is_open()) << "not from inside of what it tells";
    (void)call.on_chat("a", kChunk, false);
    executor.run();
    EXPECT_FALSE(provider.is_open());
}

TEST_F(FrontDoorTest, a_client_that_goes_while_a_large_body_is_read_starts_no_call) {
    const auto client = post(kPlain + std::string(limits::kInlineParseBytesMax, ' '));
    client->leave();
    executor.run();
    EXPECT_TRUE(provider.requests.empty());
}

TEST_F(FrontDoorTest, a_large_body_is_read_elsewhere) {
    const auto client = post(kPlain + std::string(limits::kInlineParseBytesMax, ' '));
    EXPECT_TRUE(provider.requests.empty());
    executor.run();
    EXPECT_EQ(provider.requests.size(), 1U);
    executor.is_pool_full = true;
    const auto refused = post(kPlain + std::string(limits::kInlineParseBytesMax, ' '));
    EXPECT_EQ(refused->reply->status, 503);
    EXPECT_EQ(refused->header("retry-after"), "1");
}

TEST_F(FrontDoorTest, a_slow_reader_pauses_its_upstream) {
    const auto client = post(kStream);
    const auto big = R"({"choices":[{"delta":{"content":")" + std::string(limits::kChatPendingBytesMax, 'x') + "\"}}]}";
    EXPECT_EQ(provider.call().on_chat("", kChunk, false), CallObserver::Flow::go_on);
    EXPECT_EQ(provider.call().on_chat("", big, false), CallObserver::Flow::pause);
    executor.run();
    EXPECT_EQ(provider.resumed, 0);
    client->pull();
    EXPECT_EQ(provider.resumed, 0) << "not from inside the pull";
    executor.run();
    EXPECT_EQ(provider.resumed, 1);
    client->pull();
    executor.run();
    EXPECT_EQ(provider.resumed, 1);
    EXPECT_EQ(provider.call().on_chat("", kChunk, false), CallObserver::Flow::go_on);
}

TEST_F(FrontDoorTest, neutral_pieces_are_rendered_both_ways) {
    provider.can.has_chat = false;
    const auto stream = post(kStreamUsage);
    const auto whole = post(kPlain);
    for (std::size_t i = 0; i < 2; ++i) {
        auto& call = provider.call(i);
        call.on_route(note());
        CallMeta meta;
        meta.model = "gpt-answered";
        call.on_meta(meta);
        (void)call.on_text("hi");
        Usage usage;
        usage.input_tokens = 3;
        call.on_usage(usage);
        usage = {};
        usage.output_tokens = 4;
        call.on_usage(usage);
        call.on_done(FinishReason::length, nullptr);
    }
    stream->pull();
    EXPECT_NE(stream->body.find(R"("model":"gpt-answered")"), std::string::npos);
    EXPECT_NE(stream->body.find(R"("usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7})"), std::string::npos);
    EXPECT_TRUE(stream->body.ends_with("data: [DONE]\n\n"));
    const auto body = boost::json::parse(whole->reply->body);
    EXPECT_EQ(body.at("model").as_string(), "gpt-answered");
    EXPECT_EQ(body.at("choices").at(0).at("message").at("content").as_string(), "hi");
    EXPECT_EQ(body.at("choices").at(0).at("finish_reason").as_string(), "length");
    EXPECT_EQ(body.at("usage").at("total_tokens").as_int64(), 7);
}

TEST_F(FrontDoorTest, what_only_openai_can_say_is_refused_where_nobody_there_speaks_it) {
    const std::string body = R"({"model":"m","n":2,"messages":[{"role":"user","content":"hi"}]})";
    EXPECT_FALSE(post(body)->reply);
    provider.can.has_chat = false;
    const auto refused = post(body);
    EXPECT_EQ(refused->reply->status, 400);
    EXPECT_EQ(error_of(*refused).at("param").as_string(), "n");
}

TEST_F(FrontDoorTest, a_restart_is_marked_and_a_whole_answer_forgets_what_was) {
    const auto stream = post(kStream);
    const auto whole = post(kPlain);
    for (std::size_t i = 0; i < 2; ++i) {
        auto& call = provider.call(i);
        (void)call.on_text("old");
        call.on_restart();
        (void)call.on_text("new");
        call.on_done(FinishReason::stop, nullptr);
    }
    stream->pull();
    EXPECT_NE(stream->body.find(": {\"object\":\"eco2.restart\"}\n\n"), std::string::npos);
    EXPECT_EQ(whole->reply->body.find("old"), std::string::npos);
    EXPECT_NE(whole->reply->body.find("new"), std::string::npos);
}

TEST_F(FrontDoorTest, a_chunk_that_cannot_be_read_ends_a_whole_answer) {
    const auto client = post(kPlain);
    auto& call = provider.call();
    (void)call.on_chat("", "{", false);
    EXPECT_EQ(client->reply->status, 502);
    (void)call.on_chat("", kChunk, false);
    executor.run();
    EXPECT_FALSE(provider.is_open());
}

TEST_F(FrontDoorTest, errors_have_openais_shape) {
    const std::tuple<std::string, int, std::string> kCases[] = {
        {"{", 400, "invalid_json"},
        {"[]", 400, "invalid_json"},
        {"{}", 400, "invalid_value"},
        {R"({"model":"none","messages":[{"role":"user","content":"x"}]})", 404, "model_not_found"},
        {R"({"model":"pipeline/none","messages":[{"role":"user","content":"x"}]})", 404, "model_not_found"},
    };
    for (const auto& [body, status, code] : kCases) {
        const auto client = post(body);
        ASSERT_TRUE(client->reply) << body;
        EXPECT_EQ(client->reply->status, status) << body;
        EXPECT_EQ(error_of(*client).at("code").as_string(), code) << body;
        EXPECT_FALSE(client->header("x-request-id").empty());
        EXPECT_EQ(client->header("x-should-retry"), "false");
    }
    EXPECT_EQ(post(kPlain, {{"authorization", "Bearer wrong"}})->reply->status, 401);
    available = fail(Errc::draining);
    const auto client = post(kPlain);
    EXPECT_EQ(client->reply->status, 503);
    EXPECT_EQ(client->header("retry-after"), "1");
}

TEST_F(FrontDoorTest, keys_open_what_they_are_for) {
    caller.scopes = {"run"};
    EXPECT_EQ(post(kPlain)->reply->status, 403);
    EXPECT_EQ(get()->reply->status, 403);
    caller.scopes = {"chat"};
    caller.models = {"m*2", "pipeline/*"};
    EXPECT_EQ(post(kPlain)->reply->status, 404);
    EXPECT_FALSE(post(R"({"model":"mx2","messages":[{"role":"user","content":"x"}]})")->reply);
    caller.pipelines = {"plants"};
    const auto list = get()->reply->body;
    EXPECT_EQ(list.find("\"m\""), std::string::npos);
    EXPECT_NE(list.find("\"m2\""), std::string::npos);
    EXPECT_NE(list.find("pipeline/plants"), std::string::npos);
    EXPECT_EQ(list.find("pipeline/scan"), std::string::npos);
    EXPECT_EQ(post(R"({"model":"pipeline/scan","messages":[{"role":"user","content":"x"}]})")->reply->status, 404);
}

TEST_F(FrontDoorTest, a_keys_minute_is_limited) {
    be_key(1);
    EXPECT_FALSE(post(kPlain)->reply);
    const auto refused = post(kPlain);
    EXPECT_EQ(refused->reply->status, 429);
    EXPECT_EQ(error_of(*refused).at("type").as_string(), "rate_limit_error");
    EXPECT_FALSE(refused->header("retry-after").empty());
    EXPECT_EQ(provider.requests[0]->caller, "key:k1");
}

TEST_F(FrontDoorTest, a_keys_tokens_are_settled_by_what_was_used) {
    be_key(0, 600);
    post(kPlain);
    EXPECT_EQ(post(kPlain)->reply->status, 429) << "the first one's reservation stands";
    Usage usage;
    usage.input_tokens = 5;
    usage.output_tokens = 5;
    provider.call().on_usage(usage);
    provider.call().on_done(FinishReason::stop, nullptr);
    EXPECT_FALSE(post(kPlain)->reply);
    const auto error = failed(Errc::provider_unreachable);
    provider.call(1).on_done(FinishReason::none, &error);
    EXPECT_FALSE(post(kPlain)->reply) << "what failed before it began costs nothing";
}

TEST_F(FrontDoorTest, a_key_that_has_spent_its_money_is_told_so) {
    be_key(0, 0, 100);
    EXPECT_FALSE(post(kPlain)->reply);
    spend.spent = 100;
    const auto refused = post(kPlain);
    EXPECT_EQ(refused->reply->status, 429);
    EXPECT_EQ(error_of(*refused).at("type").as_string(), "insufficient_quota");
    EXPECT_EQ(error_of(*refused).at("code").as_string(), "insufficient_quota");
    EXPECT_EQ(refused->header("x-should-retry"), "false");
}

TEST_F(FrontDoorTest, requests_under_way_do_not_pass_a_cap_together) {
    be_key(0, 0, 100);
    worst = 60;
    EXPECT_FALSE(post(kPlain)->reply);
    const auto second = post(kPlain);
    ASSERT_TRUE(second->reply) << "60 are held, and 60 more would pass 100";
    EXPECT_EQ(second->reply->status, 429);
    EXPECT_EQ(second->header("retry-after"), "1");
    provider.call(0).on_done(FinishReason::stop, nullptr);
    executor.run();
    spend.spent = 60;
    EXPECT_FALSE(post(kPlain)->reply) << "alone it is let in: the cap may be passed by one request";
    EXPECT_TRUE(post(kPlain)->reply);
}

TEST_F(FrontDoorTest, models_are_listed_and_found) {
    const auto list = boost::json::parse(get()->reply->body);
    EXPECT_EQ(list.at("object").as_string(), "list");
    ASSERT_EQ(list.at("data").as_array().size(), 4U);
    EXPECT_EQ(list.at("data").at(2).at("id").as_string(), "pipeline/scan");
    EXPECT_EQ(list.at("data").at(0).at("object").as_string(), "model");
    EXPECT_TRUE(list.at("data").at(0).at("created").is_int64());
    EXPECT_EQ(boost::json::parse(get("pipeline%2Fscan")->reply->body).at("id").as_string(), "pipeline/scan");
    EXPECT_EQ(get("m-of-a-glob")->reply->status, 200);
    for (const auto* id : {"none", "pipeline%2Fnone", "%", "%2", "%zz"}) {
        EXPECT_EQ(get(id)->reply->status, 404) << id;
    }
}

TEST_F(FrontDoorTest, a_pipeline_is_a_model_and_its_result_stands_in_the_last_chunk) {
    const auto stream = post(R"({"model":"pipeline/scan","stream":true,"messages":[{"role":"user","content":"x"}]})");
    const auto whole = post(R"({"model":"pipeline/scan","messages":[{"role":"user","content":"x"}]})");
    EXPECT_EQ(pipelines.asked, "scan");
    for (std::size_t i = 0; i < 2; ++i) {
        (void)pipelines.provider.call(i).on_text("words");
        pipelines.provider.call(i).on_result(R"({"n":1.0})", {});
        pipelines.provider.call(i).on_done(FinishReason::stop, nullptr);
    }
    stream->pull();
    EXPECT_NE(stream->body.find(R"("finish_reason":"stop"}],"eco2_result":{"n":1.0}})"), std::string::npos) << stream->body;
    EXPECT_NE(whole->reply->body.find(R"("eco2_result":{"n":1.0}})"), std::string::npos);
}

const Headers kKeyed{{"idempotency-key", "i1"}};

TEST_F(FrontDoorTest, equal_requests_in_flight_share_one_call) {
    const auto first = post(kStream, kKeyed);
    (void)provider.call().on_chat("", kChunk, false);
    first->pull();
    const auto second = post(kStream, kKeyed);
    executor.run();
    ASSERT_TRUE(second->head);
    EXPECT_EQ(provider.requests.size(), 1U);
    second->pull();
    EXPECT_EQ(second->body, first->body) << "a late joiner has all from the start";
    (void)provider.call().on_chat("", kLast, false);
    provider.call().on_done(FinishReason::stop, nullptr);
    executor.run();
    first->pull();
    second->pull();
    EXPECT_TRUE(first->has_ended);
    EXPECT_TRUE(second->has_ended);
    EXPECT_EQ(second->body, first->body);
    post(kStream, kKeyed);
    EXPECT_EQ(provider.requests.size(), 2U) << "it is over: a new one";
}

TEST_F(FrontDoorTest, equal_whole_requests_get_the_same_bytes) {
    const auto first = post(kPlain, kKeyed);
    const auto second = post(kPlain, kKeyed);
    (void)provider.call().on_text("hi");
    provider.call().on_done(FinishReason::stop, nullptr);
    executor.run();
    ASSERT_TRUE(first->reply);
    ASSERT_TRUE(second->reply);
    EXPECT_EQ(first->reply->body, second->reply->body);
    EXPECT_NE(first->header("x-request-id"), second->header("x-request-id"));
}

TEST_F(FrontDoorTest, a_key_of_another_body_is_a_conflict_and_of_another_caller_is_not) {
    post(kStream, kKeyed);
    const auto refused = post(kPlain, kKeyed);
    EXPECT_EQ(refused->reply->status, 422);
    EXPECT_EQ(error_of(*refused).at("code").as_string(), "idempotency_conflict");
    be_key(0);
    EXPECT_FALSE(post(kPlain, kKeyed)->reply);
    EXPECT_EQ(provider.requests.size(), 2U);
    EXPECT_EQ(post(kPlain, {{"idempotency-key", std::string(256, 'x')}})->reply->status, 400);
}

TEST_F(FrontDoorTest, a_shared_call_goes_on_until_the_last_has_left) {
    const auto first = post(kStream, kKeyed);
    const auto second = post(kStream, kKeyed);
    (void)provider.call().on_chat("", kChunk, false);
    first->leave();
    EXPECT_TRUE(provider.is_open());
    executor.run();
    second->pull();
    EXPECT_EQ(second->body, "data: " + kChunk + "\n\n");
    second->leave();
    EXPECT_FALSE(provider.is_open());
    post(kStream, kKeyed);
    EXPECT_EQ(provider.requests.size(), 2U) << "what was given up cannot be joined";
}

TEST_F(FrontDoorTest, a_shared_answer_that_grows_large_takes_nobody_new_and_loses_nothing) {
    const auto first = post(kStream, kKeyed);
    const auto chunk = R"({"choices":[{"delta":{"content":")" + std::string(1'000, 'x') + "\"}}]}";
    std::string expected;
    for (int i = 0; i < 300; ++i) {
        (void)provider.call().on_chat("", chunk, false);
        expected += "data: " + chunk + "\n\n";
        if (i % 7 == 0) {
            first->pull();
        }
    }
    first->pull();
    EXPECT_EQ(first->body, expected);
    post(kStream, kKeyed);
    EXPECT_EQ(provider.requests.size(), 2U);
}

TEST_F(FrontDoorTest, merged_answers_are_bounded) {
    std::vector<ClientPtr> clients;
    for (std::size_t i = 0; i < limits::kMergedAnswersMax + 1; ++i) {
        clients.push_back(post(kPlain, {{"idempotency-key", std::to_string(i)}}));
    }
    const auto last = std::to_string(limits::kMergedAnswersMax);
    clients.push_back(post(kPlain, {{"idempotency-key", last}}));
    EXPECT_EQ(provider.requests.size(), limits::kMergedAnswersMax + 2) << "beyond the limit each goes alone";
}

TEST_F(FrontDoorTest, a_path_that_is_not_there_is_told_in_openais_shape) {
    const auto response = FrontDoor::refusal(net::ServerRequest(), fail(Errc::method_not_allowed));
    EXPECT_EQ(response.status, 405);
    EXPECT_EQ(boost::json::parse(response.body).at("error").at("type").as_string(), "invalid_request_error");
    EXPECT_TRUE(FrontDoor::is_front("/v1/x"));
    EXPECT_FALSE(FrontDoor::is_front("/api/v1/scan"));
}

}  // namespace
}  // namespace eco2::app
