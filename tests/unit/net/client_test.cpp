#include "net/client.hpp"

#include "support/raw_socket.hpp"
#include "unit/net/recorder.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace eco2::net {
namespace {

using namespace std::chrono_literals;
using test::RawListener;
using test::RawSocket;
using test::Recorder;

template <class Condition>
bool eventually(Condition condition) {
    for (int i = 0; i < 1000; ++i) {
        if (condition()) {
            return true;
        }
        std::this_thread::sleep_for(5ms);
    }
    return false;
}

class ClientTest : public testing::Test {
protected:
    static IoThreads::Options two_threads() {
        IoThreads::Options options;
        options.io_threads = 2;
        return options;
    }

    void start(ClientOptions options = {}) {
        client_ = std::make_unique<HttpClient>(threads_, std::move(options));
        threads_.start();
    }

    void TearDown() override {
        threads_.stop();
        client_.reset();
    }

    HttpRequest request(std::string path = "/", std::string body = "{}") const {
        HttpRequest request;
        request.url = "http://127.0.0.1:" + std::to_string(peer_.port()) + path;
        request.headers = {{"x-key", "secret"}};
        request.body = std::move(body);
        return request;
    }

    std::unique_ptr<Recorder> recorder() { return std::make_unique<Recorder>(threads_, *client_); }

    RawListener peer_;
    IoThreads threads_{two_threads()};
    std::unique_ptr<HttpClient> client_;
};

TEST_F(ClientTest, a_request_leaves_as_it_should_and_the_answer_comes_back) {
    start();
    auto seen = recorder();
    EXPECT_FALSE(seen->start(request("/v1/x?y=1", "hello")));
    RawSocket server = peer_.accept();
    const std::string head = server.read_until("\r\n\r\n");
    EXPECT_EQ(head,
              "POST /v1/x?y=1 HTTP/1.1\r\nhost: 127.0.0.1:" + std::to_string(peer_.port()) +
                  "\r\nuser-agent: eco2\r\naccept-encoding: identity\r\nx-key: secret\r\ncontent-length: 5\r\n\r\n");
    EXPECT_EQ(server.read_until("hello"), "hello");
    server.send("HTTP/1.1 200 OK\r\nX-Mixed: Value\r\nContent-Length: 2\r\n\r\nok");
    EXPECT_EQ(seen->wait(), "ok");
    EXPECT_EQ(seen->status(), 200);
    EXPECT_EQ(seen->headers(), "x-mixed=Value;content-length=2;");
    EXPECT_EQ(seen->body(), "ok");
}

TEST_F(ClientTest, a_strangers_url_reaches_no_private_address) {
    start();
    for (const char* host : {"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "no-such-host.invalid"}) {
        auto seen = recorder();
        auto asked = request();
        asked.url = std::string("http://") + host + ":" + std::to_string(peer_.port()) + "/";
        asked.is_public_only = true;
        EXPECT_FALSE(seen->start(std::move(asked)));
        EXPECT_EQ(seen->wait(), "SSRF_BLOCKED") << host;
        EXPECT_EQ(seen->detail(), "the host has no public address") << host;
    }
    EXPECT_EQ(client_->stats().connections_opened, 0u);
}

TEST_F(ClientTest, a_strangers_url_takes_no_pooled_connection_of_the_hosts_own) {
    start();
    auto first = recorder();
    EXPECT_FALSE(first->start(request()));
    RawSocket server = peer_.accept();
    server.read_until("\r\n\r\n{}");
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(first->wait(), "ok");
    auto second = recorder();
    auto asked = request();
    asked.is_public_only = true;
    EXPECT_FALSE(second->start(std::move(asked)));
    EXPECT_EQ(second->wait(), "SSRF_BLOCKED");
    EXPECT_EQ(client_->stats().connections_reused, 0u);
}

TEST_F(ClientTest, a_strangers_url_goes_through_no_proxy) {
    ClientOptions options;
    options.https_proxy = "http://127.0.0.1:" + std::to_string(peer_.port());
    start(std::move(options));
    auto seen = recorder();
    auto asked = request();
    asked.url = "http://inner.invalid/";
    asked.is_public_only = true;
    EXPECT_FALSE(seen->start(std::move(asked)));
    EXPECT_EQ(seen->wait(), "SSRF_BLOCKED");
    EXPECT_EQ(client_->stats().connections_opened, 0u);
}

struct Answer {
    const char* what;
    std::string bytes;
    int status;
    std::string body;
};

std::vector<Answer> delimited_answers() {
    return {
        {"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"},
        {"chunks",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: v\r\n\r\n",
         200,
         "hello"},
        {"interim",
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nL: x\r\n\r\nHTTP/1.1 201 C\r\nContent-Length: 1\r\n\r\nx",
         201,
         "x"},
        {"no content", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
        {"error", "HTTP/1.1 429 Too Many\r\nRetry-After: 3\r\nContent-Length: 4\r\n\r\nslow", 429, "slow"},
        {"server error", "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", 503, ""},
        {"redirect", "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 302, ""},
    };
}

TEST_F(ClientTest, answers_are_read_whole_whatever_the_cuts_and_over_one_connection) {
    start();
    RawSocket server;
    int exchanges = 0;
    for (const Answer& answer : delimited_answers()) {
        for (std::size_t cut = 0; cut <= answer.bytes.size(); ++cut) {
            auto seen = recorder();
            ASSERT_FALSE(seen->start(request()));
            if (!server.is_open()) {
                server = peer_.accept();
            }
            server.read_until("\r\n\r\n{}");
            server.send(std::string_view(answer.bytes).substr(0, cut));
            if (cut % 4 == 0) {
                std::this_thread::sleep_for(1ms);
            }
            server.send(std::string_view(answer.bytes).substr(cut));
            ASSERT_EQ(seen->wait(), "ok") << answer.what << cut << seen->detail();
            ASSERT_EQ(seen->status(), answer.status) << answer.what << cut;
            ASSERT_EQ(seen->body(), answer.body) << answer.what << cut;
            ++exchanges;
        }
    }
    EXPECT_EQ(client_->stats().connections_opened, 1u);
    EXPECT_EQ(client_->stats().connections_reused, static_cast<std::uint64_t>(exchanges - 1));
    EXPECT_EQ(client_->stats().connections_idle, 1u);
}

TEST_F(ClientTest, an_answer_cut_off_at_any_byte_is_a_reset) {
    start();
    for (const Answer& answer : delimited_answers()) {
        for (std::size_t cut = 0; cut<answer.bytes.size(); cut += answer.bytes.size()> 60 ? 3 : 1) {
            auto seen = recorder();
            ASSERT_FALSE(seen->start(request()));
            RawSocket server = peer_.accept();
            server.read_until("\r\n\r\n{}");
            server.send(std::string_view(answer.bytes).substr(0, cut));
            cut % 2 == 0 ? server.close() : server.reset();
            ASSERT_EQ(seen->wait(), "PROVIDER_RESET") << answer.what << cut;
            ASSERT_EQ(seen->done_count(), 1);
        }
    }
    EXPECT_EQ(client_->stats().exchanges_open, 0u);
}

TEST_F(ClientTest, what_is_not_http_or_over_a_limit_is_a_bad_answer) {
    start();
    for (const std::string& bytes : {std::string("SSH-2.0-x\r\n"),
                                     std::string("HTTP/2 200\r\n\r\n"),
                                     std::string("\x15\x03\x01"),
                                     std::string("HTTP/1.1 abc\r\n\r\n"),
                                     std::string("HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\n"),
                                     std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
                                     std::string("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
                                     std::string("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n"),
                                     std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
                                     std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n"),
                                     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(40'000, 'x'),
                                     "HTTP/1.1 200 OK\r\n\r\n" + std::string(101, 'x'),
                                     "HTTP/1.1 200 OK\r\nX: " + std::string(64 * 1024, 'x') + "\r\n\r\n"}) {
        auto seen = recorder();
        auto asked = request();
        asked.response_bytes_max = 100;
        ASSERT_FALSE(seen->start(std::move(asked)));
        RawSocket server = peer_.accept();
        server.read_until("\r\n\r\n{}");
        server.send(bytes);
        EXPECT_EQ(seen->wait(), "PROVIDER_BAD_ANSWER") << bytes.substr(0, 60);
        EXPECT_TRUE(server.is_closed_within(1s));
    }
}

TEST_F(ClientTest, a_body_may_end_with_the_connection) {
    start();
    auto seen = recorder();
    ASSERT_FALSE(seen->start(request()));
    RawSocket server = peer_.accept();
    server.read_until("\r\n\r\n{}");
    server.send("HTTP/1.1 200 OK\r\n\r\nto the end");
    server.close();
    EXPECT_EQ(seen->wait(), "ok");
    EXPECT_EQ(seen->body(), "to the end");
    EXPECT_EQ(client_->stats().connections_idle, 0u);
}

TEST_F(ClientTest, a_stream_comes_whole_in_pieces_of_any_size_and_its_reset_is_no_end) {
    start();
    for (const std::size_t size : {1u, 511u, 512u, 513u, 1'024u, 40'000u}) {
        for (const bool is_reset : {false, true}) {
            auto seen = recorder();
            EXPECT_FALSE(seen->start(request()));
            RawSocket server = peer_.accept();
            server.read_until("{}");
            server.send("HTTP/1.1 200 OK\r\n\r\n");
            ASSERT_TRUE(eventually([&] { return seen->status() == 200; }));
            std::string sent;
            for (const char letter : {'a', 'b', 'c'}) {
                const std::string piece(size, letter);
                server.send(piece);
                sent += piece;
                // Read before the next is sent, so that each one wakes the reader anew.
                ASSERT_TRUE(eventually([&] { return seen->body().size() == sent.size(); })) << size;
            }
            if (is_reset) {
                server.reset();
            } else {
                server.close();
            }
            EXPECT_EQ(seen->wait(), is_reset ? "PROVIDER_RESET" : "ok") << size;
            EXPECT_EQ(seen->body(), sent) << size;
        }
    }
}

TEST_F(ClientTest, a_connection_that_has_streamed_is_used_again) {
    start();
    auto first = recorder();
    EXPECT_FALSE(first->start(request()));
    RawSocket server = peer_.accept();
    server.read_until("{}");
    server.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    ASSERT_TRUE(eventually([&] { return first->status() == 200; }));
    server.send("3\r\nabc\r\n");
    ASSERT_TRUE(eventually([&] { return first->body() == "abc"; }));
    server.send("0\r\n\r\n");
    EXPECT_EQ(first->wait(), "ok");
    auto second = recorder();
    EXPECT_FALSE(second->start(request()));
    server.read_until("{}");
    server.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    EXPECT_EQ(second->wait(), "ok");
    EXPECT_EQ(second->body(), "ok");
    EXPECT_EQ(client_->stats().connections_opened, 1u);
}

TEST_F(ClientTest, connections_that_the_peer_does_not_keep_are_not_reused) {
    start();
    for (const char* answer : {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                               "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
                               "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore than said"}) {
        auto seen = recorder();
        ASSERT_FALSE(seen->start(request()));
        RawSocket server = peer_.accept();
        server.read_until("\r\n\r\n{}");
        server.send(answer);
        EXPECT_EQ(seen->wait(), "ok");
        EXPECT_TRUE(server.is_closed_within(1s)) << answer;
    }
}

TEST_F(ClientTest, an_idle_connection_that_the_peer_closes_is_dropped) {
    start();
    for (int round = 0; round < 3; ++round) {
        auto seen = recorder();
        ASSERT_FALSE(seen->start(request()));
        RawSocket server = peer_.accept();
        server.read_until("\r\n\r\n{}");
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        EXPECT_EQ(seen->wait(), "ok");
        round == 0 ? server.close() : round == 1 ? server.reset() : void(server.send("HTTP/1.1 408 Late\r\n\r\n"));
        EXPECT_TRUE(eventually([&] { return client_->stats().connections_idle == 0; }));
    }
    EXPECT_EQ(client_->stats().connections_reused, 0u);
}

TEST_F(ClientTest, a_pooled_connection_that_ends_instead_of_answering_is_replaced_once) {
    start();
    for (const bool resets : {false, true}) {
        auto first = recorder();
        ASSERT_FALSE(first->start(request()));
        RawSocket pooled = peer_.accept();
        pooled.read_until("\r\n\r\n{}");
        pooled.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        EXPECT_EQ(first->wait(), "ok");
        auto second = recorder();
        ASSERT_FALSE(second->start(request()));
        pooled.read_until("\r\n\r\n{}");
        resets ? pooled.reset() : pooled.close();
        RawSocket fresh = peer_.accept();
        EXPECT_TRUE(fresh.read_until("\r\n\r\n{}").starts_with("POST ")) << "the whole request comes again";
        fresh.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
        EXPECT_EQ(second->wait(), "ok");
        EXPECT_EQ(second->body(), "hi");
    }
}

TEST_F(ClientTest, a_request_is_not_sent_a_third_time_nor_after_a_byte_of_an_answer_nor_late) {
    start();
    for (const int how : {0, 1, 2}) {
        auto first = recorder();
        ASSERT_FALSE(first->start(request()));
        RawSocket pooled = peer_.accept();
        pooled.read_until("\r\n\r\n{}");
        pooled.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        EXPECT_EQ(first->wait(), "ok");
        auto second = recorder();
        ASSERT_FALSE(second->start(request()));
        pooled.read_until("\r\n\r\n{}");
        if (how == 0) {
            pooled.close();
            RawSocket fresh = peer_.accept();
            fresh.read_until("\r\n\r\n{}");
            fresh.close();
        } else if (how == 1) {
            pooled.send("H");
            EXPECT_FALSE(peer_.has_connection_within(20ms));
            pooled.close();
        } else {
            EXPECT_FALSE(peer_.has_connection_within(300ms));
            pooled.close();
        }
        EXPECT_EQ(second->wait(), "PROVIDER_RESET") << how;
        EXPECT_FALSE(peer_.has_connection_within(20ms)) << how;
    }
}

TEST_F(ClientTest, an_idle_connection_is_closed_after_its_time) {
    ClientOptions options;
    options.idle_timeout = 50ms;
    start(std::move(options));
    auto seen = recorder();
    ASSERT_FALSE(seen->start(request()));
    RawSocket server = peer_.accept();
    server.read_until("\r\n\r\n{}");
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(seen->wait(), "ok");
    EXPECT_TRUE(server.is_closed_within(2s));
    EXPECT_TRUE(eventually([&] { return client_->stats().connections_idle == 0; }));
}

TEST_F(ClientTest, the_next_stage_started_inside_on_done_reuses_the_connection) {
    start();
    auto second = recorder();
    auto first = recorder();
    std::unique_ptr<HttpCall> call;
    first->on_done_hook = [&] { call = *client_->start(request("/second"), *second); };
    ASSERT_FALSE(first->start(request("/first")));
    RawSocket server = peer_.accept();
    server.read_until("\r\n\r\n{}");
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    EXPECT_TRUE(server.read_until("\r\n\r\n{}").starts_with("POST /second "));
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(second->wait(), "ok");
    EXPECT_EQ(client_->stats().connections_opened, 1u);
    first->run([&] { call.reset(); });
}

TEST_F(ClientTest, silence_ends_with_the_deadline) {
    start();
    for (const char* begin : {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"}) {
        auto seen = recorder();
        auto asked = request();
        asked.deadline = std::chrono::steady_clock::now() + 60ms;
        ASSERT_FALSE(seen->start(std::move(asked)));
        RawSocket server = peer_.accept();
        server.send(begin);
        EXPECT_EQ(seen->wait(), "PROVIDER_TIMEOUT");
        EXPECT_TRUE(server.is_closed_within(1s));
    }
    auto late = recorder();
    auto asked = request();
    asked.deadline = std::chrono::steady_clock::now() - 1s;
    ASSERT_FALSE(late->start(std::move(asked)));
    EXPECT_EQ(late->wait(), "PROVIDER_TIMEOUT");
}

TEST_F(ClientTest, nobody_listening_is_unreachable) {
    start();
    unsigned short port = 0;
    {
        const RawListener gone;
        port = gone.port();
    }
    for (const std::string& host : {std::string("127.0.0.1"), std::string("localhost"), std::string("no-such-name.invalid")}) {
        auto seen = recorder();
        HttpRequest asked;
        asked.url = "http://" + host + ":" + std::to_string(port) + "/";
        ASSERT_FALSE(seen->start(std::move(asked)));
        EXPECT_EQ(seen->wait(), "PROVIDER_UNREACHABLE") << host;
        EXPECT_NE(seen->detail().find(host), std::string::npos);
    }
}

TEST_F(ClientTest, bad_urls_and_fields_are_refused_by_start) {
    start();
    for (const char* url :
         {"", "/x", "ftp://h/", "http://", "http://user:pw@h/", "http://h:0/", "http://h:99999/", "http://h/ x"}) {
        auto seen = recorder();
        HttpRequest asked;
        asked.url = url;
        const auto refused = seen->start(std::move(asked));
        ASSERT_TRUE(refused) << url;
        EXPECT_EQ(refused->code, Errc::bad_request) << url;
        EXPECT_EQ(refused->detail.find("pw"), std::string::npos);
    }
    const std::vector<std::pair<std::string, std::string>> fields = {
        {"x", "a\r\nb"}, {"x", "a\nb"}, {"x", std::string("a\0b", 3)}, {"x y", "a"}, {"", "a"}, {"x:", "a"}};
    for (const auto& field : fields) {
        auto seen = recorder();
        auto asked = request();
        asked.headers = {field};
        EXPECT_TRUE(seen->start(std::move(asked))) << field.first << field.second;
    }
}

TEST_F(ClientTest, beyond_the_limit_of_open_exchanges_start_refuses) {
    ClientOptions options;
    options.open_max = 2;
    start(std::move(options));
    auto first = recorder();
    auto second = recorder();
    auto third = recorder();
    EXPECT_FALSE(first->start(request()));
    EXPECT_FALSE(second->start(request()));
    const auto refused = third->start(request());
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->code, Errc::limit_exceeded);
    first->cancel();
    EXPECT_EQ(first->wait(), "CANCELLED");
    EXPECT_FALSE(third->start(request()));
}

TEST_F(ClientTest, cancel_ends_once_at_every_stage) {
    start();
    for (const char* stage : {"start", "accepted", "head", "body"}) {
        auto seen = recorder();
        ASSERT_FALSE(seen->start(request()));
        RawSocket server;
        if (stage != std::string("start")) {
            server = peer_.accept();
            server.read_until("\r\n\r\n{}");
            if (stage == std::string("head")) {
                server.send("HTTP/1.1 200 OK\r\n");
            }
            if (stage == std::string("body")) {
                server.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhe");
                seen->wait_for_body(2);
            }
        }
        seen->cancel();
        seen->cancel();
        EXPECT_EQ(seen->wait(), "CANCELLED") << stage;
        EXPECT_EQ(seen->done_count(), 1);
        if (server.is_open()) {
            EXPECT_TRUE(server.is_closed_within(1s)) << stage;
        } else if (peer_.has_connection_within(50ms)) {
            peer_.accept();
        }
    }
}

TEST_F(ClientTest, a_dropped_call_is_silent_and_closes) {
    start();
    auto seen = recorder();
    ASSERT_FALSE(seen->start(request()));
    RawSocket server = peer_.accept();
    server.read_until("\r\n\r\n{}");
    seen->drop();
    EXPECT_TRUE(server.is_closed_within(1s));
    EXPECT_EQ(seen->done_count(), 0);

    auto inside = recorder();
    Recorder* raw = inside.get();
    inside->on_body_hook = [raw](std::string_view) {
        raw->drop_from_inside();
        return HttpObserver::Flow::go_on;
    };
    ASSERT_FALSE(inside->start(request()));
    server = peer_.accept();
    server.read_until("\r\n\r\n{}");
    server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
    EXPECT_TRUE(server.is_closed_within(1s));
    EXPECT_EQ(inside->body(), "a");
    EXPECT_EQ(inside->done_count(), 0);
}

TEST_F(ClientTest, pause_stops_reading_and_resume_goes_on) {
    start();
    constexpr std::size_t kSize = 8 * 1024 * 1024 - 1;
    auto seen = recorder();
    std::atomic<bool> pauses = true;
    seen->on_body_hook = [&](std::string_view) { return pauses ? HttpObserver::Flow::pause : HttpObserver::Flow::go_on; };
    ASSERT_FALSE(seen->start(request()));
    RawSocket server = peer_.accept();
    server.read_until("\r\n\r\n{}");
    std::thread sender([&] {
        server.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kSize) + "\r\n\r\n");
        server.send(std::string(kSize, 'x'));
    });
    ASSERT_TRUE(seen->wait_for_body(1));
    std::this_thread::sleep_for(50ms);
    EXPECT_LE(seen->body().size(), 64u * 1024);
    seen->resume();
    std::this_thread::sleep_for(20ms);
    EXPECT_LE(seen->body().size(), 2u * 64 * 1024);
    pauses = false;
    seen->resume();
    EXPECT_EQ(seen->wait(), "ok");
    EXPECT_EQ(seen->body().size(), kSize);
    sender.join();
}

TEST_F(ClientTest, an_early_answer_to_a_large_request_is_heard) {
    start();
    for (const bool closes : {false, true}) {
        auto seen = recorder();
        ASSERT_FALSE(seen->start(request("/", std::string(12 * 1024 * 1024, 'x'))));
        RawSocket server = peer_.accept();
        server.read_until("\r\n\r\n");
        server.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
        if (closes) {
            server.shutdown_send();
        }
        EXPECT_EQ(seen->wait(), "ok");
        EXPECT_EQ(seen->status(), 413);
        EXPECT_EQ(client_->stats().connections_idle, 0u);
    }
}

TEST_F(ClientTest, a_large_request_arrives_whole) {
    start();
    const std::string body(4 * 1024 * 1024, 'y');
    auto seen = recorder();
    ASSERT_FALSE(seen->start(request("/", body + "END")));
    RawSocket server = peer_.accept();
    server.read_until("\r\n\r\n");
    EXPECT_EQ(server.read_until("END").size(), body.size() + 3);
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(seen->wait(), "ok");
}

TEST_F(ClientTest, plain_requests_go_through_the_proxy_in_absolute_form) {
    ClientOptions options;
    options.https_proxy = "http://user:p%40ss@127.0.0.1:" + std::to_string(peer_.port());
    options.no_proxy = "direct.example, .corp.example";
    start(std::move(options));
    auto seen = recorder();
    HttpRequest asked;
    asked.method = "GET";
    asked.url = "http://api.example/v1?x=1";
    ASSERT_FALSE(seen->start(std::move(asked)));
    RawSocket proxy = peer_.accept();
    const std::string head = proxy.read_until("\r\n\r\n");
    EXPECT_TRUE(head.starts_with("GET http://api.example/v1?x=1 HTTP/1.1\r\nhost: api.example\r\n")) << head;
    EXPECT_NE(head.find("proxy-authorization: Basic dXNlcjpwQHNz\r\n"), std::string::npos) << head;
    proxy.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(seen->wait(), "ok");
}

TEST_F(ClientTest, a_proxy_that_refuses_or_breaks_is_unreachable) {
    ClientOptions options;
    options.https_proxy = "http://127.0.0.1:" + std::to_string(peer_.port());
    start(std::move(options));
    for (const char* answer :
         {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "HTTP/1.1 502 Bad\r\n\r\n", "hello\r\n\r\n", ""}) {
        auto seen = recorder();
        HttpRequest asked;
        asked.url = "https://api.example/";
        ASSERT_FALSE(seen->start(std::move(asked)));
        RawSocket proxy = peer_.accept();
        EXPECT_TRUE(proxy.read_until("\r\n\r\n").starts_with("CONNECT api.example:443 HTTP/1.1\r\nhost: api.example:443\r\n"));
        proxy.send(answer);
        proxy.close();
        EXPECT_EQ(seen->wait(), "PROVIDER_UNREACHABLE") << answer;
    }
}

TEST_F(ClientTest, a_proxy_that_cannot_be_read_is_told_without_its_password) {
    ClientOptions options;
    options.https_proxy = "https://user:secret@proxy";
    start(std::move(options));
    auto seen = recorder();
    const auto refused = seen->start(request());
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->detail.find("secret"), std::string::npos);
}

TEST_F(ClientTest, many_exchanges_on_both_threads_all_end) {
    start();
    constexpr int kRounds = 40;
    std::atomic<bool> is_over = false;
    std::thread server([&] {
        std::vector<std::thread> handlers;
        while (!is_over) {
            if (!peer_.has_connection_within(20ms)) {
                continue;
            }
            handlers.emplace_back([socket = peer_.accept()]() mutable {
                while (!socket.read_until("\r\n\r\n{}").empty()) {
                    socket.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntext\r\n0\r\n\r\n");
                }
            });
        }
        for (auto& each : handlers) {
            each.join();
        }
    });
    std::vector<std::unique_ptr<Recorder>> all;
    for (int i = 0; i < kRounds; ++i) {
        all.push_back(recorder());
        ASSERT_FALSE(all.back()->start(request(), i % 2));
    }
    for (auto& each : all) {
        EXPECT_EQ(each->wait(), "ok");
        EXPECT_EQ(each->body(), "text");
    }
    all.clear();
    is_over = true;
    threads_.stop();
    client_.reset();
    server.join();
}

}  // namespace
}  // namespace eco2::net
