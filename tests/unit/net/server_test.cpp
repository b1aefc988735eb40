#include "net/server.hpp"

#include "support/raw_socket.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

namespace eco2::net {
namespace {

using namespace std::chrono_literals;
using test::RawSocket;

/// Waits for something that another thread brings about.
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

/// What the handlers saw, for the test's thread.
struct Seen {
    std::mutex mutex;
    ServerRequest last;
    std::atomic<int> requests = 0;
    std::atomic<int> gone = 0;
    std::atomic<int> sources_gone = 0;
    std::atomic<int> sources_destroyed = 0;
    std::atomic<int> quiet = 0;
    std::shared_ptr<ServerExchange> held;
    std::atomic<int> held_thread = -1;
};

/// A source that gives its parts one wake at a time, then ends or goes on for ever.
class PartSource final : public BodySource {
public:
    PartSource(Seen& seen, int parts, std::string part, bool ends)
        : seen_(seen), parts_(parts), part_(std::move(part)), ends_(ends) {}
    ~PartSource() override { ++seen_.sources_destroyed; }

    void set_waker(Waker* waker) override { waker_ = waker; }

    Pull pull(std::string& out) override {
        if (parts_ > 0) {
            --parts_;
            out += part_;
            if (parts_ > 0) {
                waker_->wake();
                waker_->wake();
            }
        }
        return parts_ == 0 && ends_ ? Pull::ended : Pull::more_later;
    }

    void on_quiet(std::string& out) override {
        ++seen_.quiet;
        out += ": quiet\n\n";
    }
    void on_client_gone() noexcept override { ++seen_.sources_gone; }

private:
    Seen& seen_;
    int parts_;
    std::string part_;
    bool ends_;
    Waker* waker_ = nullptr;
};

class ServerTest : public testing::Test {
protected:
    static IoThreads::Options two_threads() {
        IoThreads::Options options;
        options.io_threads = 2;
        return options;
    }

    static ServerOptions quick() {
        ServerOptions options;
        options.head_bytes_max = 1024;
        options.body_bytes_max = 4096;
        options.head_timeout = 150ms;
        options.body_timeout = 150ms;
        options.idle_timeout = 200ms;
        options.write_stall_timeout = 200ms;
        options.refuse = [](const Error& error) {
            return ServerResponse{error.http_status(), {{"x-refused", std::string(error.name())}}, std::string(error.name())};
        };
        return options;
    }

    void start(ServerOptions options = quick()) {
        threads_.start();
        server_ = std::make_unique<Server>(
            threads_, std::move(options), [this](std::shared_ptr<ServerExchange> exchange) { handle(std::move(exchange)); });
        const auto started = server_->start();
        ASSERT_TRUE(started) << started.error().text();
    }

    void TearDown() override {
        if (server_) {
            server_->stop();
        }
        threads_.stop();
        seen_.held.reset();
    }

    void handle(std::shared_ptr<ServerExchange> exchange) {
        ++seen_.requests;
        const std::string path = exchange->request().path;
        {
            const std::lock_guard lock(seen_.mutex);
            seen_.last = exchange->request();
        }
        exchange->on_client_gone([this] { ++seen_.gone; });
        if (path == "/hold") {
            const std::lock_guard lock(seen_.mutex);
            seen_.held = std::move(exchange);
            seen_.held_thread = threads_.current_thread();
        } else if (path == "/drop") {
            return;
        } else if (path == "/later") {
            threads_.post([exchange](TaskFate) { exchange->respond({200, {}, "later"}); });
        } else if (path == "/stream") {
            stream(*exchange, 3, "part;", true);
        } else if (path == "/measured" || path == "/short" || path == "/long") {
            const std::int64_t bytes = path == "/measured" ? 15 : path == "/short" ? 16 : 12;
            exchange->stream({200, {}, {}, bytes}, std::make_unique<PartSource>(seen_, 3, "part;", true), 50ms);
        } else if (path == "/endless") {
            stream(*exchange, 1, "first", false);
        } else if (path == "/flood") {
            stream(*exchange, 1'000'000, std::string(64 * 1024, 'x'), true);
        } else if (path == "/empty") {
            exchange->respond({204, {}, "ignored"});
        } else if (path == "/big") {
            exchange->respond({200, {}, std::string(8 * 1024 * 1024, 'b')});
        } else {
            exchange->respond(
                {200, {{"x-path", path}, {"x-bad", "a\r\nb"}, {"content-length", "1"}}, exchange->request().body});
        }
    }

    void stream(ServerExchange& exchange, int parts, std::string part, bool ends) {
        exchange.stream({200, {{"content-type", "text/event-stream"}}, "ignored"},
                        std::make_unique<PartSource>(seen_, parts, std::move(part), ends),
                        50ms);
    }

    void on_held_thread(const std::function<void()>& action) {
        std::promise<void> done;
        threads_.post_to(seen_.held_thread, [&](TaskFate) {
            action();
            done.set_value();
        });
        done.get_future().wait();
    }

    RawSocket connect() { return RawSocket::connect(server_->port()); }

    std::string ask(std::string_view request) {
        RawSocket socket = connect();
        socket.send(request);
        return socket.read_to_end();
    }

    IoThreads threads_{two_threads()};
    Seen seen_;
    std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, a_request_arrives_whole_and_the_reply_has_its_length) {
    start();
    RawSocket socket = connect();
    socket.send("POST /a%20b?x=1&y HTTP/1.1\r\nHost: h\r\nX-Mixed: Value \r\nContent-Length: 5\r\n\r\nhello");
    EXPECT_EQ(socket.read_response(), "HTTP/1.1 200 OK\r\nx-path: /a%20b\r\ncontent-length: 5\r\n\r\nhello");
    EXPECT_EQ(seen_.last.method, "POST");
    EXPECT_EQ(seen_.last.query, "x=1&y");
    EXPECT_EQ(seen_.last.header("x-mixed"), "Value");
    EXPECT_EQ(seen_.last.header("x-none"), "");
    EXPECT_EQ(seen_.last.peer, "127.0.0.1");
    socket.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_NE(socket.read_response().find("200 OK"), std::string::npos);
    EXPECT_EQ(server_->connection_count(), 1u);
}

TEST_F(ServerTest, chunked_bodies_are_joined_whatever_the_cuts) {
    start();
    const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    const std::string body = "5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: t\r\n\r\n";
    RawSocket socket = connect();
    for (std::size_t cut = 0; cut <= body.size(); ++cut) {
        socket.send(head + body.substr(0, cut));
        std::this_thread::sleep_for(1ms);
        socket.send(body.substr(cut));
        const std::string answer = socket.read_response();
        ASSERT_TRUE(answer.ends_with("\r\n\r\nhello world")) << cut << ": " << answer;
    }
    EXPECT_EQ(seen_.last.header("x-trailer"), "");
}

TEST_F(ServerTest, a_head_sent_byte_by_byte_is_read) {
    auto options = quick();
    options.head_timeout = 5s;
    options.body_timeout = 5s;
    start(std::move(options));
    RawSocket socket = connect();
    for (const char c : std::string("PUT /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok")) {
        ASSERT_TRUE(socket.send(std::string_view(&c, 1)));
    }
    EXPECT_TRUE(socket.read_response().ends_with("\r\n\r\nok"));
}

TEST_F(ServerTest, pipelined_requests_are_answered_in_order) {
    start();
    RawSocket socket = connect();
    std::string requests;
    for (int i = 0; i < 20; ++i) {
        const std::string path = i % 3 == 0 ? "/later" : "/n" + std::to_string(i);
        requests += "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n";
    }
    socket.send(requests);
    for (int i = 0; i < 20; ++i) {
        const std::string answer = socket.read_response();
        const std::string mark = i % 3 == 0 ? "later" : "x-path: /n" + std::to_string(i) + "\r\n";
        EXPECT_NE(answer.find(mark), std::string::npos) << i << answer;
    }
}

struct Malformed {
    const char* what;
    std::string request;
    int status;
};

TEST_F(ServerTest, malformed_requests_are_refused_and_the_connection_closed) {
    start();
    const std::string long_value(2000, 'v');
    const std::vector<Malformed> cases = {
        {"garbage", "\x16\x03\x01 garbage\r\n\r\n", 400},
        {"bare LF", "GET / HTTP/1.1\nHost: h\n\n", 400},
        {"bare CR", "GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", 400},
        {"NUL", std::string("GET / HTTP/1.1\r\nHost: h\r\nX: a") + '\0' + "b\r\n\r\n", 400},
        {"folded line", "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400},
        {"space before colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400},
        {"two lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
        {"same length twice", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", 400},
        {"length list", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\na", 400},
        {"length and chunks",
         "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400},
        {"chunks and length",
         "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
         400},
        {"unknown coding", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
        {"chunked twice",
         "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400},
        {"chunks in 1.0", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"negative length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400},
        {"huge length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
        {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
        {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"wrong version", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 400},
        {"no path", "GET x HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"authority target", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"bad chunk size", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
        {"chunk without end", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 400},
        {"chunk size overflow", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400},
        {"head too large", "GET / HTTP/1.1\r\nHost: h\r\nX: " + long_value + "\r\n\r\n", 431},
        {"target too large", "GET /" + long_value, 431},
        {"declared too large", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4097\r\n\r\n", 413},
        {"too large before continue",
         "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4097\r\nExpect: 100-continue\r\n\r\n",
         413},
        {"chunk too large", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1001\r\n", 413},
        {"chunks too large together",
         "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n" + std::string(0x800, 'a') + "\r\n801\r\n",
         413},
    };
    for (const Malformed& each : cases) {
        const std::string answer = ask(each.request);
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + std::to_string(each.status))) << each.what << ": " << answer;
        EXPECT_NE(answer.find("connection: close"), std::string::npos) << each.what;
        EXPECT_NE(answer.find("x-refused"), std::string::npos) << each.what;
    }
    EXPECT_EQ(seen_.requests, 0);
}

TEST_F(ServerTest, a_refusal_can_be_read_by_a_client_that_is_still_sending) {
    start();
    RawSocket socket = connect();
    socket.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\n");
    socket.send(std::string(8'000'000, 'x'));
    EXPECT_TRUE(socket.read_to_end().starts_with("HTTP/1.1 413"));
}

TEST_F(ServerTest, requests_cut_at_every_byte_leave_no_connection_behind) {
    start();
    const std::string request = "POST /cut HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    for (std::size_t cut = 0; cut < request.size(); ++cut) {
        RawSocket socket = connect();
        socket.send(std::string_view(request).substr(0, cut));
        if (cut % 2 == 0) {
            socket.reset();
        }
    }
    EXPECT_TRUE(eventually([&] { return server_->connection_count() == 0; }));
    EXPECT_EQ(seen_.requests, 0);
    EXPECT_NE(ask("GET / HTTP/1.0\r\n\r\n").find("200 OK"), std::string::npos);
}

TEST_F(ServerTest, slow_senders_are_told_408_and_idle_connections_are_closed) {
    start();
    EXPECT_TRUE(ask("GET / HT").starts_with("HTTP/1.1 408"));
    EXPECT_TRUE(ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc").starts_with("HTTP/1.1 408"));
    EXPECT_EQ(ask(""), "");
    const std::string answer = ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200"));
    EXPECT_EQ(answer.find("408"), std::string::npos);
}

TEST_F(ServerTest, http_1_0_is_answered_and_closed) {
    start();
    const std::string answer = ask("GET /stream HTTP/1.0\r\n\r\n");
    EXPECT_NE(answer.find("connection: close"), std::string::npos);
    EXPECT_EQ(answer.find("chunked"), std::string::npos);
    EXPECT_TRUE(answer.ends_with("\r\n\r\npart;part;part;")) << answer;
}

TEST_F(ServerTest, connection_close_is_honoured) {
    start();
    const std::string answer = ask("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    EXPECT_NE(answer.find("connection: close"), std::string::npos);
}

TEST_F(ServerTest, expect_continue_is_answered_before_the_body) {
    start();
    RawSocket socket = connect();
    socket.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(socket.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    socket.send("ok");
    EXPECT_TRUE(socket.read_response().ends_with("\r\n\r\nok"));
}

TEST_F(ServerTest, head_and_204_have_no_body) {
    start();
    RawSocket socket = connect();
    socket.send("HEAD / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok");
    EXPECT_TRUE(socket.read_until("\r\n\r\n").find("content-length: 2") != std::string::npos);
    socket.send("HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(socket.read_until("\r\n\r\n").find("chunked") != std::string::npos);
    socket.send("GET /empty HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(socket.read_until("\r\n\r\n"), "HTTP/1.1 204 No Content\r\n\r\n");
    EXPECT_TRUE(eventually([&] { return seen_.sources_destroyed == 1; }));
}

TEST_F(ServerTest, absolute_targets_lose_their_origin) {
    start();
    RawSocket socket = connect();
    for (const auto& [target, path] : {std::pair{"http://h:80/p?q=1", "/p"}, {"http://h", "/"}, {"http://h?q=1", "/"}}) {
        socket.send(std::string("GET ") + target + " HTTP/1.1\r\nHost: h\r\n\r\n");
        EXPECT_NE(socket.read_response().find(std::string("x-path: ") + path + "\r\n"), std::string::npos) << target;
    }
    EXPECT_EQ(seen_.last.query, "q=1");
}

TEST_F(ServerTest, a_stream_comes_in_chunks_and_the_connection_lives_on) {
    start();
    RawSocket socket = connect();
    for (int i = 0; i < 3; ++i) {
        socket.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
        const std::string answer = socket.read_response();
        EXPECT_NE(answer.find("\r\n\r\n5\r\npart;\r\n5\r\npart;\r\n5\r\npart;\r\n0\r\n\r\n"), std::string::npos) << answer;
    }
    EXPECT_TRUE(eventually([&] { return seen_.sources_destroyed == 3; }));
    EXPECT_EQ(seen_.sources_gone, 0);
}

TEST_F(ServerTest, a_stream_whose_length_is_known_is_held_to_it) {
    start();
    RawSocket socket = connect();
    for (int i = 0; i < 3; ++i) {
        socket.send("GET /measured HTTP/1.1\r\nHost: h\r\n\r\n");
        const std::string answer = socket.read_response();
        EXPECT_NE(answer.find("content-length: 15\r\n"), std::string::npos) << answer;
        EXPECT_TRUE(answer.ends_with("\r\n\r\npart;part;part;")) << answer;
        socket.send("GET /long HTTP/1.1\r\nHost: h\r\n\r\n");
        EXPECT_TRUE(socket.read_response().ends_with("\r\n\r\npart;part;pa")) << "no byte beyond what was told";
    }
    socket.send("GET /short HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(socket.read_to_end().ends_with("content-length: 16\r\n\r\npart;part;part;")) << "the end tells";
    EXPECT_TRUE(ask("GET /measured HTTP/1.0\r\n\r\n").ends_with("\r\n\r\npart;part;part;"));
}

TEST_F(ServerTest, a_quiet_stream_shows_signs_of_life) {
    start();
    RawSocket socket = connect();
    socket.send("GET /endless HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(socket.read_until("first\r\n").ends_with("5\r\nfirst\r\n"));
    EXPECT_EQ(socket.read_until("\n\n\r\n"), "9\r\n: quiet\n\n\r\n");
    EXPECT_EQ(socket.read_until("\n\n\r\n"), "9\r\n: quiet\n\n\r\n");
}

TEST_F(ServerTest, a_client_that_leaves_a_stream_is_noticed_at_once) {
    start();
    for (int way = 0; way < 3; ++way) {
        RawSocket socket = connect();
        socket.send("GET /endless HTTP/1.1\r\nHost: h\r\n\r\n");
        socket.read_until("first");
        way == 0 ? socket.close() : way == 1 ? socket.reset() : socket.shutdown_send();
        EXPECT_TRUE(eventually([&] { return seen_.sources_gone == way + 1; })) << way;
    }
    EXPECT_EQ(seen_.sources_destroyed, 3);
    EXPECT_EQ(seen_.gone, 0);
}

TEST_F(ServerTest, a_client_that_leaves_before_the_reply_is_noticed_and_a_late_reply_is_harmless) {
    start();
    for (int way = 0; way < 3; ++way) {
        RawSocket socket = connect();
        socket.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
        ASSERT_TRUE(eventually([&] { return seen_.requests == way + 1; }));
        way == 0 ? socket.close() : way == 1 ? socket.reset() : socket.shutdown_send();
        EXPECT_TRUE(eventually([&] { return seen_.gone == way + 1; })) << way;
        on_held_thread([&] {
            if (way == 0) {
                seen_.held->respond({200, {}, "late"});
            } else {
                seen_.held->stream({}, std::make_unique<PartSource>(seen_, 1, "x", true), 1s);
            }
        });
    }
    EXPECT_EQ(seen_.sources_gone, 2);
    EXPECT_TRUE(eventually([&] { return server_->connection_count() == 0; }));
}

TEST_F(ServerTest, a_dropped_exchange_answers_500) {
    start();
    RawSocket socket = connect();
    socket.send("GET /drop HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(socket.read_response().starts_with("HTTP/1.1 500"));
}

TEST_F(ServerTest, a_client_that_never_reads_is_given_up) {
    start();
    RawSocket socket = connect();
    socket.send("GET /flood HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(eventually([&] { return seen_.sources_gone == 1; }));
    EXPECT_EQ(server_->connection_count(), 0u);
}

TEST_F(ServerTest, a_large_reply_reaches_a_slow_reader) {
    start();
    RawSocket socket = connect();
    socket.send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    std::this_thread::sleep_for(50ms);
    const std::string answer = socket.read_response();
    EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, 8u * 1024 * 1024);
}

TEST_F(ServerTest, a_client_that_floods_behind_a_pending_request_is_not_buffered_without_end) {
    start();
    RawSocket socket = connect();
    socket.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_TRUE(eventually([&] { return seen_.requests == 1; }));
    std::thread sender([&] { socket.send(std::string(32 * 1024 * 1024, 'x')); });
    std::this_thread::sleep_for(100ms);
    server_->stop();
    sender.join();
    EXPECT_EQ(seen_.gone, 1);
}

TEST_F(ServerTest, beyond_the_connection_limit_others_wait) {
    auto options = quick();
    options.connections_max = 2;
    options.idle_timeout = 10s;
    options.head_timeout = 10s;
    start(std::move(options));
    RawSocket first = connect();
    RawSocket second = connect();
    EXPECT_TRUE(eventually([&] { return server_->connection_count() == 2; }));
    RawSocket third = connect();
    third.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    std::this_thread::sleep_for(50ms);
    EXPECT_EQ(seen_.requests, 0);
    first.close();
    EXPECT_TRUE(third.read_response().starts_with("HTTP/1.1 200"));
}

TEST_F(ServerTest, drain_closes_idle_connections_and_finishes_busy_ones) {
    start();
    RawSocket idle = connect();
    idle.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    idle.read_response();
    RawSocket busy = connect();
    busy.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_TRUE(eventually([&] { return seen_.requests == 2; }));
    server_->drain();
    EXPECT_TRUE(idle.is_closed_within(1s));
    EXPECT_FALSE(connect().is_open());
    on_held_thread([&] { seen_.held->respond({200, {}, "done"}); });
    const std::string answer = busy.read_to_end();
    EXPECT_NE(answer.find("connection: close"), std::string::npos);
    EXPECT_TRUE(answer.ends_with("done"));
    server_->stop();
    EXPECT_EQ(server_->connection_count(), 0u);
}

TEST_F(ServerTest, stop_tells_streams_and_pending_handlers) {
    start();
    RawSocket stream = connect();
    stream.send("GET /endless HTTP/1.1\r\nHost: h\r\n\r\n");
    stream.read_until("first");
    RawSocket held = connect();
    held.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_TRUE(eventually([&] { return seen_.requests == 2; }));
    server_->stop();
    EXPECT_EQ(seen_.sources_gone, 1);
    EXPECT_EQ(seen_.gone, 1);
    EXPECT_TRUE(held.is_closed_within(1s));
}

TEST_F(ServerTest, a_second_server_on_the_same_port_is_refused) {
    start();
    ServerOptions same;
    same.port = server_->port();
    Server second(threads_, std::move(same), [](auto) {});
    const auto refused = second.start();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::io_failed);
    EXPECT_NE(refused.error().detail.find("127.0.0.1:" + std::to_string(server_->port())), std::string::npos);
}

TEST_F(ServerTest, a_foreign_address_and_a_missing_certificate_are_told_with_their_names) {
    start();
    ServerOptions bad_host;
    bad_host.host = "203.0.113.1";
    Server elsewhere(threads_, std::move(bad_host), [](auto) {});
    const auto unbound = elsewhere.start();
    ASSERT_FALSE(unbound);
    EXPECT_NE(unbound.error().detail.find("203.0.113.1:0"), std::string::npos);

    ServerOptions with_tls;
    with_tls.tls = std::make_unique<ServerTls>(ServerTls{"/no/such/cert.pem", "/no/such/key.pem"});
    Server secure(threads_, std::move(with_tls), [](auto) {});
    const auto refused = secure.start();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().detail.find("/no/such/cert.pem"), std::string::npos);
}

TEST_F(ServerTest, many_clients_at_once_are_all_answered) {
    start();
    std::atomic<int> good = 0;
    std::vector<std::thread> clients;
    for (int t = 0; t < 4; ++t) {
        clients.emplace_back([&, t] {
            for (int i = 0; i < 25; ++i) {
                RawSocket socket = connect();
                const bool is_stream = (i + t) % 2 == 0;
                socket.send(is_stream ? "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n" : "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
                good += socket.read_response().ends_with(is_stream ? "0\r\n\r\n" : "later") ? 1 : 0;
            }
        });
    }
    for (auto& each : clients) {
        each.join();
    }
    EXPECT_EQ(good, 100);
}

}  // namespace
}  // namespace eco2::net
