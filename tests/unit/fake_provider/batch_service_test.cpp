#include "support/fake_batch_service.hpp"
#include "support/temporary_folder.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

namespace eco2::test {
namespace {

namespace json = boost::json;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using End = FakeBatchService::Answer::End;

const FakeBatchService::Headers kForm{{"Content-Type", "multipart/form-data; boundary=X"}};
const std::string kBegin =
    "--X\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
    "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"shard-1.jsonl\"\r\n\r\n";
const std::string kEnd = "\r\n--X--\r\n";

std::string line(const std::string& id, const std::string& body) {
    return R"({"custom_id":")" + id + R"(","method":"POST","url":"/v1/chat/completions","body":)" + body + "}\n";
}

std::string plain(const std::string& words) {
    return R"({"model":"m","messages":[{"role":"user","content":")" + words + "\"}]}";
}

/// A request whose schema has `properties`, with `required` of them.
std::string structured(const std::string& words, const std::string& properties, const std::string& required) {
    return R"({"model":"m","messages":[{"role":"user","content":")" + words +
           R"("}],"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{)" +
           properties + R"(},"required":[)" + required + "]}}}}";
}

std::string echo(const std::string& token) {
    return R"("echo":{"type":"string","enum":[")" + token + "\"]}";
}

std::string lines(int count, int first = 1) {
    std::string out;
    for (int i = first; i < first + count; ++i) {
        out += line("id-" + std::to_string(i), plain("item " + std::to_string(i)));
    }
    return out;
}

class FakeService : public testing::Test {
protected:
    static json::object object(const FakeBatchService::Answer& answer) {
        json::error_code ec;
        const json::value out = json::parse(answer.body(), ec);
        EXPECT_TRUE(!ec && out.is_object()) << answer.status << " " << answer.body();
        return !ec && out.is_object() ? out.get_object() : json::object{};
    }
    static std::string text(const json::object& of, std::string_view key) {
        const json::value* value = of.if_contains(key);
        return value != nullptr && value->is_string() ? std::string(value->get_string().data(), value->get_string().size())
                                                      : std::string();
    }
    std::string put(const std::string& bytes) {
        return text(object(service_->answer("POST", "https://fake/v1/files", kForm, kBegin + bytes + kEnd)), "id");
    }
    FakeBatchService::Answer create(const std::string& file) {
        return service_->answer(
            "POST",
            "/v1/batches",
            {},
            R"({"input_file_id":")" + file + R"(","endpoint":"/v1/chat/completions","completion_window":"24h"})");
    }
    std::string start(const std::string& bytes) { return text(object(create(put(bytes))), "id"); }
    json::object batch(const std::string& id) { return object(service_->answer("GET", "/v1/batches/" + id)); }
    std::string content(const std::string& id, const std::string& which) {
        const std::string file = text(batch(id), which + "_file_id");
        return file.empty() ? "" : service_->answer("GET", "/v1/files/" + file + "/content").body();
    }
    /// custom_id: the answer's text, as JSON.
    std::map<std::string, json::value> answers(const std::string& id) {
        std::map<std::string, json::value> out;
        const std::string all = content(id, "output");
        for (std::size_t at = 0; at < all.size(); at = all.find('\n', at) + 1) {
            const json::value one = json::parse(all.substr(at, all.find('\n', at) - at));
            const json::value& message = one.at("response").at("body").at("choices").at(0).at("message");
            json::error_code ec;
            const json::value said = json::parse(message.at("content").as_string(), ec);
            EXPECT_TRUE(out.emplace(std::string(one.at("custom_id").as_string()), ec ? message.at("content") : said).second);
        }
        return out;
    }
    void behave(const std::string& batch) {
        const Result<void> set = service_->behave(R"({"batch":)" + batch + "}");
        EXPECT_TRUE(set) << (set ? "" : set.error().text());
    }
    void fault(const std::string& list) { behave(R"({"faults":[)" + list + "]}"); }
    static std::string header(const FakeBatchService::Answer& answer, std::string_view name) {
        for (const auto& [key, value] : answer.headers) {
            if (key == name) {
                return value;
            }
        }
        return {};
    }

    std::unique_ptr<FakeBatchService> service_ = std::make_unique<FakeBatchService>();
};

TEST_F(FakeService, a_batch_goes_from_a_file_on_a_disk_to_its_answers) {
    const TemporaryFolder folder;
    std::ofstream(folder.file("in.jsonl"), std::ios::binary) << lines(100);
    const auto uploaded = service_->upload("https://fake/v1/files", kForm, kBegin, folder.file("in.jsonl"), kEnd);
    ASSERT_EQ(uploaded.status, 200) << uploaded.body();
    EXPECT_EQ(object(uploaded).at("bytes"), lines(100).size());
    EXPECT_EQ(object(uploaded).at("filename"), "shard-1.jsonl");
    const std::string file = text(object(uploaded), "id");
    EXPECT_EQ(service_->answer("GET", "/v1/files/" + file + "/content").body(), lines(100));
    EXPECT_EQ(service_->upload("/v1/files", kForm, kBegin, folder.file("none"), kEnd).status, 500);
    const std::string id = text(object(create(file)), "id");
    EXPECT_EQ(text(batch(id), "status"), "validating");
    service_->advance(seconds(10));
    EXPECT_EQ(text(batch(id), "status"), "completed");
    EXPECT_EQ(answers(id).size(), 100U);
    EXPECT_EQ(service_->executed(), 100);
    EXPECT_GT(service_->cost_picousd(), 0);
    EXPECT_EQ(json::parse(service_->bill_json()).at("total").at("cost_usd").as_double(),
              static_cast<double>(service_->cost_picousd()) / 1e12);
    EXPECT_EQ(service_->batch_ids(), std::vector<std::string>{id});
    EXPECT_EQ(service_->file_ids().size(), 2U) << "input and output";
    EXPECT_EQ(service_->answer("GET", "/v1/models").status, 404) << "only files and batches";
}

TEST_F(FakeService, result_files_are_kept_for_their_time_and_the_batch_outlives_them) {
    const std::string month = start(lines(1));
    const std::string hour =
        text(object(service_->answer("POST",
                                     "/v1/batches",
                                     {},
                                     R"({"input_file_id":")" + put(lines(1)) +
                                         R"(","endpoint":"/v1/chat/completions","completion_window":"24h",)"
                                         R"("output_expires_after":{"anchor":"created_at","seconds":3600}})")),
             "id");
    service_->advance(seconds(10));
    EXPECT_FALSE(content(hour, "output").empty());
    service_->advance(hours(2));
    EXPECT_EQ(service_->answer("GET", "/v1/files/" + text(batch(hour), "output_file_id") + "/content").status, 404);
    EXPECT_FALSE(content(month, "output").empty());
    service_->advance(hours(30 * 24));
    EXPECT_EQ(service_->answer("GET", "/v1/files/" + text(batch(month), "output_file_id") + "/content").status, 404);
    EXPECT_TRUE(service_->file_ids().empty());
}

TEST_F(FakeService, what_happens_on_the_wire_is_told) {
    const std::string file = put(lines(1));
    fault(
        R"({"on":"create","fault":"lost_reply"},{"on":"create","fault":"reset"},{"on":"create","fault":"silence","executed":true},)"
        R"({"on":"create","fault":"half_body"},{"on":"create","fault":"status","status":504,"executed":true})");
    EXPECT_EQ(create(file).end, End::no_reply);
    EXPECT_EQ(service_->batch_ids().size(), 1U);
    const auto reset = create(file);
    EXPECT_EQ(reset.end, End::no_reply);
    EXPECT_EQ(reset.status, 0);
    EXPECT_EQ(service_->batch_ids().size(), 1U) << "not done";
    EXPECT_EQ(create(file).end, End::silence);
    EXPECT_EQ(service_->batch_ids().size(), 2U);
    const auto half = create(file);
    EXPECT_EQ(half.end, End::cut);
    EXPECT_EQ(half.status, 200);
    EXPECT_EQ(half.body().size(), std::stoul(header(half, "content-length")) / 2);
    const auto gone = create(file);
    EXPECT_EQ(gone.end, End::whole);
    EXPECT_EQ(gone.status, 504);
    EXPECT_EQ(service_->batch_ids().size(), 4U);
    EXPECT_EQ(service_->faults_left(), 0U);
}

TEST_F(FakeService, a_download_that_was_cut_goes_on_where_it_broke_off) {
    const std::string id = start(lines(2'000));
    service_->advance(seconds(10));
    const std::string whole = content(id, "output");
    ASSERT_GT(whole.size(), 600'000U);
    const std::string path = "/v1/files/" + text(batch(id), "output_file_id") + "/content";
    fault(R"({"on":"content","fault":"half_body","bytes":300001},{"on":"content","fault":"half_body","bytes":1})");
    std::string got;
    std::vector<End> ends;
    while (got.size() < whole.size()) {
        const auto part = service_->answer("GET", path, {{"Range", "bytes=" + std::to_string(got.size()) + "-"}});
        EXPECT_EQ(part.status, 206);
        EXPECT_EQ(header(part, "content-range"),
                  "bytes " + std::to_string(got.size()) + "-" + std::to_string(whole.size() - 1) + "/" +
                      std::to_string(whole.size()));
        EXPECT_EQ(header(part, "content-length"), std::to_string(whole.size() - got.size()));
        EXPECT_TRUE(part.read_body([&](std::string_view piece) {
            got += piece;
            return true;
        }));
        ends.push_back(part.end);
    }
    EXPECT_EQ(got, whole);
    EXPECT_EQ(ends, (std::vector<End>{End::cut, End::cut, End::whole}));
    EXPECT_EQ(service_->answer("GET", path, {{"range", "bytes=" + std::to_string(whole.size()) + "-"}}).status, 416);
    EXPECT_EQ(service_->answer("GET", path, {{"range", "bytes=5-9223372036854775807"}}).body(), whole.substr(5));
    fault(R"({"on":"content","fault":"truncate","last_bytes":10,"times":2})");
    const auto clean = service_->answer("GET", path);
    EXPECT_EQ(clean.end, End::whole) << "a short reply, and nothing tells";
    EXPECT_EQ(clean.body(), whole.substr(0, whole.size() - 10));
    const auto behind = service_->answer("GET", path, {{"range", "bytes=" + std::to_string(whole.size() - 10) + "-"}});
    EXPECT_EQ(behind.status, 416);
    EXPECT_EQ(header(behind, "content-range"), "bytes */" + std::to_string(whole.size() - 10));
}

TEST_F(FakeService, every_property_that_a_schema_requires_is_in_the_answer) {
    const std::string vision = R"("classification":{"type":"object"},"situation_tags":{"type":"array"},)";
    const std::string answer = R"("user_answer":{"type":"string"},)";
    const std::string id =
        start(line("vision", structured("a", vision + echo("T-1"), R"("classification","situation_tags","echo")")) +
              line("answer",
                   structured("b", answer + echo("T-2") + R"(,"score":{"type":"integer","minimum":3})", R"("echo","score")")) +
              line("other", structured("c", R"("x":{"type":"string"},)" + echo("T-3"), R"("x","echo")")) +
              line("const", structured("d", vision + R"("echo":{"const":"T-4"})", R"("echo")")) +
              line("ref", structured("e", answer + R"("echo":{"$ref":"#/properties/t"},"t":{"enum":["T-5"]})", R"("echo")")) +
              line("none", structured("f", vision + echo("T-6"), R"("classification")")));
    service_->advance(seconds(10));
    std::map<std::string, json::value> said = answers(id);
    ASSERT_EQ(said.size(), 6U);
    EXPECT_EQ(said["vision"].at("echo"), "T-1");
    EXPECT_TRUE(said["vision"].at("classification").is_object());
    EXPECT_EQ(said["answer"].at("echo"), "T-2");
    EXPECT_EQ(said["answer"].at("score"), 3);
    EXPECT_TRUE(said["answer"].at("user_answer").is_string());
    EXPECT_EQ(said["other"].at("echo"), "T-3");
    EXPECT_EQ(said["const"].at("echo"), "T-4");
    EXPECT_EQ(said["ref"].at("echo"), "T-5");
    EXPECT_FALSE(said["none"].as_object().contains("echo")) << "not required";
}

TEST_F(FakeService, swapped_answers_show_the_other_lines_token) {
    behave(R"({"shuffle":false,"faults":[{"fault":"swap_answers","line":2}]})");
    std::string input;
    for (int i = 1; i <= 4; ++i) {
        const std::string number = std::to_string(i);
        input +=
            line("id-" + number, structured("q", R"("classification":{"type":"object"},)" + echo("T-" + number), R"("echo")"));
    }
    const std::string id = start(input);
    service_->advance(seconds(10));
    std::map<std::string, json::value> said = answers(id);
    EXPECT_EQ(said["id-1"].at("echo"), "T-1");
    EXPECT_EQ(said["id-2"].at("echo"), "T-3");
    EXPECT_EQ(said["id-3"].at("echo"), "T-2");
    EXPECT_EQ(said["id-4"].at("echo"), "T-4");
}

TEST_F(FakeService, too_many_creations_an_hour_are_refused_with_the_time_to_wait) {
    behave(R"({"creations_per_hour_max":3})");
    const std::string file = put(lines(1));
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(create(file).status, 200);
        service_->advance(seconds(10));
    }
    const auto refused = create(file);
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(object(refused).at("error").at("code"), "rate_limit_exceeded");
    EXPECT_EQ(header(refused, "retry-after"), "3570");
    EXPECT_EQ(service_->batch_ids().size(), 3U);
    service_->advance(seconds(3'569));
    EXPECT_EQ(header(create(file), "retry-after"), "1");
    fault(R"({"fault":"only_errors"})");
    EXPECT_EQ(create(file).status, 429);
    EXPECT_EQ(service_->faults_left(), 1U) << "what was not made has no fault";
    service_->advance(seconds(1));
    EXPECT_EQ(create(file).status, 200);
    EXPECT_EQ(header(create(file), "retry-after"), "10");
    behave(R"({"creations_per_hour_max":2})");
    EXPECT_EQ(header(create(file), "retry-after"), "20") << "the second oldest must be an hour old";
    behave(R"({"creations_per_hour_max":0})");
    for (int i = 0; i < 3'000; ++i) {
        EXPECT_EQ(create("file-none").status, 200);
    }
    service_ = std::make_unique<FakeBatchService>();
    for (int i = 0; i < 2'000; ++i) {
        ASSERT_EQ(create("file-none").status, 200);
    }
    EXPECT_EQ(header(create("file-none"), "retry-after"), "3600") << "as OpenAI limits it";
}

TEST_F(FakeService, the_bill_has_each_executed_line_once_whatever_its_file_shows) {
    behave(
        R"({"shuffle":false,"in_progress_ms":10000,"faults":[)"
        R"({"fault":"duplicate_line","line":1,"conflicting":true},{"fault":"drop_line","line":3},{"fault":"unknown_line","line":4},)"
        R"({"fault":"line_without_id","line":5},{"fault":"swap_answers","line":6},{"fault":"expire","share":0.5}]})");
    const std::string expired = start(lines(20));
    service_->advance(hours(25));
    EXPECT_EQ(text(batch(expired), "status"), "expired");
    EXPECT_EQ(service_->executed(), 10);
    EXPECT_TRUE(service_->bill().at("repeated_custom_ids").as_array().empty());
    EXPECT_TRUE(service_->bill().at("repeated_contents").as_array().empty());

    const std::string cancelled = start(lines(10, 11));
    service_->advance(milliseconds(200 + 3'000));
    EXPECT_EQ(service_->answer("POST", "/v1/batches/" + cancelled + "/cancel").status, 200);
    service_->advance(seconds(1));
    EXPECT_EQ(text(batch(cancelled), "status"), "cancelled");
    EXPECT_EQ(service_->executed(), 13) << "3 of 10 were done";

    fault(R"({"fault":"lines","shares":{"500":1}})");
    start(lines(7, 14));
    service_->advance(seconds(60));
    EXPECT_EQ(service_->executed(), 13) << "failures cost nothing";
    start(lines(7, 14));
    service_->advance(seconds(60));
    EXPECT_EQ(service_->executed(), 20);
    const json::object bill = service_->bill(100);
    EXPECT_EQ(bill.at("distinct_custom_ids"), 20);
    EXPECT_TRUE(bill.at("repeated_custom_ids").as_array().empty()) << "nothing was paid twice";
    EXPECT_TRUE(bill.at("repeated_contents").as_array().empty());
    std::int64_t sum = 0;
    for (const json::value& each : bill.at("executions").as_array()) {
        sum += each.at("tokens_in").as_int64() * 500'000 + each.at("tokens_out").as_int64() * 2'000'000;
    }
    EXPECT_EQ(bill.at("executions").as_array().size(), 20U);
    EXPECT_EQ(sum, service_->cost_picousd()) << "half of 1 and of 4 USD a million";
    start(lines(2, 1));
    service_->advance(seconds(60));
    EXPECT_EQ(service_->bill().at("repeated_custom_ids").as_array().size(), 2U);
    EXPECT_EQ(service_->bill().at("repeated_custom_ids").at(0).at("executed"), 2);
}

TEST_F(FakeService, the_same_requests_at_the_same_times_are_answered_with_the_same_bytes) {
    const auto run = [this] {
        service_ = std::make_unique<FakeBatchService>();
        behave(R"({"in_progress_ms":5000,"faults":[{"fault":"lines","shares":{"500":0.2,"length":0.1}}]})");
        const std::string one = start(lines(1'000));
        const std::string two = start(lines(500));
        service_->advance(seconds(2));
        service_->answer("POST", "/v1/batches/" + two + "/cancel");
        service_->advance(seconds(60));
        std::string out;
        for (const std::string& id : {one, two}) {
            out += service_->answer("GET", "/v1/batches/" + id).body() + content(id, "output") + content(id, "error");
        }
        return out + service_->bill_json(1'000);
    };
    const std::string first = run();
    EXPECT_GT(first.size(), 500'000U);
    EXPECT_EQ(first, run());
}

TEST_F(FakeService, more_batches_than_open_files_are_under_way_at_once) {
    behave(R"({"in_progress_ms":3600000,"creations_per_hour_max":0})");
    std::vector<std::string> all;
    for (int i = 0; i < 1'500; ++i) {
        all.push_back(start(lines(4)));
    }
    service_->advance(std::chrono::minutes(31));
    EXPECT_EQ(batch(all.back()).at("request_counts").at("completed"), 2);
    service_->answer("DELETE", "/v1/files/" + text(batch(all.back()), "input_file_id"));
    service_->advance(hours(1));
    for (const std::string& id : {all.front(), all.back()}) {
        EXPECT_EQ(text(batch(id), "status"), "completed");
        EXPECT_EQ(answers(id).size(), 4U) << "a batch goes on without its input's name";
    }
}

TEST_F(FakeService, a_clock_of_the_tests_own_moves_it_too) {
    const TemporaryFolder unused;
    class Hand final : public Clock {
    public:
        Monotonic now() const noexcept override { return Monotonic{} + std::chrono::hours(1) + ahead; }
        std::int64_t wall_ns() const noexcept override {
            return 1'800'000'000'000'000'000 + std::chrono::nanoseconds(ahead).count();
        }
        std::chrono::seconds ahead{0};
    } hand;
    service_ = std::make_unique<FakeBatchService>(fake::FakeOptions{}, &hand);
    const std::string id = start(lines(3));
    EXPECT_EQ(batch(id).at("created_at"), 1'800'000'000);
    hand.ahead = seconds(5);
    EXPECT_EQ(text(batch(id), "status"), "completed") << "what is due is done before an answer";
    service_->advance(hours(1));
    EXPECT_EQ(service_->clock().wall_ns(), hand.wall_ns() + 3'600'000'000'000);
    service_.reset();
}

}  // namespace
}  // namespace eco2::test
