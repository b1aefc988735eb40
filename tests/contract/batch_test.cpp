#include "contract/support.hpp"
#include "model/batch_provider.hpp"

#include <optional>

namespace eco2::contract {
namespace {

/// A plugin that offers batches and nothing else, in one mood.
struct Batches {
    explicit Batches(const std::string& behaviour, bool has_key = true) {
        auto config =
            ManualHost::config("odd_batch", R"({"behaviour":")" + behaviour + R"(","base_url":"https://api.test/v1"})");
        if (has_key) {
            config.keys = {{"first", "s3cret"}, {"second", "other"}};
        }
        loaded = host.host.load(config);
        door = host.host.batch_provider("odd_batch");
    }
    std::uint64_t violations() { return host.status().contract_violations; }

    Result<std::string> encode() {
        GenerateRequest request;
        request.model = "m";
        Part part;
        part.text = std::make_shared<std::string>("x");
        request.messages.push_back({Role::user, {part}});
        request.chat_json = std::make_shared<std::string>("{}");
        request.is_streamed = true;
        request.key = 1;
        return door->encode_line(request, "i1");
    }
    Result<BatchRequest> write() {
        BatchAsk ask;
        ask.step = BatchStep::retrieve;
        ask.id = "b1";
        return door->request(ask);
    }
    std::optional<BatchReply> reply(int http_status = 200, BatchStep step = BatchStep::create) {
        fault = {};
        return door->read_reply(step, http_status, {{"x-tag", "t"}}, "{}", fault);
    }

    ManualHost host;
    Result<void> loaded;
    BatchProviderDoor* door = nullptr;
    BatchFault fault;
};

TEST(PluginBatches, are_offered_by_a_plugin_that_is_no_provider) {
    Batches batches("none");
    ASSERT_TRUE(batches.loaded) << batches.loaded.error().detail;
    ASSERT_NE(batches.door, nullptr);
    EXPECT_EQ(batches.host.host.provider("odd_batch"), nullptr);
    EXPECT_EQ(batches.door->name(), "odd_batch");
    const auto& told = batches.door->capabilities();
    EXPECT_EQ(told.endpoint, "/v1/x");
    EXPECT_EQ(told.requests_max, 7);
    EXPECT_EQ(told.price_factor, 0.25);
    EXPECT_EQ(told.window, std::chrono::seconds(60));
    EXPECT_EQ(told.expiry, BatchCapabilities::Expiry::never);
    EXPECT_TRUE(told.has_tag);
    EXPECT_TRUE(told.takes_image_urls);
    EXPECT_FALSE(told.takes_image_bytes);
}

TEST(PluginBatches, what_a_description_does_not_name_is_neither_a_limit_nor_an_ability_nor_a_discount) {
    Batches batches("describes_endpoint_only");
    ASSERT_TRUE(batches.loaded);
    const auto& told = batches.door->capabilities();
    EXPECT_EQ(told.requests_max, 0);
    EXPECT_EQ(told.file_bytes_max, 0);
    EXPECT_EQ(told.price_factor, 1);
    EXPECT_EQ(told.expiry, BatchCapabilities::Expiry::lost);
    EXPECT_FALSE(told.has_tag || told.can_list || told.can_cancel || told.can_delete_files || told.takes_image_bytes);
}

TEST(PluginBatches, a_description_that_is_none_keeps_the_instance_out) {
    for (const std::string behaviour : {"describes_no_json",
                                        "describes_no_endpoint",
                                        "describes_words",
                                        "describes_a_negative",
                                        "describes_odd_expiry",
                                        "describes_null",
                                        "throws_in_describe"}) {
        Batches batches(behaviour);
        EXPECT_FALSE(batches.loaded) << behaviour;
        EXPECT_EQ(batches.door, nullptr) << behaviour;
    }
}

TEST(PluginBatches, a_request_crosses_unstreamed_with_the_first_key_and_what_the_client_wrote) {
    Batches batches("none");
    const auto line = batches.encode();
    ASSERT_TRUE(line) << line.error().detail;
    EXPECT_EQ(*line, "i1|m|{}|1|0|1");
    const auto keyless = Batches("none", false).encode();
    ASSERT_TRUE(keyless);
    EXPECT_EQ(*keyless, "i1|m|{}|0|0|1");
}

TEST(PluginBatches, a_line_that_would_break_the_file_is_a_breach) {
    for (const std::string behaviour : {"line_with_an_end", "empty_line", "line_of_bad_utf8"}) {
        Batches batches(behaviour);
        const auto line = batches.encode();
        ASSERT_FALSE(line) << behaviour;
        EXPECT_EQ(line.error().code, Errc::plugin_contract) << behaviour;
        EXPECT_EQ(batches.violations(), 1U) << behaviour;
    }
}

TEST(PluginBatches, whoever_does_not_answer_exactly_once_breaks_the_contract) {
    for (const std::string behaviour : {"throws",
                                        "says_nothing",
                                        "fails_without_a_word",
                                        "refuses_and_says_ok",
                                        "tells_twice",
                                        "tells_both",
                                        "tells_and_fails"}) {
        Batches batches(behaviour);
        ASSERT_TRUE(batches.loaded);
        const auto line = batches.encode();
        ASSERT_FALSE(line) << behaviour;
        EXPECT_EQ(line.error().code, Errc::plugin_contract) << behaviour;
        const auto answer = batches.door->read_line("x");
        ASSERT_FALSE(answer) << behaviour;
        EXPECT_EQ(answer.error().code, Errc::plugin_contract) << behaviour;
        const auto request = batches.write();
        ASSERT_FALSE(request) << behaviour;
        EXPECT_EQ(request.error().code, Errc::plugin_contract) << behaviour;
        EXPECT_FALSE(batches.reply(400)) << behaviour;
        EXPECT_EQ(batches.fault.error.code, Errc::plugin_contract) << behaviour;
        EXPECT_FALSE(batches.fault.is_proof_of_nothing) << behaviour;
        EXPECT_EQ(batches.violations(), 4U) << behaviour;
    }
}

TEST(PluginBatches, a_refusal_is_told_as_it_is) {
    Batches refuses("refuses");
    EXPECT_EQ(refuses.encode().error().code, Errc::provider_rejected);
    EXPECT_EQ(refuses.write().error().code, Errc::invalid_field);
    EXPECT_FALSE(refuses.reply(400));
    EXPECT_FALSE(refuses.fault.is_proof_of_nothing) << "a plugin that cannot read a reply proves nothing";
    EXPECT_EQ(refuses.violations(), 0U);
    EXPECT_EQ(Batches("lacks_it").write().error().code, Errc::invalid_field);
    Batches null("refuses_with_null");
    EXPECT_FALSE(null.encode());
    EXPECT_EQ(null.write().error().code, Errc::plugin_failed);
}

TEST(PluginBatches, an_answers_oddities_are_read_as_documented_or_are_a_breach) {
    Batches good("none");
    const auto answer = good.door->read_line("i9");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->custom_id, "i9");
    EXPECT_EQ(answer->outcome, BatchAnswer::Outcome::answered);
    EXPECT_EQ(answer->text, "said");
    EXPECT_EQ(answer->usage.input_tokens, 5);
    EXPECT_EQ(answer->usage.cached_input_tokens, -1) << "nobody has used a negative number of tokens";
    const auto odd = Batches("odd_numbers").door->read_line("i9");
    ASSERT_TRUE(odd);
    EXPECT_EQ(odd->http_status, 0);
    EXPECT_EQ(odd->finish, FinishReason::other);
    for (const std::string behaviour : {"failed_without_an_error", "text_of_bad_utf8", "null_answer"}) {
        Batches batches(behaviour);
        EXPECT_EQ(batches.door->read_line("i9").error().code, Errc::plugin_contract) << behaviour;
        EXPECT_EQ(batches.violations(), 1U) << behaviour;
    }
}

TEST(PluginBatches, the_key_goes_where_it_is_bound_and_nowhere_else) {
    Batches batches("none");
    const auto request = batches.write();
    ASSERT_TRUE(request) << request.error().detail;
    EXPECT_EQ(request->method, "POST");
    EXPECT_EQ(request->url, "https://api.test/v1/b1");
    EXPECT_EQ(request->body, "start");
    EXPECT_EQ(request->body_end, "end");
    ASSERT_EQ(request->headers.size(), 1U);
    EXPECT_EQ(request->headers[0].second, "Bearer s3cret");
    const auto keyless = Batches("none", false).write();
    ASSERT_TRUE(keyless);
    EXPECT_EQ(keyless->headers[0].second, "Bearer {eco2:key}") << "there is nothing to put in";
    for (const std::string behaviour :
         {"key_elsewhere", "user_in_url", "no_url", "owned_header", "split_header", "odd_method"}) {
        const auto refused = Batches(behaviour).write();
        ASSERT_FALSE(refused) << behaviour;
        EXPECT_EQ(refused.error().code, Errc::bad_request) << behaviour;
        EXPECT_EQ(refused.error().detail.find("s3cret"), std::string::npos) << behaviour;
    }
    for (const std::string behaviour : {"null_headers", "many_headers"}) {
        EXPECT_EQ(Batches(behaviour).write().error().code, Errc::bad_request) << behaviour;
    }
    EXPECT_EQ(Batches("null_request").write().error().code, Errc::plugin_contract);
}

TEST(PluginBatches, a_reply_is_read_whole_or_not_at_all) {
    Batches good("none");
    const auto reply = good.reply();
    ASSERT_TRUE(reply) << good.fault.error.detail;
    ASSERT_EQ(reply->batches.size(), 1U);
    EXPECT_EQ(reply->batches[0].id, "b1");
    EXPECT_EQ(reply->batches[0].tag, "t") << "the headers have crossed";
    EXPECT_EQ(reply->batches[0].state, RemoteBatch::State::completed);
    EXPECT_EQ(reply->batches[0].usage.input_tokens, -1);
    ASSERT_EQ(reply->batches[0].faults.size(), 1U);
    EXPECT_EQ(reply->batches[0].faults[0].code, "bad line");
    EXPECT_EQ(reply->batches[0].faults[0].line, 0);
    const auto odd = Batches("odd_numbers").reply();
    ASSERT_TRUE(odd);
    EXPECT_EQ(odd->batches[0].state, RemoteBatch::State::running);
    EXPECT_EQ(odd->batches[0].total, -1);
    for (const std::string behaviour : {"null_reply",
                                        "null_batches",
                                        "null_batch",
                                        "null_faults",
                                        "two_batches",
                                        "no_batch",
                                        "endless_batches",
                                        "empty_id",
                                        "id_with_an_end",
                                        "proof_without_an_error"}) {
        Batches batches(behaviour);
        EXPECT_FALSE(batches.reply()) << behaviour;
        EXPECT_EQ(batches.fault.error.code, Errc::plugin_contract) << behaviour;
        EXPECT_EQ(batches.fault.http_status, 200) << behaviour;
        EXPECT_EQ(batches.violations(), 1U) << behaviour;
    }
    EXPECT_TRUE(Batches("no_batch").reply(200, BatchStep::list)) << "an empty list is a list";
}

TEST(PluginBatches, a_refused_step_has_its_class_and_only_a_4xx_its_proof) {
    Batches batches("none");
    EXPECT_FALSE(batches.reply(429));
    EXPECT_EQ(batches.fault.fault, FaultClass::limited);
    EXPECT_EQ(batches.fault.code, "slow");
    EXPECT_EQ(batches.fault.http_status, 429);
    EXPECT_EQ(batches.fault.retry_after_ms, 1'500);
    EXPECT_TRUE(batches.fault.is_proof_of_nothing);
    EXPECT_EQ(batches.violations(), 0U);
    EXPECT_FALSE(batches.reply(503));
    EXPECT_FALSE(batches.fault.is_proof_of_nothing) << "whatever the plugin says";
    EXPECT_EQ(batches.fault.error.code, Errc::plugin_contract);
    EXPECT_EQ(batches.violations(), 1U);
}

TEST(PluginBatches, after_the_end_nothing_reaches_the_plugin) {
    Batches batches("none");
    auto config = ManualHost::config("odd_batch", R"({"behaviour":"none","base_url":"https://other.test"})");
    auto share = batches.host.host.obtain(config);
    ASSERT_TRUE(share);
    auto* const door = (*share)->batch_provider();
    ASSERT_NE(door, nullptr);
    EXPECT_TRUE(door->read_line("x"));
    ASSERT_TRUE(batches.host.host.stop(std::chrono::milliseconds(0)));
    EXPECT_EQ(door->read_line("x").error().code, Errc::draining);
    BatchFault fault;
    EXPECT_FALSE(door->read_reply(BatchStep::create, 400, {}, "", fault));
    EXPECT_EQ(fault.error.code, Errc::draining);
    EXPECT_FALSE(fault.is_proof_of_nothing);
}

}  // namespace
}  // namespace eco2::contract
