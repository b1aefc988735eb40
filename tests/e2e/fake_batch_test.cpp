#include "e2e/programs.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <set>
#include <string>

namespace eco2::test {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

/// `eco2 fake-provider` as the test bed of a batch client, over HTTP.
class FakeBatchProgram : public Programs {
protected:
    void start_batches(const std::string& batch = "{}") {
        fs::create_directories(directory / "files");
        start_fake(
            {"--batch", batch, "--batch-dir", (directory / "files").string(), "--prices", R"({"m":{"in":1.25,"out":10}})"});
    }

    static std::string line(int number) {
        const std::string text = std::to_string(number);
        return R"({"custom_id":"item-)" + text +
               R"(","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[{"role":"user","content":"photo )" +
               text + "\"}]}}\n";
    }
    static std::string lines(int count) {
        std::string out;
        for (int i = 0; i < count; ++i) {
            out += line(i);
        }
        return out;
    }

    Reply get_fake(const std::string& path, const std::string& headers = {}) const {
        return http(fake_port_, "GET", path, {}, headers);
    }
    Reply post_fake(const std::string& path, const std::string& body) const { return http(fake_port_, "POST", path, body); }
    Reply upload(const std::string& bytes) const {
        const std::string part = "--AaB03x\r\nContent-Disposition: form-data; name=";
        return http(fake_port_,
                    "POST",
                    "/v1/files",
                    part + "\"purpose\"\r\n\r\nbatch\r\n" + part + "\"file\"; filename=\"job-7.jsonl\"\r\n\r\n" + bytes +
                        "\r\n--AaB03x--\r\n",
                    "Content-Type: multipart/form-data; boundary=AaB03x\r\n");
    }
    static json::object object(const Reply& reply) {
        json::error_code ec;
        const json::value value = json::parse(reply.body, ec);
        EXPECT_TRUE(!ec && value.is_object()) << reply.status << " " << reply.body;
        return !ec && value.is_object() ? value.get_object() : json::object{};
    }
    static std::string id_of(const Reply& reply) { return std::string(object(reply).at("id").as_string()); }
    std::string uploaded(const std::string& bytes) const { return id_of(upload(bytes)); }
    Reply create(const std::string& file) const {
        return post_fake("/v1/batches",
                         R"({"input_file_id":")" + file +
                             R"(","endpoint":"/v1/chat/completions","completion_window":"24h","metadata":{"shard":"7"}})");
    }
    json::object batch(const std::string& id) const { return object(get_fake("/v1/batches/" + id)); }
    std::string status(const std::string& id) const { return std::string(batch(id).at("status").as_string()); }
    void advance(int seconds) const {
        EXPECT_EQ(post_fake("/fake/batch/advance", "{\"seconds\":" + std::to_string(seconds) + "}").status, 200);
    }
    void faults(const std::string& list) { fake(R"({"batch":{"faults":[)" + list + "]}}"); }
    std::string content(const json::object& shown, std::string_view file) const {
        return get_fake("/v1/files/" + std::string(shown.at(file).as_string()) + "/content").body;
    }
    json::object bill() const { return object(get_fake("/fake/bill?executions=5")).at("batch").as_object(); }
    std::size_t batches_listed() const { return object(get_fake("/v1/batches")).at("data").as_array().size(); }
};

TEST_F(FakeBatchProgram, a_batch_completes_by_itself_and_its_bill_is_exact) {
    start_batches();
    const std::string file = uploaded(lines(2'000));
    EXPECT_EQ(object(get_fake("/v1/files/" + file)).at("filename"), "job-7.jsonl");
    const std::string id = id_of(create(file));
    ASSERT_TRUE(eventually([&] { return status(id) == "completed"; }));
    const json::object over = batch(id);
    const std::string output = content(over, "output_file_id");
    std::set<std::string> ids;
    std::int64_t in = 0;
    std::int64_t out = 0;
    for (std::size_t at = 0; at < output.size(); at = output.find('\n', at) + 1) {
        const json::value answer = json::parse(output.substr(at, output.find('\n', at) - at));
        ids.insert(std::string(answer.at("custom_id").as_string()));
        const json::value& usage = answer.at("response").at("body").at("usage");
        in += usage.at("prompt_tokens").to_number<std::int64_t>();
        out += usage.at("completion_tokens").to_number<std::int64_t>();
    }
    EXPECT_EQ(ids.size(), 2'000U);
    EXPECT_EQ(over.at("usage").at("input_tokens"), in);
    EXPECT_EQ(bill().at("total").at("executed"), 2'000);
    EXPECT_EQ(bill().at("total").at("cost_picousd"), in * 625'000 + out * 5'000'000);
    EXPECT_EQ(bill().at("distinct_custom_ids"), 2'000);
    EXPECT_TRUE(bill().at("repeated_custom_ids").as_array().empty());
    EXPECT_EQ(bill().at("executions").as_array().size(), 5U);
    const Reply part =
        get_fake("/v1/files/" + std::string(over.at("output_file_id").as_string()) + "/content", "Range: bytes=1000-\r\n");
    EXPECT_EQ(part.status, 206);
    EXPECT_EQ(part.body, output.substr(1'000));
}

TEST_F(FakeBatchProgram, hours_pass_in_a_moment) {
    start_batches(R"({"validating_ms":600000,"in_progress_ms":43200000})");
    const std::string id = id_of(create(uploaded(lines(100))));
    EXPECT_EQ(status(id), "validating");
    advance(600 + 6 * 3'600);
    EXPECT_EQ(status(id), "in_progress");
    EXPECT_EQ(batch(id).at("request_counts").at("completed"), 50);
    advance(6 * 3'600);
    EXPECT_TRUE(eventually([&] { return status(id) == "completed"; }));
    EXPECT_EQ(post_fake("/fake/batch/advance", R"({"seconds":-1})").status, 422);
}

TEST_F(FakeBatchProgram, lost_replies_leave_what_was_done) {
    start_batches();
    faults(
        R"({"on":"upload","fault":"lost_reply"},{"on":"create","fault":"lost_reply"},{"on":"create","fault":"half_body","reset":false},)"
        R"({"on":"create","fault":"reset"},{"on":"create","fault":"status","status":504,"executed":true})");
    EXPECT_EQ(upload(lines(3)).status, 0);
    const json::object files = object(get_fake("/v1/files?purpose=batch"));
    ASSERT_EQ(files.at("data").as_array().size(), 1U);
    const std::string file(files.at("data").at(0).at("id").as_string());
    EXPECT_EQ(files.at("data").at(0).at("bytes"), lines(3).size());
    EXPECT_EQ(create(file).status, 0);
    EXPECT_EQ(batches_listed(), 1U);
    EXPECT_FALSE(create(file).is_whole);
    EXPECT_EQ(batches_listed(), 2U);
    EXPECT_EQ(create(file).status, 0);
    EXPECT_EQ(batches_listed(), 2U) << "not done";
    EXPECT_EQ(create(file).status, 504);
    EXPECT_EQ(batches_listed(), 3U);
    EXPECT_EQ(create(file).status, 200);
    EXPECT_TRUE(eventually([&] { return bill().at("total").at("executed") == 12; }));
    EXPECT_EQ(bill().at("repeated_custom_ids").at(0).at("executed"), 4) << "who asks again pays again, and it is seen";
}

TEST_F(FakeBatchProgram, a_large_file_goes_through_memory_once_and_comes_back_byte_for_byte) {
    start_batches();
    const std::string large(40'000'000, 'x');
    const std::string file = uploaded(large + "\n");
    EXPECT_EQ(get_fake("/v1/files/" + file + "/content").body, large + "\n");
    faults(R"({"on":"content","fault":"half_body","bytes":1000000,"reset":false})");
    const Reply cut = get_fake("/v1/files/" + file + "/content");
    EXPECT_FALSE(cut.is_whole);
    EXPECT_EQ(get_fake("/v1/files/" + file + "/content", "Range: bytes=39999999-\r\n").body, "x\n");
    EXPECT_EQ(post_fake("/v1/chat/completions", large).status, 413) << "other paths have their limit";
}

TEST_F(FakeBatchProgram, what_it_kept_goes_with_it) {
    start_batches();
    uploaded(lines(3));
    EXPECT_FALSE(fs::is_empty(directory / "files"));
    fake_process->signal(SIGTERM);
    EXPECT_EQ(ended(*fake_process).exit_code, 0);
    EXPECT_TRUE(fs::is_empty(directory / "files"));
}

TEST_F(FakeBatchProgram, options_that_are_wrong_are_told) {
    const Ended left = run({"fake-provider", "--listen", "127.0.0.1:0", "--batch", R"({"discaunt":0.5})"});
    EXPECT_EQ(left.exit_code, 2);
    EXPECT_TRUE(left.tells("did you mean \"discount\"?")) << left;
}

}  // namespace
}  // namespace eco2::test
