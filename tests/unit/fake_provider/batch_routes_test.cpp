#include "fake_provider/fake_provider.hpp"
#include "net/io_threads.hpp"
#include "support/http_request.hpp"
#include "support/raw_socket.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace eco2::fake {
namespace {

namespace json = boost::json;
using test::RawSocket;
using test::Reply;

/// The Batch API on a server, by plain sockets.
class FakeBatchServer : public testing::Test {
protected:
    FakeBatchServer() : threads_(options()) {
        threads_.start();
        provider_ = std::make_unique<FakeProvider>(threads_, FakeOptions{});
        const Result<void> started = provider_->start();
        EXPECT_TRUE(started) << (started ? "" : started.error().text());
    }
    ~FakeBatchServer() override {
        provider_->stop();
        threads_.stop();
    }

    static net::IoThreads::Options options() {
        net::IoThreads::Options options;
        options.io_threads = 2;
        return options;
    }

    Reply get(const std::string& path, const std::string& headers = {}) const {
        return test::http(provider_->port(), "GET", path, {}, headers);
    }
    Reply post(const std::string& path, const std::string& body) const {
        return test::http(provider_->port(), "POST", path, body);
    }
    static json::object object(const Reply& reply) {
        json::error_code ec;
        const json::value value = json::parse(reply.body, ec);
        EXPECT_TRUE(!ec && value.is_object()) << reply.status << " " << reply.body;
        return !ec && value.is_object() ? value.get_object() : json::object{};
    }
    static std::string text(const json::object& of, std::string_view key) {
        const json::value* value = of.if_contains(key);
        return value != nullptr && value->is_string() ? std::string(value->get_string().data(), value->get_string().size())
                                                      : std::string();
    }
    Reply upload(const std::string& bytes) const {
        const std::string part = "--X\r\nContent-Disposition: form-data; name=";
        return test::http(
            provider_->port(),
            "POST",
            "/v1/files",
            part + "\"purpose\"\r\n\r\nbatch\r\n" + part + "\"file\"; filename=\"in.jsonl\"\r\n\r\n" + bytes + "\r\n--X--\r\n",
            "Content-Type: multipart/form-data; boundary=X\r\n");
    }
    Reply create(const std::string& file) const {
        return post("/v1/batches",
                    R"({"input_file_id":")" + file + R"(","endpoint":"/v1/chat/completions","completion_window":"24h"})");
    }
    static std::string lines(int count) {
        std::string out;
        for (int i = 0; i < count; ++i) {
            out +=
                R"({"custom_id":"id-)" + std::to_string(i) +
                R"(","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[{"role":"user","content":"x"}]}})" +
                "\n";
        }
        return out;
    }

    net::IoThreads threads_;
    std::unique_ptr<FakeProvider> provider_;
};

TEST_F(FakeBatchServer, a_large_file_is_read_in_ranges_on_one_connection) {
    std::string bytes;
    for (int i = 0; bytes.size() < 3'000'000; ++i) {
        bytes += std::to_string(i) + "\n";
    }
    const std::string path = "/v1/files/" + text(object(upload(bytes)), "id") + "/content";
    RawSocket socket = RawSocket::connect(provider_->port());
    const auto body = [&](const std::string& range) {
        socket.send("GET " + path + " HTTP/1.1\r\nHost: h\r\n" + range + "\r\n");
        const std::string answer = socket.read_response();
        EXPECT_EQ(answer.find("connection: close"), std::string::npos);
        EXPECT_EQ(answer.find("chunked"), std::string::npos);
        return answer.substr(answer.find("\r\n\r\n") + 4);
    };
    EXPECT_EQ(body(""), bytes);
    EXPECT_EQ(body("Range: bytes=1000000-\r\n"), bytes.substr(1'000'000));
    EXPECT_EQ(body("Range: bytes=5-6\r\n"), bytes.substr(5, 2));
    EXPECT_EQ(body("Range: bytes=-2000000\r\n"), bytes.substr(bytes.size() - 2'000'000));
    EXPECT_NE(body("Range: bytes=9999999-\r\n").find("behind the file's end"), std::string::npos);
    EXPECT_EQ(body(""), bytes) << "still the same connection";
}

TEST_F(FakeBatchServer, a_download_that_is_cut_goes_on_by_range) {
    const std::string bytes(2'000'000, 'z');
    const std::string path = "/v1/files/" + text(object(upload(bytes)), "id") + "/content";
    EXPECT_EQ(
        post(
            "/fake/behaviour",
            R"({"batch":{"faults":[{"on":"content","fault":"half_body","bytes":700000,"reset":false},{"on":"content","fault":"half_body","bytes":100000}]}})")
            .status,
        200);
    const Reply first = get(path);
    EXPECT_FALSE(first.is_whole);
    EXPECT_EQ(first.status, 200);
    EXPECT_EQ(first.body.size(), 700'000U) << "a clean end comes behind all that was sent";
    const Reply second = get(path, "Range: bytes=700000-\r\n");
    EXPECT_FALSE(second.is_whole);
    EXPECT_LE(second.body.size(), 100'000U) << "a RST may take something with it";
    const Reply third = get(path, "Range: bytes=800000-\r\n");
    EXPECT_TRUE(third.is_whole);
    EXPECT_EQ(third.status, 206);
    EXPECT_EQ(third.body.size(), 1'200'000U);
}

TEST_F(FakeBatchServer, clients_polls_advances_and_resets_at_once_break_nothing) {
    std::vector<std::thread> clients;
    for (int client = 0; client < 4; ++client) {
        clients.emplace_back([this, client] {
            for (int i = 0; i < 12; ++i) {
                const std::string file = text(object(upload(lines(300))), "id");
                const std::string id = text(object(create(file)), "id");
                get("/v1/batches?limit=5");
                get("/v1/files");
                if (client == 0) {
                    post("/v1/batches/" + id + "/cancel", "");
                }
                post("/fake/batch/advance", "{\"seconds\":1}");
                const Reply shown = get("/v1/batches/" + id);
                const std::string output = shown.status == 200 ? text(object(shown), "output_file_id") : "";
                if (!output.empty()) {
                    get("/v1/files/" + output + "/content");
                }
                get("/fake/bill?executions=3");
                if (client == 3 && i % 4 == 3) {
                    post("/fake/reset", "");
                }
            }
        });
    }
    for (std::thread& client : clients) {
        client.join();
    }
    EXPECT_EQ(post("/fake/reset", "").status, 200);
    const std::string id = text(object(create(text(object(upload(lines(300))), "id"))), "id");
    post("/fake/batch/advance", "{\"seconds\":1}");
    EXPECT_EQ(text(object(get("/v1/batches/" + id)), "status"), "completed");
    EXPECT_EQ(object(get("/fake/bill")).at("batch").at("total").at("executed"), 300);
}

}  // namespace
}  // namespace eco2::fake
