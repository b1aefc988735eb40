#include "fake_provider/batch_faults.hpp"

#include "batch_asked.hpp"

#include <string>
#include <utility>
#include <vector>

namespace eco2::fake {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

class FakeBatchFaults : public BatchBench {
protected:
    /// What a finished batch of `count` lines with `flaw` gives.
    std::string finished(const std::string& flaw, int count = 10) {
        behave(R"({"shuffle":false,"faults":[)" + flaw + "]}");
        id_ = start(lines(count));
        pass_all();
        EXPECT_EQ(status(id_), "completed");
        return output(id_);
    }
    std::string id_;
};

TEST_F(FakeBatchFaults, what_is_written_wrong_is_refused_with_what_to_write) {
    const auto refused = [this](const std::string& batch) {
        const Result<void> set = control_->set_behaviour(R"({"batch":)" + batch + "}");
        return set ? std::string() : set.error().detail;
    };
    EXPECT_EQ(refused("{}"), "");
    EXPECT_EQ(refused("[]"), "\"batch\" must be an object");
    EXPECT_EQ(refused(R"({"list_lag":1})"), "\"list_lag\" is not a key of batch; did you mean \"list_lag_ms\"?");
    EXPECT_EQ(refused(R"({"discount":2})"), "\"discount\" must be a number from 0 to 1");
    EXPECT_EQ(refused(R"({"faults":[{"on":"create"}]})"), "\"fault\" must be there: what goes wrong");
    EXPECT_EQ(refused(R"({"faults":[{"fault":"lost_reply"}]})"), "\"on\" must be there: the request that lost_reply hits");
    EXPECT_EQ(refused(R"({"faults":[{"fault":"lost_repli","on":"create"}]})"),
              "\"fault\" must be a known name; did you mean \"lost_reply\"?");
    EXPECT_EQ(refused(R"({"faults":[{"fault":"crlf","on":"create"}]})"),
              "\"on\" must be left out: crlf is of a batch, from its creation on");
    EXPECT_EQ(refused(R"({"faults":[{"fault":"truncate","on":"create"}]})"),
              "\"on\" must be content: nothing else can be truncated");
    EXPECT_EQ(refused(R"({"faults":[{"fault":"lines","shares":{"429":0.7,"500":0.7}}]})"),
              "\"shares\" must be shares that sum to no more than 1");
    EXPECT_EQ(refused(R"({"faults":[{"fault":"status","on":"list","status":200}]})"),
              "\"status\" must be an error status that providers send, such as 429, 500, 502 or 504");
    behave(R"({"discount":0.25})");
    EXPECT_NE(refused(R"({"discount":0.75,"faults":[{}]})"), "");
    EXPECT_EQ(control_->batch_rules().settings().discount, 0.25) << "a bad one changes nothing";
    control_->reset();
    EXPECT_EQ(control_->batch_rules().settings().discount, 0.5);
}

TEST_F(FakeBatchFaults, a_lost_reply_is_done_and_a_reset_is_not) {
    const std::string file = upload(lines(2));
    fault(R"({"on":"create","fault":"lost_reply"},{"on":"create","fault":"reset"})");
    EXPECT_EQ(ask("POST", "/batches", order(file)).fault->kind, BatchFaultKind::lost_reply);
    EXPECT_EQ(json_of(ask("GET", "/batches")).at("data").as_array().size(), 1U);
    EXPECT_EQ(ask("POST", "/batches", order(file)).fault->kind, BatchFaultKind::reset);
    EXPECT_EQ(json_of(ask("GET", "/batches")).at("data").as_array().size(), 1U);
    EXPECT_FALSE(ask("POST", "/batches", order(file)).fault) << "each hits once";
    fault(R"({"on":"upload","fault":"lost_reply","times":2})");
    ask("POST", "/files", form("x"));
    ask("POST", "/files", form("x"));
    ask("POST", "/files", form("x"));
    EXPECT_EQ(json_of(ask("GET", "/files")).at("data").as_array().size(), 4U);
    EXPECT_EQ(control_->ledger()->stats().by_fault.at("lost_reply"), 3U);
    EXPECT_EQ(control_->ledger()->stats().by_kind.at("batch.upload"), 4U);
}

TEST_F(FakeBatchFaults, an_error_answer_can_hide_what_was_done) {
    const std::string file = upload(lines(2));
    fault(
        R"({"on":"create","fault":"status","status":502,"executed":true},{"on":"create","fault":"status","status":429,"retry_after":7})");
    EXPECT_EQ(ask("POST", "/batches", order(file)).status, 502);
    const BatchReply limited = ask("POST", "/batches", order(file));
    EXPECT_EQ(limited.status, 429);
    EXPECT_NE(
        std::find(limited.headers.begin(), limited.headers.end(), std::pair<std::string, std::string>("retry-after", "7")),
        limited.headers.end());
    EXPECT_EQ(json_of(ask("GET", "/batches")).at("data").as_array().size(), 1U);
    fault(R"({"on":"list","fault":"status","status":500,"times":2},{"on":"retrieve","fault":"status","times":0})");
    EXPECT_EQ(ask("GET", "/batches").status, 500);
    EXPECT_EQ(ask("GET", "/batches").status, 500);
    EXPECT_EQ(ask("GET", "/batches").status, 200);
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(ask("GET", "/batches/any").status, 500);
    }
}

TEST_F(FakeBatchFaults, lists_lag_and_ids_are_unknown_for_a_time) {
    const std::string old = start(lines(1));
    clock_->advance(seconds(100));
    behave(R"({"list_lag_ms":90000,"faults":[{"on":"retrieve","fault":"not_found","for_ms":30000}]})");
    const std::string id = start(lines(1));
    EXPECT_EQ(json_of(ask("GET", "/batches")).at("data").as_array().size(), 1U);
    EXPECT_EQ(json_of(ask("GET", "/files")).at("data").as_array().size(), 1U);
    EXPECT_EQ(ask("GET", "/batches/" + old).status, 200) << "old enough";
    EXPECT_EQ(ask("GET", "/batches/" + id).status, 404);
    clock_->advance(seconds(30));
    EXPECT_EQ(ask("GET", "/batches/" + id).status, 200);
    clock_->advance(seconds(60));
    EXPECT_EQ(json_of(ask("GET", "/batches")).at("data").as_array().size(), 2U);
    fault(R"({"on":"retrieve","fault":"not_found"})");
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(ask("GET", "/batches/" + id).status, 404) << "for ever";
    }
}

TEST_F(FakeBatchFaults, ids_of_files_come_late_or_empty) {
    fault(R"({"fault":"null_output","polls":2})");
    const std::string late = start(lines(3));
    pass_all();
    EXPECT_EQ(status(late), "completed");
    EXPECT_TRUE(batch(late).at("output_file_id").is_null());
    EXPECT_TRUE(batch(late).at("output_file_id").is_string());
    fault(R"({"fault":"empty_ids","polls":1})");
    const std::string empty = start(lines(3));
    EXPECT_TRUE(batch(empty).at("output_file_id").is_null()) << "not before it is over";
    pass_all();
    EXPECT_EQ(batch(empty).at("output_file_id"), "");
    EXPECT_NE(batch(empty).at("output_file_id"), "");
    EXPECT_EQ(batch(empty).at("error_file_id"), "") << "there is no error file";
    fault(R"({"fault":"null_output","polls":0})");
    const std::string never = start(lines(3));
    pass_all();
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(batch(never).at("output_file_id").is_null());
    }
    EXPECT_EQ(count(never, "completed"), 3);
}

TEST_F(FakeBatchFaults, a_batch_may_have_an_error_file_alone) {
    fault(R"({"fault":"only_errors"})");
    const std::string id = start(lines(3));
    pass_all();
    EXPECT_EQ(status(id), "completed");
    EXPECT_TRUE(batch(id).at("output_file_id").is_null());
    EXPECT_EQ(count(id, "failed"), 3);
    const json::object line = parsed(errors(id)).at(0);
    EXPECT_EQ(line.at("response").at("status_code"), 500);
    EXPECT_TRUE(line.at("response").at("body").as_object().contains("error"));
    EXPECT_EQ(billed("executed"), 0);
}

TEST_F(FakeBatchFaults, a_batch_expires_with_a_share_done) {
    fault(R"({"fault":"expire","share":0.6})");
    const std::string id = start(lines(10));
    pass_all();
    EXPECT_EQ(status(id), "in_progress");
    pass(std::chrono::hours(25));
    EXPECT_EQ(status(id), "expired");
    EXPECT_EQ(batch(id).at("expired_at"), batch(id).at("expires_at"));
    EXPECT_EQ(ids(output(id)).size(), 6U);
    const std::vector<json::object> rest = parsed(errors(id));
    ASSERT_EQ(rest.size(), 4U);
    EXPECT_TRUE(rest.at(0).at("response").is_null());
    EXPECT_EQ(rest.at(0).at("error").at("code"), "batch_expired");
    EXPECT_EQ(count(id, "completed"), 6);
    EXPECT_EQ(count(id, "failed"), 0);
    EXPECT_EQ(billed("executed"), 6);
    behave(R"({"counts_expired":true,"faults":[{"fault":"expire","share":0}]})");
    const std::string nothing = start(lines(10));
    pass(std::chrono::hours(25));
    EXPECT_EQ(count(nothing, "failed"), 10);
    EXPECT_TRUE(batch(nothing).at("output_file_id").is_null());
}

TEST_F(FakeBatchFaults, a_batch_can_be_failed_at_a_line_or_by_its_tokens) {
    fault(R"({"fault":"invalid","line":7,"error_code":"bad_image"},{"fault":"token_limit","times":2})");
    const std::string invalid = start(lines(10));
    const std::string limited = start(lines(10));
    const std::string good = start(lines(10));
    pass_all();
    EXPECT_EQ(error(invalid).at("line"), 7);
    EXPECT_EQ(error(invalid).at("code"), "bad_image");
    EXPECT_EQ(error(limited).at("code"), "token_limit_exceeded");
    EXPECT_EQ(status(good), "completed");
}

TEST_F(FakeBatchFaults, a_cancel_may_come_too_late) {
    fault(R"({"fault":"ignore_cancel"})");
    const std::string id = start(lines(10));
    pass(milliseconds(300));
    EXPECT_EQ(json_of(ask("POST", "/batches/" + id + "/cancel")).at("status"), "cancelling");
    pass_all();
    EXPECT_EQ(status(id), "completed");
    EXPECT_EQ(ids(output(id)).size(), 10U);
}

TEST_F(FakeBatchFaults, the_output_file_has_the_form_that_was_asked_for) {
    const std::string plain = finished("");
    EXPECT_EQ(std::count(plain.begin(), plain.end(), '\n'), 10);
    const std::string crlf = finished(R"({"fault":"crlf"})");
    EXPECT_EQ(crlf.size(), plain.size() + 10);
    EXPECT_TRUE(crlf.ends_with("}\r\n"));
    EXPECT_NE(finished(R"({"fault":"blank_line","line":3})").find("}\n\n{"), std::string::npos);
    EXPECT_TRUE(finished(R"({"fault":"blank_line","line":10})").ends_with("}\n\n"));
    EXPECT_TRUE(finished(R"({"fault":"no_final_newline"})").ends_with("}"));
}

TEST_F(FakeBatchFaults, lines_come_twice_unasked_nameless_or_not_at_all) {
    const std::vector<json::object> equal = parsed(finished(R"({"fault":"duplicate_line","line":2})"));
    ASSERT_EQ(equal.size(), 11U);
    EXPECT_EQ(equal.at(1), equal.at(2));
    const std::vector<json::object> conflicting = parsed(finished(R"({"fault":"duplicate_line","line":2,"conflicting":true})"));
    ASSERT_EQ(conflicting.size(), 11U);
    EXPECT_EQ(conflicting.at(1).at("custom_id"), conflicting.at(2).at("custom_id"));
    EXPECT_NE(conflicting.at(1).at("response").at("body").at("choices"),
              conflicting.at(2).at("response").at("body").at("choices"));
    EXPECT_TRUE(ids(finished(R"({"fault":"unknown_line"})")).contains("fake-unknown-1"));
    const std::vector<json::object> nameless = parsed(finished(R"({"fault":"line_without_id","line":4,"count":2})"));
    ASSERT_EQ(nameless.size(), 10U);
    EXPECT_FALSE(nameless.at(3).contains("custom_id"));
    EXPECT_FALSE(nameless.at(4).contains("custom_id"));
    EXPECT_TRUE(nameless.at(5).contains("custom_id"));
    const std::multiset<std::string> dropped = ids(finished(R"({"fault":"drop_line","line":5})"));
    EXPECT_EQ(dropped.size(), 9U);
    EXPECT_FALSE(dropped.contains("id-5"));
    EXPECT_EQ(count(id_, "completed"), 10);
    EXPECT_EQ(billed("executed"), 50) << "a flaw of the file is no execution";
}

TEST_F(FakeBatchFaults, answers_change_places_between_two_ids) {
    const std::vector<json::object> right = parsed(finished(""));
    const std::vector<json::object> swapped = parsed(finished(R"({"fault":"swap_answers","line":3,"count":2})"));
    ASSERT_EQ(swapped.size(), 10U);
    const auto names = [](const std::vector<json::object>& all) {
        std::string out;
        for (const json::object& line : all) {
            out += text(line, "custom_id").substr(3) + " ";
        }
        return out;
    };
    EXPECT_EQ(names(right), "1 2 3 4 5 6 7 8 9 10 ");
    EXPECT_EQ(names(swapped), "1 2 4 3 6 5 7 8 9 10 ");
    EXPECT_EQ(names(parsed(finished(R"({"fault":"swap_answers","line":10})"))), "1 2 3 4 5 6 7 8 9 10 ")
        << "nobody to change with";
}

TEST_F(FakeBatchFaults, lines_fail_by_share_and_class_and_failures_are_not_billed) {
    behave(
        R"({"faults":[{"fault":"lines","shares":{"429":0.2,"500":0.1,"image_timeout":0.1,"length":0.2,"refusal":0.1,"wrong_schema":0.1}}]})");
    const std::string id = start(lines(1'000));
    pass_all();
    std::map<std::string, int> classes;
    for (const json::object& line : parsed(errors(id))) {
        const json::object& response = line.at("response").as_object();
        ++classes[std::to_string(response.at("status_code").as_int64())];
        if (response.at("status_code") == 400) {
            EXPECT_EQ(response.at("body").at("error").at("code"), "invalid_image_url");
        }
    }
    for (const json::object& line : parsed(output(id))) {
        const json::object& choice = line.at("response").at("body").at("choices").at(0).as_object();
        classes["length"] += choice.at("finish_reason") == "length" ? 1 : 0;
        classes["refusal"] += choice.at("message").at("refusal").is_string() ? 1 : 0;
        const json::value& content = choice.at("message").at("content");
        classes["schema"] += content.is_string() && content.as_string().starts_with("{") ? 1 : 0;
    }
    const auto is_about = [&](const std::string& name, int count) { EXPECT_NEAR(classes[name], count, 45) << name; };
    is_about("429", 200);
    is_about("500", 100);
    is_about("400", 100);
    is_about("length", 200);
    is_about("refusal", 100);
    is_about("schema", 100);
    EXPECT_EQ(billed("executed"), count(id, "completed"));
    EXPECT_EQ(count(id, "failed") + count(id, "completed"), 1'000);
    const auto drawn = ids(errors(id));
    begin({});
    behave(
        R"({"faults":[{"fault":"lines","shares":{"429":0.2,"500":0.1,"image_timeout":0.1,"length":0.2,"refusal":0.1,"wrong_schema":0.1}}]})");
    const std::string again = start(lines(1'000));
    pass_all();
    EXPECT_EQ(ids(errors(again)), drawn) << "the same seed draws the same";
}

TEST_F(FakeBatchFaults, a_line_can_be_larger_than_anybody_wants) {
    const std::string huge = finished(R"({"fault":"lines","shares":{"huge":1},"bytes":20000000})", 2);
    EXPECT_GT(huge.find('\n'), 20'000'000U);
    EXPECT_EQ(ids(huge).size(), 2U);
    EXPECT_FALSE(control_->set_behaviour(R"({"batch":{"faults":[{"fault":"lines","bytes":100000000}]}})"));
}

TEST_F(FakeBatchFaults, content_ends_early_once_or_always) {
    const std::string whole = finished("");
    const std::string file = text(batch(id_), "output_file_id");
    fault(R"({"on":"content","fault":"truncate","last_bytes":5,"file":"output"})");
    EXPECT_EQ(bytes(text(batch(id_), "input_file_id")).size(), lines(10).size()) << "the input is not meant";
    EXPECT_EQ(bytes(file), whole.substr(0, whole.size() - 5));
    EXPECT_EQ(bytes(file), whole);
    fault(R"({"on":"content","fault":"truncate","bytes":100,"times":0})");
    EXPECT_EQ(bytes(file), whole.substr(0, 100));
    EXPECT_EQ(bytes(file, "bytes=90-"), whole.substr(90, 10));
    EXPECT_EQ(bytes(file, "bytes=200-"), "");
    fault(R"({"on":"content","fault":"half_body","bytes":7})");
    const BatchReply cut = ask("GET", "/files/" + file + "/content");
    EXPECT_EQ(cut.fault->kind, BatchFaultKind::half_body);
    EXPECT_EQ(cut.range.end, static_cast<std::int64_t>(whole.size())) << "the whole length is announced";
}

TEST_F(FakeBatchFaults, many_lines_are_done_in_slices) {
    behave(R"({"lines_max":1000000})");
    const std::string id = start(lines(3'000));
    clock_->advance(seconds(10));
    int steps = 0;
    while (api_->desk().step().has_worked) {
        ++steps;
    }
    EXPECT_GT(steps, 20);
    EXPECT_EQ(count(id, "completed"), 3'000);
    EXPECT_EQ(ids(output(id)).size(), 3'000U);
}

}  // namespace
}  // namespace eco2::fake
