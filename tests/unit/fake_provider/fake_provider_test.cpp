#include "fake_provider/fake_provider.hpp"

#include "net/io_threads.hpp"

#include <arpa/inet.h>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace eco2::fake {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// A blocking client on one plain socket, so that a test sees every byte and how the connection ended.
class Wire {
public:
    enum class End { open, clean, reset };

    explicit Wire(unsigned short port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    }
    ~Wire() { close(fd_); }
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;

    void send(const std::string& bytes) {
        EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
    }

    /// Reads until `is_enough`, the end of the connection, or the time is over.
    End read(std::string& out, milliseconds limit, const std::function<bool(const std::string&)>& is_enough) {
        const Clock::time_point end = Clock::now() + limit;
        while (!is_enough(out)) {
            pollfd waiting{fd_, POLLIN, 0};
            const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now()).count();
            if (left <= 0 || poll(&waiting, 1, static_cast<int>(left)) <= 0) {
                return End::open;
            }
            std::array<char, 65536> buffer{};
            const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
            if (got <= 0) {
                return got == 0 ? End::clean : End::reset;
            }
            out.append(buffer.data(), static_cast<std::size_t>(got));
        }
        return End::open;
    }

private:
    int fd_;
};

const std::string kVision =
    R"({"model":"gpt-5.2","messages":[{"role":"user","content":[{"type":"text","text":"q"},{"type":"image_url","image_url":{"url":"https://x/1.jpg"}}]}],)"
    R"("response_format":{"type":"json_schema","json_schema":{"name":"vision"}}})";
const std::string kAnswerStream =
    R"({"model":"gpt-5.2","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"q"}],)"
    R"("response_format":{"type":"json_schema","json_schema":{"name":"answer"}}})";

std::string post(const std::string& path, const std::string& body) {
    return "POST " + path +
           " HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
}

bool has_whole_reply(const std::string& bytes) {
    const std::size_t head = bytes.find("\r\n\r\n");
    if (head == std::string::npos) {
        return false;
    }
    const std::size_t length = bytes.find("content-length: ");
    if (length != std::string::npos && length < head) {
        return bytes.size() >= head + 4 + std::stoul(bytes.substr(length + 16));
    }
    return bytes.size() > 5 && bytes.substr(bytes.size() - 5) == "0\r\n\r\n";
}

class FakeProviderServer : public testing::Test {
protected:
    FakeProviderServer() : threads_(options()) {
        threads_.start();
        FakeOptions fake;
        fake.latency.vision_ms = 60;
        fake.latency.answer_ms = 120;
        fake.fault_scale = 0.02;
        provider_ = std::make_unique<FakeProvider>(threads_, fake);
        const Result<void> started = provider_->start();
        EXPECT_TRUE(started) << (started ? "" : started.error().text());
    }
    ~FakeProviderServer() override {
        provider_->stop();
        threads_.stop();
    }

    static net::IoThreads::Options options() {
        net::IoThreads::Options options;
        options.io_threads = 2;
        return options;
    }

    std::string ask(const std::string& request) {
        Wire wire(provider_->port());
        wire.send(request);
        std::string reply;
        wire.read(reply, milliseconds(5000), has_whole_reply);
        return reply;
    }

    json::value stats() {
        const std::string reply = ask("GET /fake/stats HTTP/1.1\r\nhost: x\r\n\r\n");
        return json::parse(reply.substr(reply.find("\r\n\r\n") + 4));
    }

    void behave(const std::string& behaviour) {
        const std::string reply = ask(post("/fake/behaviour", behaviour));
        EXPECT_EQ(reply.substr(0, 12), "HTTP/1.1 200") << reply;
    }

    /// Sends one request and tells how the connection ended.
    Wire::End ending(const std::string& body, std::string& reply, milliseconds limit = milliseconds(3000)) {
        Wire wire(provider_->port());
        wire.send(post("/v1/chat/completions", body));
        return wire.read(reply, limit, [](const std::string&) { return false; });
    }

    /// Waits for what other threads are about to count.
    bool eventually(const std::function<bool(const FakeStats&)>& holds) {
        for (int i = 0; i < 500; ++i) {
            if (holds(provider_->stats())) {
                return true;
            }
            std::this_thread::sleep_for(milliseconds(10));
        }
        return false;
    }

    net::IoThreads threads_;
    std::unique_ptr<FakeProvider> provider_;
};

TEST_F(FakeProviderServer, a_whole_answer_comes_on_time_and_says_that_it_is_fake) {
    const Clock::time_point start = Clock::now();
    const std::string reply = ask(post("/v1/chat/completions", kVision));
    const auto took = Clock::now() - start;
    EXPECT_EQ(reply.substr(0, 15), "HTTP/1.1 200 OK");
    EXPECT_NE(reply.find("x-eco2-fake: 1\r\n"), std::string::npos);
    EXPECT_NE(reply.find("\"system_fingerprint\": \"fake\""), std::string::npos);
    EXPECT_GE(took, milliseconds(60));
    EXPECT_EQ(ask(post("/chat/completions", kVision)).substr(0, 15), "HTTP/1.1 200 OK");
    const json::value seen = stats();
    EXPECT_EQ(seen.at("by_kind").at("vision").to_number<int>(), 2);
    EXPECT_EQ(seen.at("completed").to_number<int>(), 2);
    EXPECT_EQ(seen.at("open").to_number<int>(), 0);
    EXPECT_EQ(seen.at("bodies").at(1).as_string(), kVision);
    EXPECT_GT(seen.at("tokens_in").to_number<int>(), 170);
    EXPECT_GT(seen.at("tokens_out").to_number<int>(), 0);
}

TEST_F(FakeProviderServer, a_stream_arrives_in_many_pieces_and_ends_with_done) {
    behave(R"({"latency":{"answer_ms":600}})");
    Wire wire(provider_->port());
    std::string reply;
    const Clock::time_point start = Clock::now();
    wire.send(post("/v1/chat/completions", kAnswerStream));
    wire.read(reply, milliseconds(5000), [](const std::string& bytes) {
        return bytes.find("\"role\":\"assistant\"") != std::string::npos;
    });
    EXPECT_GE(Clock::now() - start, milliseconds(240));
    EXPECT_EQ(reply.find("[DONE]"), std::string::npos) << "the first piece must not wait for the last";
    wire.read(reply, milliseconds(5000), has_whole_reply);
    EXPECT_GE(Clock::now() - start, milliseconds(600));
    EXPECT_NE(reply.find("transfer-encoding: chunked"), std::string::npos);
    EXPECT_NE(reply.find("data: [DONE]\n\n"), std::string::npos);
    wire.send(post("/v1/chat/completions", kVision));
    reply.clear();
    wire.read(reply, milliseconds(5000), has_whole_reply);
    EXPECT_EQ(reply.substr(0, 15), "HTTP/1.1 200 OK") << "the connection is good for another request";
}

TEST_F(FakeProviderServer, plain_routes_and_refusals) {
    EXPECT_NE(ask("GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n").find("\"id\": \"gpt-5.2\""), std::string::npos);
    EXPECT_NE(ask("GET / HTTP/1.1\r\nhost: x\r\n\r\n").find("NOT a real model"), std::string::npos);
    const std::string unknown = ask("GET /v1/embeddings HTTP/1.1\r\nhost: x\r\n\r\n");
    EXPECT_EQ(unknown.substr(0, 12), "HTTP/1.1 404");
    EXPECT_NE(unknown.find("\"type\": \"invalid_request_error\""), std::string::npos);
    EXPECT_EQ(ask(post("/v1/chat/completions", "{")).substr(0, 12), "HTTP/1.1 400");
    EXPECT_EQ(ask(post("/fake/behaviour", R"({"fault":"nonsense"})")).substr(0, 12), "HTTP/1.1 422");
}

TEST_F(FakeProviderServer, a_script_plays_faults_one_by_one) {
    behave(R"({"script":[{"fault":"status","status":429,"retry_after":"2"},{"fault":"html_error","status":502}]})");
    const std::string limited = ask(post("/v1/chat/completions", kVision));
    EXPECT_EQ(limited.substr(0, 12), "HTTP/1.1 429");
    EXPECT_NE(limited.find("retry-after: 2\r\n"), std::string::npos);
    EXPECT_NE(ask(post("/v1/chat/completions", kVision)).find("<html>"), std::string::npos);
    EXPECT_EQ(ask(post("/v1/chat/completions", kVision)).substr(0, 12), "HTTP/1.1 200");
}

TEST_F(FakeProviderServer, broken_wires_look_broken_to_the_client) {
    std::string reply;
    behave(R"({"fault":"reset_before_head"})");
    EXPECT_EQ(ending(kVision, reply), Wire::End::reset);
    EXPECT_EQ(reply, "");

    reply.clear();
    behave(R"({"fault":"reset_after_head"})");
    EXPECT_EQ(ending(kVision, reply), Wire::End::reset);
    EXPECT_EQ(reply.substr(0, 15), "HTTP/1.1 200 OK");
    EXPECT_EQ(reply.substr(reply.size() - 4), "\r\n\r\n");

    reply.clear();
    behave(R"({"fault":"garbage_head"})");
    EXPECT_EQ(ending(kVision, reply), Wire::End::clean);
    EXPECT_EQ(reply.find("HTTP/1.1"), std::string::npos);

    for (const bool resets : {false, true}) {
        reply.clear();
        behave(std::string(R"({"fault":"cut_stream_after_n_chunks","after_chunks":3,"reset":)") +
               (resets ? "true}" : "false}"));
        EXPECT_EQ(ending(kAnswerStream, reply), resets ? Wire::End::reset : Wire::End::clean);
        EXPECT_NE(reply.find("\"content\":\"{"), std::string::npos);
        EXPECT_EQ(reply.find("\r\n0\r\n"), std::string::npos);
    }

    reply.clear();
    behave(R"({"fault":"cut_stream_after_n_chunks"})");
    EXPECT_EQ(ending(kVision, reply), Wire::End::clean);
    EXPECT_FALSE(has_whole_reply(reply));
    EXPECT_TRUE(eventually([](const FakeStats& seen) { return seen.broken == 6 && seen.open == 0; }))
        << provider_->stats().broken;
}

TEST_F(FakeProviderServer, a_slow_head_trickles_and_the_answer_is_whole) {
    behave(R"({"fault":"slow_headers","delay_ms":1000})");
    Wire wire(provider_->port());
    wire.send(post("/v1/chat/completions", kVision));
    std::string reply;
    wire.read(reply, milliseconds(100), [](const std::string&) { return false; });
    EXPECT_GT(reply.size(), 0U);
    EXPECT_EQ(reply.find("\r\n\r\n"), std::string::npos);
    wire.read(reply, milliseconds(5000), has_whole_reply);
    EXPECT_TRUE(has_whole_reply(reply));
}

TEST_F(FakeProviderServer, silence_and_stalls_last_until_the_client_goes) {
    behave(
        R"({"script":[{"fault":"silence"},{"fault":"stall_after_n_chunks","after_chunks":2},{"fault":"stall_after_n_chunks"}]})");
    std::string reply;
    EXPECT_EQ(ending(kAnswerStream, reply, milliseconds(250)), Wire::End::open);
    EXPECT_EQ(reply, "");
    EXPECT_EQ(ending(kAnswerStream, reply, milliseconds(250)), Wire::End::open);
    EXPECT_NE(reply.find("\"content\":\"{"), std::string::npos);
    reply.clear();
    EXPECT_EQ(ending(kVision, reply, milliseconds(250)), Wire::End::open);
    EXPECT_FALSE(has_whole_reply(reply));
    EXPECT_TRUE(eventually([](const FakeStats& seen) { return seen.cancelled == 3 && seen.open == 0; }));
    EXPECT_GE(provider_->stats().cancelled_after_ms.at(0), 200.0);
}

TEST_F(FakeProviderServer, a_client_that_leaves_is_seen_and_pays_for_what_was_written) {
    behave(R"({"latency":{"vision_ms":2000,"answer_ms":2000,"first_token_ms":0}})");
    for (const std::string& body : {kVision, kAnswerStream}) {
        std::string reply;
        ending(body, reply, milliseconds(300));
    }
    ASSERT_TRUE(eventually([](const FakeStats& seen) { return seen.cancelled == 2 && seen.open == 0; }));
    const FakeStats seen = provider_->stats();
    EXPECT_GT(seen.tokens_in, 85);
    EXPECT_GT(seen.tokens_out, 0);
    EXPECT_LT(seen.tokens_out, 60);
    EXPECT_EQ(seen.completed, 0U);
}

TEST_F(FakeProviderServer, stopping_with_open_requests_leaves_nothing_behind) {
    behave(R"({"script":[{"fault":"silence"},{"fault":"stall_after_n_chunks"}],"latency":{"vision_ms":100000}})");
    Wire silent(provider_->port());
    Wire stalled(provider_->port());
    Wire slow(provider_->port());
    for (Wire* wire : {&silent, &stalled, &slow}) {
        wire->send(post("/v1/chat/completions", wire == &slow ? kVision : kAnswerStream));
        const std::size_t expected = wire == &silent ? 1 : wire == &stalled ? 2 : 3;
        ASSERT_TRUE(eventually([&](const FakeStats& seen) { return seen.open == expected; }));
    }
    provider_->stop();
    threads_.stop();
    EXPECT_EQ(provider_->stats().open, 0U);
}

TEST_F(FakeProviderServer, many_requests_at_once_all_come_on_time) {
    behave(R"({"latency":{"vision_ms":300}})");
    std::vector<std::unique_ptr<Wire>> wires;
    for (int i = 0; i < 300; ++i) {
        wires.push_back(std::make_unique<Wire>(provider_->port()));
        wires.back()->send(post("/v1/chat/completions", kVision));
    }
    for (const auto& wire : wires) {
        std::string reply;
        wire->read(reply, milliseconds(10'000), has_whole_reply);
        ASSERT_TRUE(has_whole_reply(reply));
    }
    EXPECT_EQ(provider_->stats().completed, 300U);
    EXPECT_GT(provider_->stats().open_max, 10U);
}

std::string plain(const std::string& model, const std::string& more = {}) {
    return R"({"model":")" + model + R"(","messages":[{"role":"user","content":"hello"}])" + more + "}";
}

TEST_F(FakeProviderServer, models_that_misbehave_by_name_do_so_on_the_wire) {
    const std::string stream = R"(,"stream":true)";
    std::string reply;
    EXPECT_EQ(ending(plain("fault-reset-once", stream), reply), Wire::End::reset);
    EXPECT_EQ(reply, "");
    EXPECT_EQ(ask(post("/v1/chat/completions", plain("fault-reset-once"))).substr(0, 12), "HTTP/1.1 200");

    EXPECT_EQ(ending(plain("fault-cut", stream), reply), Wire::End::clean);
    EXPECT_EQ(reply.find("\r\n0\r\n"), std::string::npos);

    reply.clear();
    const Clock::time_point start = Clock::now();
    EXPECT_EQ(ending(plain("fault-stall", stream), reply), Wire::End::clean);
    EXPECT_GE(Clock::now() - start, milliseconds(600)) << "the silence, scaled";
    EXPECT_EQ(reply.find("[DONE]"), std::string::npos);
    EXPECT_NE(reply.find("answer"), std::string::npos);
}

TEST_F(FakeProviderServer, a_late_first_word_has_its_head_in_time_in_every_dialect) {
    const std::string gemini = R"({"contents":[{"parts":[{"text":"q"}]}]})";
    for (const std::string& request : {post("/v1/chat/completions", plain("fault-slow-first-token", R"(,"stream":true)")),
                                       post("/v1beta/models/fault-slow-first-token:streamGenerateContent?alt=sse", gemini)}) {
        Wire wire(provider_->port());
        const Clock::time_point start = Clock::now();
        wire.send(request);
        std::string reply;
        wire.read(
            reply, milliseconds(5000), [](const std::string& bytes) { return bytes.find("\r\n\r\n") != std::string::npos; });
        EXPECT_EQ(reply.substr(0, 15), "HTTP/1.1 200 OK");
        EXPECT_EQ(reply.find("This"), std::string::npos);
        wire.read(reply, milliseconds(5000), has_whole_reply);
        EXPECT_GE(Clock::now() - start, milliseconds(400));
        EXPECT_NE(reply.find("This"), std::string::npos);
    }
}

TEST_F(FakeProviderServer, the_bill_has_what_was_handed_over_also_to_who_went_away) {
    behave(R"({"latency":{"first_token_ms":0,"pacing_ms":20}})");
    std::string reply;
    EXPECT_EQ(ending(plain("m", R"(,"stream":true)"), reply, milliseconds(300)), Wire::End::open);
    ask(post("/v1/chat/completions", plain("m")));
    ASSERT_TRUE(eventually([](const FakeStats& seen) { return seen.open == 0; }));
    std::int64_t words = 0;
    for (std::size_t at = reply.find("\"content\":\""); at != std::string::npos; at = reply.find("\"content\":\"", at + 1)) {
        words += reply.substr(at + 11, 1) == "\"" ? 0 : 1;
    }
    const std::string shown = ask("GET /fake/bill?requests=5 HTTP/1.1\r\nhost: x\r\n\r\n");
    const json::value bill = json::parse(shown.substr(shown.find("\r\n\r\n") + 4));
    const json::value& gone = bill.at("requests").at(0);
    EXPECT_EQ(gone.at("end"), json::value("cancelled"));
    EXPECT_GT(words, 3);
    EXPECT_NEAR(gone.at("tokens_out").to_number<double>(), static_cast<double>(words), 2.0) << "a word may be on its way";
    EXPECT_LT(gone.at("tokens_out").to_number<int>(), 60);
    EXPECT_EQ(bill.at("requests").at(1).at("tokens_out"), json::value(60));
    EXPECT_EQ(bill.at("rows").at(0).at("whole"), json::value(1));
    EXPECT_EQ(bill.at("rows").at(0).at("cancelled"), json::value(1));
}

TEST(FakeProviderStart, bad_options_and_taken_ports_are_errors) {
    net::IoThreads::Options options;
    options.io_threads = 1;
    net::IoThreads threads(options);
    threads.start();
    FakeOptions bad;
    bad.latency.jitter_percent = 200;
    EXPECT_FALSE(FakeProvider(threads, bad).start());
    FakeOptions nowhere;
    nowhere.host = "192.0.2.1";
    EXPECT_FALSE(FakeProvider(threads, nowhere).start());
    threads.stop();
}

}  // namespace
}  // namespace eco2::fake
