#include "eco2/plugin/batch_dialect.hpp"

#include "eco2/plugin/plugin.hpp"
#include "eco2/testing/fake_host.hpp"
#include "eco2/testing/test_instance.hpp"
#include "eco2/testing/test_request.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

using namespace eco2::plugin;
using eco2::testing::FakeHost;
using eco2::testing::TestInstance;
using eco2::testing::TestRequest;

/// Its configuration says how it behaves.
class Sample final : public Plugin<BatchDialect> {
public:
    static constexpr std::string_view kId = "sample";
    static constexpr std::string_view kVersion = "1.0.0";
    static constexpr std::string_view kSchema = "{}";

    static Result<std::unique_ptr<Sample>> create(const Host& host, std::string_view config) {
        return std::make_unique<Sample>(host, config);
    }
    Sample(const Host& host, std::string_view config) : Plugin(host), mood_(config) {}

    std::string batch_capabilities() const override {
        misbehave();
        return R"({"endpoint":"/x"})";
    }
    Result<std::string> encode_line(const GenerateRequest& request, std::string_view custom_id) override {
        misbehave();
        if (mood_ == "fails") {
            return fail(Status::invalid_argument, "no", "not this one");
        }
        return std::string(custom_id) + (request.is_streamed() ? " streamed" : " whole");
    }
    Result<BatchAnswer> read_line(std::string_view line) override {
        misbehave();
        if (mood_ == "fails") {
            return provider_fault("malformed", "no line");
        }
        BatchAnswer answer;
        answer.custom_id = "i1";
        answer.http_status = 500;
        answer.body_json = line;
        if (mood_ == "answers") {
            answer.outcome = BatchAnswer::Outcome::answered;
            answer.finish = FinishReason::length;
            answer.upstream_request_id = "r";
            answer.model = "m";
            answer.text = "t";
            answer.usage = Usage{1, 2, 3, 4, true};
        }
        return answer;
    }
    Result<BatchRequest> write_step(const BatchAsk& ask) override {
        misbehave();
        if (mood_ == "fails") {
            return fail(Status::unsupported, "no_such_step", "this upstream has no such step");
        }
        BatchRequest request;
        request.method = "PUT";
        request.url = std::string(ask.id) + "," + std::string(ask.file_name) + "," + std::string(ask.tag) + "," +
                      std::string(ask.job) + "," + std::string(ask.page_after) + (ask.has_key ? ",key" : "");
        request.headers.add("a", "b");
        request.body = "start";
        request.body_end = "end";
        return request;
    }
    BatchReply read_reply(BatchStep step, int, const Headers& headers, std::string_view body) override {
        misbehave();
        BatchReply reply;
        reply.next_page = headers.find("next");
        reply.is_proof_of_nothing = true;
        if (mood_ == "fails") {
            reply.refusal = fail(Status::unauthenticated, "key", "no");
            return reply;
        }
        if (step == BatchStep::list_files) {
            reply.files = {{"f1", "n1", 1, 2, 3}, {"f2", "n2", -1, -1, -1}};
            return reply;
        }
        RemoteBatch batch;
        batch.id = body;
        batch.state = RemoteBatch::State::expired;
        batch.faults = {{"c1", "m1", 4}, {"c2", "m2", 0}};
        batch.usage = Usage{7, 8, -1, -1, false};
        reply.batches = {batch, batch};
        reply.batches[1].faults.clear();
        reply.batches[1].usage.reset();
        return reply;
    }

private:
    void misbehave() const {
        if (mood_ == "throws") {
            throw std::runtime_error("thrown inside");
        }
        if (mood_ == "throws int") {
            throw 3;
        }
    }
    std::string mood_;
};

/// Counts the callbacks of one function, and gives what it was told to `look`.
template <class Look>
struct Taker {
    Look look;
    int takes = 0;
    int errors = 0;
    Failure error{};

    static void take_line(void* self, eco2_str line) {
        ++static_cast<Taker*>(self)->takes;
        static_cast<Taker*>(self)->look(line);
    }
    template <class Struct>
    static void take(void* self, const Struct* told) {
        ++static_cast<Taker*>(self)->takes;
        static_cast<Taker*>(self)->look(*told);
    }
    static void fail(void* self, const eco2_error* told) {
        ++static_cast<Taker*>(self)->errors;
        static_cast<Taker*>(self)->error = from_abi(*told);
    }
};

template <class Look>
Taker<Look> taker(Look look) {
    return Taker<Look>{std::move(look)};
}

struct Fixture {
    explicit Fixture(std::string_view mood = "")
        : instance(host, descriptor<Sample>(), mood), table(instance.batch_provider()) {}

    FakeHost host;
    TestInstance instance;
    const eco2_batch_provider* table;
};

constexpr auto kNothing = [](const auto&) { FAIL() << "nothing was to be told"; };

TEST(BatchDialect, a_line_is_given_once_and_its_request_is_never_streamed) {
    Fixture plugin;
    TestRequest request;
    request.streamed(true);
    auto got = taker([](eco2_str line) { EXPECT_EQ(from_abi(line), "i1 whole"); });
    EXPECT_EQ(plugin.table->encode_line(
                  plugin.table->self, request.abi(), to_abi(std::string_view("i1")), &got, &got.take_line, &got.fail),
              ECO2_OK);
    EXPECT_EQ(got.takes, 1);
    EXPECT_EQ(got.errors, 0);
    EXPECT_NE(request.abi()->flags & ECO2_GENERATE_STREAM, 0u) << "the host's struct is the host's";
}

TEST(BatchDialect, an_answer_crosses_with_all_that_it_has) {
    Fixture plugin("answers");
    auto got = taker([](const eco2_batch_answer& answer) {
        EXPECT_EQ(answer.struct_size, sizeof(eco2_batch_answer));
        EXPECT_EQ(answer.outcome, ECO2_BATCH_ANSWERED);
        EXPECT_EQ(answer.finish_reason, ECO2_FINISH_LENGTH);
        EXPECT_EQ(from_abi(answer.custom_id), "i1");
        EXPECT_EQ(from_abi(answer.upstream_request_id), "r");
        EXPECT_EQ(from_abi(answer.model), "m");
        EXPECT_EQ(from_abi(answer.text), "t");
        EXPECT_EQ(from_abi(answer.body_json), "the line");
        ASSERT_NE(answer.usage, nullptr);
        EXPECT_EQ(answer.usage->reasoning_tokens, 4);
        EXPECT_EQ(answer.usage->flags, ECO2_USAGE_ESTIMATED);
        EXPECT_EQ(answer.error, nullptr);
    });
    EXPECT_EQ(
        plugin.table->read_line(
            plugin.table->self, to_abi(std::string_view("the line")), &got, &got.template take<eco2_batch_answer>, &got.fail),
        ECO2_OK);
    EXPECT_EQ(got.takes, 1);
}

TEST(BatchDialect, what_is_not_answered_has_an_error_and_its_http_status) {
    Fixture plugin;
    auto got = taker([](const eco2_batch_answer& answer) {
        EXPECT_EQ(answer.outcome, ECO2_BATCH_FAILED);
        EXPECT_EQ(answer.usage, nullptr);
        ASSERT_NE(answer.error, nullptr);
        EXPECT_EQ(answer.error->upstream_http_status, 500);
        EXPECT_NE(answer.error->status, ECO2_OK);
    });
    EXPECT_EQ(plugin.table->read_line(
                  plugin.table->self, to_abi(std::string_view("x")), &got, &got.template take<eco2_batch_answer>, &got.fail),
              ECO2_OK);
    EXPECT_EQ(got.takes, 1);
}

TEST(BatchDialect, a_step_is_handed_over_with_each_of_its_fields) {
    Fixture plugin;
    eco2_batch_ask ask{};
    ask.struct_size = sizeof ask;
    ask.step = ECO2_BATCH_STEP_CREATE;
    ask.key = 1;
    ask.id = to_abi(std::string_view("id"));
    ask.file_name = to_abi(std::string_view("file"));
    ask.tag = to_abi(std::string_view("tag"));
    ask.job = to_abi(std::string_view("job"));
    ask.page_after = to_abi(std::string_view("page"));
    auto got = taker([](const eco2_batch_request& request) {
        EXPECT_EQ(from_abi(request.method), "PUT");
        EXPECT_EQ(from_abi(request.url), "id,file,tag,job,page,key");
        ASSERT_EQ(request.header_count, 1u);
        EXPECT_EQ(from_abi(request.headers[0]), "a");
        EXPECT_EQ(from_abi(request.headers[1]), "b");
        EXPECT_EQ(from_abi(request.body), "start");
        EXPECT_EQ(from_abi(request.body_end), "end");
    });
    EXPECT_EQ(plugin.table->write_step(plugin.table->self, &ask, &got, &got.template take<eco2_batch_request>, &got.fail),
              ECO2_OK);
    EXPECT_EQ(got.takes, 1);
}

eco2_batch_response response_of(std::int32_t step, std::int32_t status) {
    static const eco2_str headers[] = {to_abi(std::string_view("next")), to_abi(std::string_view("p2"))};
    return {sizeof(eco2_batch_response), step, status, 0, headers, 1, to_abi(std::string_view("b1"))};
}

TEST(BatchDialect, a_reply_crosses_with_its_batches_files_and_faults) {
    Fixture plugin;
    auto batches = taker([](const eco2_batch_reply& reply) {
        EXPECT_EQ(reply.error, nullptr);
        EXPECT_EQ(reply.flags, 0u) << "a proof belongs to a refusal";
        EXPECT_EQ(from_abi(reply.next_page), "p2");
        ASSERT_EQ(reply.batch_count, 2u);
        EXPECT_EQ(from_abi(reply.batches[0]->id), "b1");
        EXPECT_EQ(reply.batches[0]->state, ECO2_BATCH_STATE_EXPIRED);
        ASSERT_EQ(reply.batches[0]->fault_count, 2u);
        EXPECT_EQ(from_abi(reply.batches[0]->faults[0]->message), "m1");
        EXPECT_EQ(from_abi(reply.batches[0]->faults[1]->code), "c2");
        EXPECT_EQ(reply.batches[0]->faults[0]->line, 4);
        ASSERT_NE(reply.batches[0]->usage, nullptr);
        EXPECT_EQ(reply.batches[0]->usage->output_tokens, 8);
        EXPECT_EQ(reply.batches[1]->fault_count, 0u);
        EXPECT_EQ(reply.batches[1]->usage, nullptr);
        EXPECT_EQ(reply.batches[1]->total, -1);
    });
    const eco2_batch_response list = response_of(ECO2_BATCH_STEP_LIST, 200);
    EXPECT_EQ(
        plugin.table->read_reply(plugin.table->self, &list, &batches, &batches.template take<eco2_batch_reply>, &batches.fail),
        ECO2_OK);
    EXPECT_EQ(batches.takes, 1);
    auto files = taker([](const eco2_batch_reply& reply) {
        ASSERT_EQ(reply.file_count, 2u);
        EXPECT_EQ(from_abi(reply.files[0]->name), "n1");
        EXPECT_EQ(reply.files[0]->expires_at_s, 3);
        EXPECT_EQ(from_abi(reply.files[1]->id), "f2");
    });
    const eco2_batch_response list_files = response_of(ECO2_BATCH_STEP_LIST_FILES, 200);
    plugin.table->read_reply(plugin.table->self, &list_files, &files, &files.template take<eco2_batch_reply>, &files.fail);
    EXPECT_EQ(files.takes, 1);
}

TEST(BatchDialect, a_refusal_crosses_with_its_proof_and_status) {
    Fixture plugin("fails");
    auto got = taker([](const eco2_batch_reply& reply) {
        EXPECT_EQ(reply.flags, ECO2_BATCH_NOTHING_DONE);
        ASSERT_NE(reply.error, nullptr);
        EXPECT_EQ(reply.error->status, ECO2_UNAUTHENTICATED);
        EXPECT_EQ(reply.error->upstream_http_status, 401);
    });
    const eco2_batch_response response = response_of(ECO2_BATCH_STEP_CREATE, 401);
    EXPECT_EQ(plugin.table->read_reply(plugin.table->self, &response, &got, &got.template take<eco2_batch_reply>, &got.fail),
              ECO2_OK);
    EXPECT_EQ(got.takes, 1);
}

/// All four functions, each of which must end in one error.
void expect_errors(Fixture& plugin, const eco2_generate_request* request, const eco2_batch_ask* ask, std::string_view code) {
    const eco2_batch_provider& table = *plugin.table;
    auto got = taker(kNothing);
    EXPECT_NE(table.encode_line(table.self, request, {}, &got, &got.take_line, &got.fail), ECO2_OK);
    EXPECT_EQ(got.error.code, code);
    EXPECT_NE(table.write_step(table.self, ask, &got, &got.template take<eco2_batch_request>, &got.fail), ECO2_OK);
    EXPECT_EQ(got.error.code, code);
    EXPECT_EQ(got.errors, 2);
}

TEST(BatchDialect, an_exception_becomes_the_one_error) {
    for (const std::string_view mood : {"throws", "throws int"}) {
        Fixture plugin(mood);
        TestRequest request;
        eco2_batch_ask ask{};
        ask.struct_size = sizeof ask;
        expect_errors(plugin, request.abi(), &ask, "plugin_exception");
        auto got = taker(kNothing);
        const eco2_batch_response response = response_of(ECO2_BATCH_STEP_CREATE, 400);
        const eco2_batch_provider& table = *plugin.table;
        EXPECT_EQ(table.read_line(table.self, {}, &got, &got.template take<eco2_batch_answer>, &got.fail), ECO2_INTERNAL);
        EXPECT_EQ(table.read_reply(table.self, &response, &got, &got.template take<eco2_batch_reply>, &got.fail),
                  ECO2_INTERNAL);
        EXPECT_EQ(got.errors, 2);
        EXPECT_EQ(table.describe(table.self)->size, 0u) << "which no host takes for a description";
    }
}

TEST(BatchDialect, a_failure_and_a_struct_of_another_abi_are_told_as_errors) {
    Fixture fails("fails");
    TestRequest request;
    eco2_batch_ask ask{};
    ask.struct_size = sizeof ask;
    const eco2_batch_provider& table = *fails.table;
    auto got = taker(kNothing);
    EXPECT_EQ(table.encode_line(table.self, request.abi(), {}, &got, &got.take_line, &got.fail), ECO2_INVALID_ARGUMENT);
    EXPECT_EQ(table.write_step(table.self, &ask, &got, &got.template take<eco2_batch_request>, &got.fail), ECO2_UNSUPPORTED);
    EXPECT_EQ(table.read_line(table.self, {}, &got, &got.template take<eco2_batch_answer>, &got.fail), ECO2_UNAVAILABLE);
    EXPECT_EQ(got.errors, 3);

    Fixture plugin;
    eco2_generate_request short_request = *request.abi();
    short_request.struct_size = 8;
    ask.struct_size = 8;
    expect_errors(plugin, &short_request, &ask, "struct_size");
}

TEST(BatchDialect, capabilities_are_asked_once_and_stay) {
    Fixture plugin;
    const eco2_str* const first = plugin.table->describe(plugin.table->self);
    EXPECT_EQ(from_abi(*first), R"({"endpoint":"/x"})");
    EXPECT_EQ(plugin.table->describe(plugin.table->self), first);
}

}  // namespace
