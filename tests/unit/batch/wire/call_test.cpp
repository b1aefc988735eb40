#include "unit/batch/wire/wire_fixture.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace eco2::test {
namespace {

using namespace std::chrono_literals;
using batch::Transport;

class Call : public WireTest {};

const std::string kAnswer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nX-Request-ID: r1\r\n\r\nhello";
const std::string kChunked =
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=1\r\nllo\r\n0\r\nx-trailer: 1\r\n\r\n";

TEST_F(Call, a_post_brings_status_headers_and_body) {
    std::string seen;
    Peer peer([&](RawListener& listener) {
        RawSocket socket = listener.accept();
        seen = read_request(socket);
        socket.send(kAnswer);
    });
    const WireResult result = transport_->call(post(peer.url("/v1/batches?limit=1")), {});
    peer.join();
    EXPECT_EQ(result.end, End::answered) << result.detail;
    EXPECT_EQ(result.status, 200);
    EXPECT_EQ(result.body, "hello");
    EXPECT_EQ(result.detail, "");
    EXPECT_NE(
        std::find(result.headers.begin(), result.headers.end(), std::pair<std::string, std::string>("x-request-id", "r1")),
        result.headers.end());
    EXPECT_TRUE(seen.starts_with("POST /v1/batches?limit=1 HTTP/1.1\r\nhost: 127.0.0.1:" + std::to_string(peer.port()) +
                                 "\r\nconnection: close\r\n"))
        << seen;
    EXPECT_NE(seen.find("\r\naccept-encoding: identity\r\n"), std::string::npos);
    EXPECT_NE(seen.find("\r\nauthorization: Bearer sk-1\r\n"), std::string::npos);
    EXPECT_TRUE(seen.ends_with("content-length: 7\r\n\r\n{\"a\":1}")) << seen;
}

TEST_F(Call, a_response_cut_at_any_byte_is_broken_and_never_asked_for_again) {
    for (const std::string& answer : {kAnswer, kChunked}) {
        Peer peer([&](RawListener& listener) {
            for (std::size_t size = 0; size <= answer.size(); ++size) {
                RawSocket socket = listener.accept();
                read_request(socket);
                socket.send(std::string_view(answer).substr(0, size));
                size % 2 == 0 ? socket.close() : socket.shutdown_send();
            }
        });
        for (std::size_t size = 0; size <= answer.size(); ++size) {
            const WireResult result = transport_->call(post(peer.url()), {});
            EXPECT_EQ(result.end, size == answer.size() ? End::answered : End::broken) << size;
            EXPECT_EQ(result.detail.empty(), size == answer.size()) << size;
            EXPECT_FALSE(result.was_stopped);
        }
        peer.join();
        EXPECT_FALSE(peer.has_connection_within(50ms));
    }
}

TEST_F(Call, a_reset_is_broken_wherever_it_comes) {
    Peer peer([&](RawListener& listener) {
        for (std::size_t size = 0; size < kAnswer.size(); ++size) {
            RawSocket socket = listener.accept();
            read_request(socket);
            socket.send(std::string_view(kAnswer).substr(0, size));
            socket.reset();
        }
    });
    for (std::size_t size = 0; size < kAnswer.size(); ++size) {
        const WireResult result = transport_->call(post(peer.url()), {});
        EXPECT_EQ(result.end, End::broken) << size;
        EXPECT_NE(result.detail, "");
    }
    peer.join();
    EXPECT_FALSE(peer.has_connection_within(50ms));
}

TEST_F(Call, a_response_that_comes_byte_by_byte_is_whole) {
    for (const std::string& answer : {kAnswer, kChunked, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n\r\n" + kAnswer}) {
        Peer peer([&](RawListener& listener) {
            RawSocket socket = listener.accept();
            read_request(socket);
            for (const char byte : answer) {
                socket.send(std::string_view(&byte, 1));
                std::this_thread::sleep_for(100us);
            }
        });
        const WireResult result = transport_->call(get(peer.url()), {});
        EXPECT_EQ(result.end, End::answered) << result.detail;
        EXPECT_EQ(result.body, "hello");
    }
}

TEST_F(Call, without_a_length_the_end_of_the_connection_is_the_end_of_the_body) {
    Peer peer([&](RawListener& listener) {
        for (int turn = 0; turn < 2; ++turn) {
            RawSocket socket = listener.accept();
            read_request(socket);
            socket.send("HTTP/1.0 200 OK\r\nserver: old\r\n\r\nall of it");
            turn == 0 ? socket.close() : socket.reset();
        }
    });
    const WireResult result = transport_->call(get(peer.url()), {});
    EXPECT_EQ(result.end, End::answered) << result.detail;
    EXPECT_EQ(result.body, "all of it");
    EXPECT_EQ(transport_->call(get(peer.url()), {}).end, End::broken);  // a reset is no end
}

TEST_F(Call, what_is_no_http_is_broken) {
    const std::vector<std::string> answers = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: " + std::string(100'000, 'x') + "\r\n\r\n",
    };
    Peer peer([&](RawListener& listener) {
        for (const std::string& answer : answers) {
            RawSocket socket = listener.accept();
            read_request(socket);
            socket.send(answer);
            socket.read_to_end();
        }
    });
    for (const std::string& answer : answers) {
        const WireResult result = transport_->call(post(peer.url()), {});
        EXPECT_EQ(result.end, End::broken) << answer.substr(0, 100);
        EXPECT_NE(result.detail, "");
    }
}

TEST_F(Call, redirects_and_refusals_are_answers) {
    const std::vector<std::string> heads = {
        "301 Moved\r\nlocation: http://127.0.0.1:1/", "404 None", "429 Slow", "500 Oh", "503 No"};
    Peer peer([&](RawListener& listener) {
        for (const std::string& head : heads) {
            RawSocket socket = listener.accept();
            read_request(socket);
            socket.send("HTTP/1.1 " + head + "\r\ncontent-length: 2\r\n\r\n{}");
        }
    });
    for (const std::string& head : heads) {
        const WireResult result = transport_->call(post(peer.url()), {});
        EXPECT_EQ(result.end, End::answered) << result.detail;
        EXPECT_EQ(result.status, std::stoi(head));
        EXPECT_EQ(result.body, "{}");
    }
}

TEST_F(Call, a_keep_alive_peer_that_closes_gets_each_post_once_on_a_connection_of_its_own) {
    std::atomic<int> requests = 0;
    Peer peer([&](RawListener& listener) {
        for (int turn = 0; turn < 6; ++turn) {
            RawSocket socket = listener.accept();
            requests += read_request(socket).starts_with("POST") ? 1 : 0;
            if (turn % 2 == 0) {
                socket.send("HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n");
                EXPECT_TRUE(socket.is_closed_within(2s));  // not ours to close
            }                                              // else it reads the request and closes, as one that dies does
        }
    });
    for (int turn = 0; turn < 6; ++turn) {
        EXPECT_EQ(transport_->call(post(peer.url()), {}).end, turn % 2 == 0 ? End::answered : End::broken);
    }
    peer.join();
    EXPECT_EQ(requests, 6);
    EXPECT_FALSE(peer.has_connection_within(50ms));
}

TEST_F(Call, what_never_left_is_not_sent) {
    unsigned short closed_port = 0;
    {
        RawListener listener;
        closed_port = listener.port();
    }
    int asked = 0;
    Transport::Hooks hooks;
    hooks.may_send = [&asked] { return ++asked > 0; };
    for (const std::string& url : {"http://127.0.0.1:" + std::to_string(closed_port) + "/",
                                   std::string("http://no-such-host.invalid/"),
                                   std::string("ftp://127.0.0.1/"),
                                   std::string("http://user:pass@127.0.0.1/"),
                                   std::string("not a url")}) {
        const WireResult result = transport_->call(post(url), hooks);
        EXPECT_EQ(result.end, End::not_sent) << url;
        EXPECT_NE(result.detail, "");
        EXPECT_EQ(result.detail.find("pass"), std::string::npos);
    }
    EXPECT_EQ(asked, 0);
}

TEST_F(Call, may_send_is_asked_once_when_the_connection_stands_and_its_no_is_kept) {
    std::string seen = "?";
    std::atomic<bool> is_connected = false;
    Peer peer([&](RawListener& listener) {
        RawSocket socket = listener.accept();
        is_connected = true;
        seen = socket.read_to_end();
    });
    int asked = 0;
    Transport::Hooks hooks;
    hooks.may_send = [&] {
        ++asked;
        for (int wait = 0; wait < 500 && !is_connected; ++wait) {
            std::this_thread::sleep_for(10ms);
        }
        EXPECT_TRUE(is_connected);
        return false;
    };
    const WireResult result = transport_->call(post(peer.url()), hooks);
    peer.join();
    EXPECT_EQ(result.end, End::not_sent);
    EXPECT_TRUE(result.was_stopped);
    EXPECT_EQ(asked, 1);
    EXPECT_EQ(seen, "");
}

TEST_F(Call, a_stop_before_the_connection_is_not_sent_and_one_while_waiting_is_broken) {
    Peer peer([](RawListener& listener) {
        RawSocket socket = listener.accept();
        read_request(socket);
        EXPECT_TRUE(socket.is_closed_within(4s));
    });
    Transport::Hooks at_once;
    at_once.may_go_on = [](std::int64_t) { return false; };
    WireResult result = transport_->call(post("http://127.0.0.1:1/"), at_once);
    EXPECT_EQ(result.end, End::not_sent);
    EXPECT_TRUE(result.was_stopped);

    int asked = 0;
    Transport::Hooks later;
    later.may_go_on = [&](std::int64_t) { return ++asked < 5; };
    const auto began = std::chrono::steady_clock::now();
    result = transport_->call(post(peer.url()), later);
    EXPECT_EQ(result.end, End::broken);
    EXPECT_TRUE(result.was_stopped);
    EXPECT_LT(std::chrono::steady_clock::now() - began, 3500ms);  // three intervals of half a second
}

TEST_F(Call, a_silent_peer_and_one_that_drips_are_broken_in_time) {
    Options options = quick();
    options.idle_timeout = 300ms;
    options.call_time_max = 900ms;
    make(options);
    Peer peer([](RawListener& listener) {
        RawSocket silent = listener.accept();
        read_request(silent);
        EXPECT_TRUE(silent.is_closed_within(3s));
        RawSocket dripping = listener.accept();
        read_request(dripping);
        dripping.send("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
        while (dripping.send("x") && !dripping.is_closed_within(50ms)) {
        }
    });
    WireResult result = transport_->call(post(peer.url()), {});
    EXPECT_EQ(result.end, End::broken);
    EXPECT_EQ(result.detail, "no byte came or went for 0.3 s");
    result = transport_->call(post(peer.url()), {});
    EXPECT_EQ(result.end, End::broken);
    EXPECT_EQ(result.detail, "the call took longer than 0.9 s");
    EXPECT_EQ(result.status, 200);  // of what broke off
}

TEST_F(Call, a_connection_that_nobody_accepts_is_not_sent_in_time) {
    Options options = quick();
    options.connect_timeout = 400ms;
    make(options);
    // A full backlog swallows what else comes.
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    RawSocket owner(fd);
    ::listen(fd, 0);
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    const unsigned short port = ntohs(address.sin_port);
    const RawSocket first = RawSocket::connect(port);
    const auto began = std::chrono::steady_clock::now();
    const WireResult result = transport_->call(post("http://127.0.0.1:" + std::to_string(port) + "/"), {});
    EXPECT_EQ(result.end, End::not_sent) << result.detail;
    EXPECT_NE(result.detail.find("127.0.0.1:" + std::to_string(port)), std::string::npos) << result.detail;
    EXPECT_NE(result.detail.find("0.4 s"), std::string::npos) << result.detail;
    EXPECT_LT(std::chrono::steady_clock::now() - began, 2s);
}

TEST_F(Call, a_body_beyond_the_bound_is_broken_and_says_so) {
    Options options = quick();
    options.reply_bytes_max = 1000;
    make(options);
    Peer peer([](RawListener& listener) {
        for (const int size : {1000, 1001}) {
            RawSocket socket = listener.accept();
            read_request(socket);
            socket.send("HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(size) + "\r\n\r\n" +
                        std::string(static_cast<std::size_t>(size), 'x'));
        }
    });
    EXPECT_EQ(transport_->call(get(peer.url()), {}).body.size(), 1000U);
    const WireResult result = transport_->call(get(peer.url()), {});
    EXPECT_EQ(result.end, End::broken);
    EXPECT_EQ(result.detail, "the provider's answer is longer than 1000 bytes");
}

TEST_F(Call, a_request_that_would_break_the_head_open_is_not_sent) {
    BatchRequest request = post("http://127.0.0.1:1/");
    request.headers.emplace_back("x-a", "1\r\nx-b: secret");
    const WireResult result = transport_->call(request, {});
    EXPECT_EQ(result.end, End::not_sent);
    EXPECT_EQ(result.detail.find("secret"), std::string::npos);
}

TEST_F(Call, no_exception_of_a_hook_gets_out) {
    Peer peer([](RawListener& listener) { listener.accept().read_to_end(); });
    Transport::Hooks hooks;
    hooks.may_send = []() -> bool { throw std::runtime_error("bad hook"); };
    const WireResult result = transport_->call(post(peer.url()), hooks);
    EXPECT_EQ(result.end, End::not_sent);
    EXPECT_NE(result.detail.find("bad hook"), std::string::npos);
}

TEST(MakeTransport, faults_of_the_options_are_told_without_the_password) {
    batch::PocoTransport::Options options;
    options.https_proxy = "socks5://user:geheim@proxy:1080";
    auto made = batch::PocoTransport::make(options);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().detail.find("geheim"), std::string::npos);
    options.https_proxy.clear();
    options.ca_file = "/no/such/ca.pem";
    made = batch::PocoTransport::make(options);
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().detail.find("/no/such/ca.pem"), std::string::npos);
}

}  // namespace
}  // namespace eco2::test
