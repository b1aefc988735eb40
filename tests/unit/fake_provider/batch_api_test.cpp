#include "fake_provider/batch_api.hpp"

#include "batch_asked.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace eco2::fake {
namespace {

namespace json = boost::json;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class FakeBatch : public BatchBench {};

TEST_F(FakeBatch, a_file_is_kept_as_it_came_and_listed_newest_first) {
    const std::string one = upload("first\r\n--Y\n");
    clock_->advance(seconds(2));
    const std::string two = upload("second");
    const json::object shown = json_of(ask("GET", "/files/" + one));
    EXPECT_EQ(shown.at("object"), "file");
    EXPECT_EQ(shown.at("purpose"), "batch");
    EXPECT_EQ(shown.at("filename"), "in.jsonl");
    EXPECT_EQ(shown.at("bytes"), 11);
    EXPECT_EQ(shown.at("status"), "processed");
    EXPECT_EQ(shown.at("created_at"), 1'700'000'000);
    EXPECT_EQ(shown.at("expires_at"), 1'700'000'000 + 2'592'000);
    EXPECT_EQ(bytes(one), "first\r\n--Y\n");
    EXPECT_EQ(bytes(one, "bytes=2-4"), "rst");
    EXPECT_EQ(bytes(one, "bytes=9-"), "Y\n");
    EXPECT_EQ(bytes(one, "bytes=-3"), "-Y\n");
    EXPECT_EQ(ask("GET", "/files/" + one + "/content", {}, "bytes=2-4").status, 206);
    EXPECT_EQ(ask("GET", "/files/" + one + "/content", {}, "bytes=11-").status, 416);
    const json::object page = json_of(ask("GET", "/files?purpose=batch&limit=1"));
    EXPECT_EQ(page.at("data").at(0).at("id"), two.c_str());
    EXPECT_EQ(page.at("has_more"), true);
    const json::object rest = json_of(ask("GET", "/files?limit=1&after=" + two));
    EXPECT_EQ(rest.at("data").at(0).at("id"), one.c_str());
    EXPECT_EQ(rest.at("has_more"), false);
    EXPECT_EQ(json_of(ask("GET", "/files?order=asc")).at("first_id"), one.c_str());
    EXPECT_TRUE(json_of(ask("GET", "/files?purpose=other")).at("data").as_array().empty());
    EXPECT_EQ(json_of(ask("DELETE", "/files/" + one)).at("deleted"), true);
    EXPECT_EQ(ask("GET", "/files/" + one).status, 404);
    EXPECT_EQ(ask("DELETE", "/files/" + one).status, 404);
    clock_->advance(hours(24 * 30));
    EXPECT_EQ(ask("GET", "/files/" + two).status, 404) << "past its time";
}

TEST_F(FakeBatch, bad_uploads_and_orders_are_refused_in_openais_words) {
    EXPECT_EQ(ask("POST", "/files", "no form").status, 400);
    EXPECT_EQ(ask("POST", "/files", form("x", "in.txt")).status, 400);
    const auto life = [](const std::string& time) {
        return "--X\r\nContent-Disposition: form-data; name=\"expires_after[anchor]\"\r\n\r\ncreated_at\r\n"
               "--X\r\nContent-Disposition: form-data; name=\"expires_after[seconds]\"\r\n\r\n" +
               time + "\r\n";
    };
    EXPECT_EQ(ask("POST", "/files", form("x", "in.jsonl", life("10"))).status, 400);
    EXPECT_EQ(json_of(ask("POST", "/files", form("x", "in.jsonl", life("3600")))).at("expires_at"), 1'700'000'000 + 3'600);

    const auto code = [this](const std::string& body) {
        const BatchReply reply = ask("POST", "/batches", body);
        EXPECT_EQ(reply.status, 400) << body;
        const json::object error = json_of(reply).at("error").as_object();
        return text(error, "param") + ":" + text(error, "code");
    };
    EXPECT_EQ(code("{"), ":");
    EXPECT_EQ(code("{}"), "input_file_id:missing_required_parameter");
    EXPECT_EQ(code(R"({"input_file_id":"f","endpoint":"/v1/embeddings"})"), "endpoint:invalid_value");
    EXPECT_EQ(code(R"({"input_file_id":"f","endpoint":"/v1/responses"})"), "completion_window:missing_required_parameter");
    EXPECT_EQ(code(R"({"input_file_id":"f","endpoint":"/v1/responses","completion_window":"1h"})"),
              "completion_window:invalid_value");
    EXPECT_EQ(code(order("f", R"(,"metadata":{"a":1})")), "metadata.a:invalid_type");
    EXPECT_EQ(code(order("f", R"(,"metadata":{"a":")" + std::string(513, 'x') + "\"}")), "metadata.a:string_above_max_length");
    EXPECT_EQ(code(order("f", R"(,"metadata":{")" + std::string(65, 'k') + R"(":"v"})")).substr(66 + 8),
              ":string_above_max_length");
    std::string many = R"(,"metadata":{"k0":"v")";
    for (int i = 1; i <= 16; ++i) {
        many += ",\"k" + std::to_string(i) + "\":\"v\"";
    }
    EXPECT_EQ(code(order("f", many + "}")), "metadata:object_above_max_properties");
    EXPECT_EQ(code(order("f", R"(,"output_expires_after":{"anchor":"created_at","seconds":1})")),
              "output_expires_after:invalid_value");
}

TEST_F(FakeBatch, a_batch_is_answered_line_by_line_and_billed_once) {
    FakeOptions options;
    options.prices["m"] = {1.25, 10};
    begin(std::move(options));
    const std::string file = upload(lines(100));
    const BatchReply reply = ask("POST", "/batches", order(file, R"(,"metadata":{"job":"7"})"));
    const json::object made = json_of(reply);
    const std::string id = text(made, "id");
    EXPECT_EQ(made.at("object"), "batch");
    EXPECT_EQ(made.at("status"), "validating");
    EXPECT_EQ(made.at("metadata").at("job"), "7");
    EXPECT_TRUE(made.at("output_file_id").is_null());
    EXPECT_EQ(made.at("expires_at"), 1'700'000'000 + 86'400);
    pass(milliseconds(300));
    EXPECT_EQ(status(id), "in_progress");
    EXPECT_EQ(count(id, "completed"), 50);
    pass(milliseconds(100));
    EXPECT_EQ(status(id), "finalizing");
    pass(milliseconds(200));
    const json::object over = batch(id);
    EXPECT_EQ(over.at("status"), "completed");
    EXPECT_EQ(over.at("request_counts").at("total"), 100);
    EXPECT_EQ(over.at("request_counts").at("completed"), 100);
    EXPECT_EQ(over.at("model"), "m");
    EXPECT_TRUE(over.at("errors").is_null());
    EXPECT_TRUE(over.at("error_file_id").is_null());
    for (const std::string_view name : {"in_progress_at", "finalizing_at", "completed_at"}) {
        EXPECT_TRUE(over.at(name).is_int64()) << name;
    }
    for (const std::string_view name : {"failed_at", "expired_at", "cancelling_at", "cancelled_at"}) {
        EXPECT_TRUE(over.at(name).is_null()) << name;
    }
    const std::string out = output(id);
    EXPECT_TRUE(out.ends_with("\n"));
    const std::vector<json::object> answers = parsed(out);
    ASSERT_EQ(answers.size(), 100U);
    std::set<std::string> seen;
    bool is_in_order = true;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const std::string custom_id = text(answers[i], "custom_id");
        seen.insert(custom_id);
        is_in_order = is_in_order && custom_id == "id-" + std::to_string(i + 1);
        EXPECT_TRUE(text(answers[i], "id").starts_with("batch_req_"));
        EXPECT_TRUE(answers[i].at("error").is_null());
        EXPECT_EQ(answers[i].at("response").at("status_code"), 200);
        EXPECT_EQ(answers[i].at("response").at("body").at("object"), "chat.completion");
    }
    EXPECT_EQ(seen.size(), 100U);
    EXPECT_FALSE(is_in_order);
    const std::int64_t in = over.at("usage").at("input_tokens").to_number<std::int64_t>();
    const std::int64_t told = over.at("usage").at("output_tokens").to_number<std::int64_t>();
    EXPECT_EQ(billed("executed"), 100);
    EXPECT_EQ(billed("tokens_in"), in);
    EXPECT_EQ(billed("tokens_out"), told);
    EXPECT_EQ(billed("cost_picousd"), in * 625'000 + told * 5'000'000) << "half of 1.25 and of 10 USD a million";
    EXPECT_EQ(bill().at("distinct_custom_ids"), 100);
    EXPECT_TRUE(bill().at("repeated_custom_ids").as_array().empty());
    EXPECT_EQ(api_->bill().executions_of("id-1"), 1U);
    create(file);
    pass_all();
    EXPECT_EQ(bill().at("repeated_custom_ids").as_array().size(), 100U) << "whoever pays twice is seen";
    EXPECT_EQ(bill().at("repeated_contents").as_array().size(), 100U);
}

TEST_F(FakeBatch, a_line_is_answered_as_the_synchronous_api_does) {
    const std::string body = R"({"model":"m","messages":[{"role":"user","content":"q"}],"stop":["comes"]})";
    const json::value sync = json::parse(bytes_of(control_->answer({body, ""})));
    const std::string id = start(R"({"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":)" + body + "}");
    pass_all();
    const json::object answer = parsed(output(id)).at(0).at("response").at("body").as_object();
    EXPECT_EQ(answer.at("choices"), sync.at("choices"));
    EXPECT_EQ(answer.at("usage"), sync.at("usage"));
}

TEST_F(FakeBatch, the_responses_endpoint_has_batches_too) {
    const std::string file = upload(
        R"({"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"m","input":[{"role":"user","content":"q"}]}})");
    const BatchReply made =
        ask("POST", "/batches", R"({"input_file_id":")" + file + R"(","endpoint":"/v1/responses","completion_window":"24h"})");
    pass_all();
    EXPECT_EQ(parsed(output(text(json_of(made), "id"))).at(0).at("response").at("body").at("object"), "response");
}

TEST_F(FakeBatch, one_bad_line_fails_the_batch_with_its_number_and_runs_nothing) {
    const auto found = [this](const std::string& file) {
        const std::string id = start(file);
        pass_all();
        const json::object error = this->error(id);
        EXPECT_EQ(count(id, "total"), 0);
        return text(error, "code") + ":" +
               (error.at("line").is_null() ? "-" : std::to_string(error.at("line").to_number<int>()));
    };
    EXPECT_EQ(found(line("a") + "{\n"), "invalid_json_line:2");
    EXPECT_EQ(found(line("a") + "\n" + line("b")), "invalid_json_line:2");
    EXPECT_EQ(found(line("a") + line("b") + line("a")), "duplicate_custom_id:3");
    EXPECT_EQ(found(line("")), "missing_required_parameter:1");
    EXPECT_EQ(found(R"({"custom_id":"a","method":"GET","url":"/v1/chat/completions","body":{}})"), "invalid_method:1");
    EXPECT_EQ(found(R"({"custom_id":"a","method":"POST","url":"/v1/responses","body":{}})"), "mismatched_url:1");
    EXPECT_EQ(found(R"({"custom_id":"a","method":"POST","url":"/v1/chat/completions"})"), "missing_required_parameter:1");
    EXPECT_EQ(found(R"({"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}})"),
              "missing_required_parameter:1");
    EXPECT_EQ(found(line("a", "q", R"(,"stream":true)")), "unsupported_parameter:1");
    std::string other = line("b");
    other.replace(other.find("\"m\""), 3, "\"n\"");
    EXPECT_EQ(found(line("a") + other), "mismatched_model:2");
    EXPECT_EQ(found(""), "empty_file:-");
    behave(R"({"lines_max":2})");
    EXPECT_EQ(found(lines(3)), "too_many_requests:-");
    behave(R"({"bytes_max":100})");
    EXPECT_EQ(found(lines(2)), "file_too_large:-");
    EXPECT_EQ(billed("executed"), 0);
}

TEST_F(FakeBatch, a_file_that_does_not_exist_is_found_out_at_validation) {
    const std::string id = create("file-nobody");
    EXPECT_EQ(status(id), "validating");
    pass_all();
    EXPECT_EQ(text(error(id), "code"), "invalid_input_file");
}

TEST_F(FakeBatch, too_many_enqueued_tokens_fail_late_and_only_while_others_are_under_way) {
    behave(R"({"in_progress_ms":60000,"enqueued_tokens_max":{"m":100,"default":0}})");
    const std::string first = start(lines(10));
    pass(seconds(1));
    const std::string second = start(lines(10));
    EXPECT_EQ(status(second), "validating");
    pass(seconds(1));
    EXPECT_EQ(text(error(second), "code"), "token_limit_exceeded");
    EXPECT_EQ(count(second, "total"), 0);
    EXPECT_EQ(status(first), "in_progress");
    pass(seconds(90));
    EXPECT_EQ(status(first), "completed");
    const std::string third = start(lines(10));
    pass(seconds(1));
    EXPECT_EQ(status(third), "in_progress");
    EXPECT_EQ(billed("executed") >= 10, true);
}

TEST_F(FakeBatch, a_cancel_keeps_what_was_done) {
    behave(R"({"in_progress_ms":100000,"cancelling_ms":600000})");
    const std::string id = start(lines(100));
    pass(milliseconds(200) + seconds(30));
    const json::object taken = json_of(ask("POST", "/batches/" + id + "/cancel"));
    EXPECT_EQ(taken.at("status"), "cancelling");
    pass(seconds(300));
    EXPECT_EQ(status(id), "cancelling");
    pass(seconds(300));
    EXPECT_EQ(status(id), "cancelled");
    EXPECT_EQ(ids(output(id)).size(), 30U);
    const std::vector<json::object> rest = parsed(errors(id));
    ASSERT_EQ(rest.size(), 70U);
    EXPECT_EQ(rest.at(0).at("error").at("code"), "batch_cancelled");
    EXPECT_TRUE(rest.at(0).at("response").is_null());
    EXPECT_EQ(billed("executed"), 30);
    EXPECT_EQ(ask("POST", "/batches/" + id + "/cancel").status, 409);
    EXPECT_EQ(ask("POST", "/batches/batch_none/cancel").status, 404);
    EXPECT_EQ(ask("GET", "/batches/batch_none").status, 404);
}

TEST_F(FakeBatch, lists_have_pages_and_everything_is_forgotten_on_reset) {
    std::vector<std::string> made;
    for (int i = 0; i < 25; ++i) {
        made.push_back(create("file-none"));
    }
    const json::object first = json_of(ask("GET", "/batches"));
    EXPECT_EQ(first.at("data").as_array().size(), 20U);
    EXPECT_EQ(first.at("first_id"), made.back().c_str());
    EXPECT_EQ(first.at("has_more"), true);
    const json::object second = json_of(ask("GET", "/batches?limit=100&after=" + text(first, "last_id")));
    EXPECT_EQ(second.at("data").as_array().size(), 5U);
    EXPECT_EQ(second.at("last_id"), made.front().c_str());
    EXPECT_EQ(ask("GET", "/batches?limit=101").status, 400);
    EXPECT_EQ(ask("GET", "/batches?after=batch_none").status, 404);
    EXPECT_EQ(ask("PUT", "/batches").status, 404);
    api_->reset();
    EXPECT_TRUE(json_of(ask("GET", "/batches")).at("data").as_array().empty());
    EXPECT_NE(create("file-none"), made.front()) << "an id is never given twice";
}

TEST_F(FakeBatch, files_live_in_a_directory_that_goes_with_it) {
    namespace fs = std::filesystem;
    const fs::path parent = fs::temp_directory_path() / "eco2-fake-batch-test";
    fs::create_directories(parent);
    FakeOptions options;
    options.batch_directory = parent;
    begin(options);
    upload("x");
    EXPECT_FALSE(fs::is_empty(parent));
    begin({});
    EXPECT_TRUE(fs::is_empty(parent));
    fs::remove(parent);
    options.batch_directory = parent;
    begin(options);
    EXPECT_EQ(ask("POST", "/files", form("x")).status, 500) << "a directory that is not there is told, not made";
}

TEST_F(FakeBatch, keys_are_asked_for_as_elsewhere) {
    FakeOptions options;
    options.require_key = true;
    begin(std::move(options));
    EXPECT_EQ(ask("GET", "/batches").status, 401);
}

}  // namespace
}  // namespace eco2::fake
