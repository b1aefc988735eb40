#include "net/client.hpp"
#include "net/server.hpp"
#include "support/raw_socket.hpp"
#include "unit/net/recorder.hpp"
#include "unit/net/test_certificates.hpp"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <poll.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

namespace eco2::net {
namespace {

using namespace std::chrono_literals;
using test::RawListener;
using test::RawSocket;
using test::Recorder;

class CountingSource final : public BodySource {
public:
    void set_waker(Waker* waker) override { waker_ = waker; }
    Pull pull(std::string& out) override {
        out += std::to_string(count_) + ";";
        waker_->wake();
        return ++count_ == 20 ? Pull::ended : Pull::more_later;
    }
    void on_quiet(std::string&) override {}
    void on_client_gone() noexcept override {}

private:
    Waker* waker_ = nullptr;
    int count_ = 0;
};

/// Our client against our server, both with TLS.
class TlsTest : public testing::Test {
protected:
    static IoThreads::Options one_thread() {
        IoThreads::Options options;
        options.io_threads = 1;
        return options;
    }

    void start(const std::string& certificate, ClientOptions client_options) {
        client_ = std::make_unique<HttpClient>(threads_, std::move(client_options));
        threads_.start();
        ServerOptions options;
        options.tls = std::make_unique<ServerTls>(ServerTls{certificate, certificates_.key()});
        server_ = std::make_unique<Server>(threads_, std::move(options), [](std::shared_ptr<ServerExchange> exchange) {
            if (exchange->request().path == "/stream") {
                exchange->stream({200, {}, ""}, std::make_unique<CountingSource>(), 1s);
            } else {
                exchange->respond({200, {}, exchange->request().body});
            }
        });
        const auto started = server_->start();
        ASSERT_TRUE(started) << started.error().text();
    }

    ClientOptions trusting(const std::string& ca) {
        ClientOptions options;
        options.ca_file = ca;
        return options;
    }

    void TearDown() override {
        server_->stop();
        threads_.stop();
        client_.reset();
    }

    HttpRequest request(const std::string& host = "localhost",
                        const std::string& path = "/",
                        std::string body = "hello") const {
        HttpRequest request;
        request.url = "https://" + host + ":" + std::to_string(server_->port()) + path;
        request.body = std::move(body);
        return request;
    }

    std::string outcome(HttpRequest asked, std::string* detail = nullptr) {
        Recorder seen(threads_, *client_);
        EXPECT_FALSE(seen.start(std::move(asked)));
        const std::string result = seen.wait();
        if (detail != nullptr) {
            *detail = seen.detail();
        }
        return result;
    }

    test::TestCertificates certificates_;
    IoThreads threads_{one_thread()};
    std::unique_ptr<Server> server_;
    std::unique_ptr<HttpClient> client_;
};

TEST_F(TlsTest, a_good_chain_serves_replies_and_streams_over_one_connection) {
    start(certificates_.good(), trusting(certificates_.ca()));
    for (const char* host : {"localhost", "127.0.0.1"}) {
        Recorder plain(threads_, *client_);
        EXPECT_FALSE(plain.start(request(host)));
        EXPECT_EQ(plain.wait(), "ok") << plain.detail();
        EXPECT_EQ(plain.body(), "hello");
        Recorder stream(threads_, *client_);
        EXPECT_FALSE(stream.start(request(host, "/stream")));
        EXPECT_EQ(stream.wait(), "ok");
        EXPECT_TRUE(stream.body().ends_with("18;19;"));
    }
    EXPECT_EQ(client_->stats().connections_opened, 2u);
    EXPECT_EQ(client_->stats().connections_reused, 2u);
}

TEST_F(TlsTest, large_bodies_pass_both_ways) {
    start(certificates_.good(), trusting(certificates_.ca()));
    const std::string body(1024 * 1024, 'z');
    Recorder seen(threads_, *client_);
    EXPECT_FALSE(seen.start(request("localhost", "/", body)));
    EXPECT_EQ(seen.wait(), "ok") << seen.detail();
    EXPECT_TRUE(seen.body() == body);
}

TEST_F(TlsTest, a_certificate_for_another_name_is_refused) {
    start(certificates_.wrong_name(), trusting(certificates_.ca()));
    std::string detail;
    EXPECT_EQ(outcome(request("localhost"), &detail), "PROVIDER_TLS");
    EXPECT_NE(detail.find("ostname mismatch"), std::string::npos) << detail;
    EXPECT_EQ(outcome(request("127.0.0.1")), "PROVIDER_TLS");
}

TEST_F(TlsTest, an_unknown_ca_is_refused) {
    start(certificates_.good(), trusting(certificates_.other_ca()));
    EXPECT_EQ(outcome(request()), "PROVIDER_TLS");
}

TEST_F(TlsTest, an_own_ca_is_not_among_the_systems) {
    start(certificates_.good(), ClientOptions());
    EXPECT_EQ(outcome(request()), "PROVIDER_TLS");
}

TEST_F(TlsTest, an_expired_certificate_is_refused) {
    start(certificates_.expired(), trusting(certificates_.ca()));
    std::string detail;
    EXPECT_EQ(outcome(request(), &detail), "PROVIDER_TLS");
    EXPECT_NE(detail.find("expired"), std::string::npos) << detail;
}

TEST_F(TlsTest, a_missing_ca_file_is_told_by_name) {
    start(certificates_.good(), trusting("/no/such/ca.pem"));
    std::string detail;
    EXPECT_EQ(outcome(request(), &detail), "PROVIDER_TLS");
    EXPECT_NE(detail.find("/no/such/ca.pem"), std::string::npos) << detail;
}

TEST_F(TlsTest, a_peer_that_speaks_no_tls_or_hangs_up_is_told_apart) {
    start(certificates_.good(), trusting(certificates_.ca()));
    RawListener peer;
    for (const auto& [answer, expected] :
         {std::pair{"HTTP/1.1 400 Bad Request\r\n\r\n", "PROVIDER_TLS"}, {"", "PROVIDER_UNREACHABLE"}}) {
        Recorder seen(threads_, *client_);
        HttpRequest asked;
        asked.url = "https://127.0.0.1:" + std::to_string(peer.port());
        EXPECT_FALSE(seen.start(std::move(asked)));
        RawSocket socket = peer.accept();
        socket.read_some();
        socket.send(answer);
        socket.shutdown_send();
        EXPECT_EQ(seen.wait(), expected);
    }
}

TEST_F(TlsTest, plain_bytes_to_a_tls_server_are_cut_off) {
    start(certificates_.good(), trusting(certificates_.ca()));
    RawSocket socket = RawSocket::connect(server_->port());
    socket.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(socket.is_closed_within(2s));
}

/// Passes bytes between a proxy's client and the server that its CONNECT names by port.
void serve_one_tunnel(RawListener& listener, unsigned short target, std::string& head) {
    RawSocket client = listener.accept();
    head = client.read_until("\r\n\r\n");
    RawSocket server = RawSocket::connect(target);
    client.send("HTTP/1.1 200 Connection Established\r\n\r\n");
    while (true) {
        pollfd fds[2] = {{client.fd(), POLLIN, 0}, {server.fd(), POLLIN, 0}};
        if (::poll(fds, 2, 5000) <= 0) {
            return;
        }
        for (int i = 0; i < 2; ++i) {
            if (fds[i].revents == 0) {
                continue;
            }
            const std::string bytes = (i == 0 ? client : server).read_some();
            if (bytes.empty() || !(i == 0 ? server : client).send(bytes)) {
                return;
            }
        }
    }
}

TEST_F(TlsTest, tls_goes_through_a_proxys_tunnel) {
    RawListener proxy;
    ClientOptions options = trusting(certificates_.ca());
    options.https_proxy = "http://user:pass@127.0.0.1:" + std::to_string(proxy.port());
    start(certificates_.wrong_name(), std::move(options));
    std::string head;
    std::thread tunnel([&] { serve_one_tunnel(proxy, server_->port(), head); });
    {
        Recorder seen(threads_, *client_);
        HttpRequest asked;
        asked.url = "https://elsewhere.example/";
        asked.body = "through";
        EXPECT_FALSE(seen.start(std::move(asked)));
        EXPECT_EQ(seen.wait(), "ok") << seen.detail();
        EXPECT_EQ(seen.body(), "through");
    }
    server_->stop();
    tunnel.join();
    EXPECT_TRUE(head.starts_with("CONNECT elsewhere.example:443 HTTP/1.1\r\n")) << head;
    EXPECT_NE(head.find("proxy-authorization: Basic dXNlcjpwYXNz\r\n"), std::string::npos);
}

TEST_F(TlsTest, the_second_connection_resumes_the_first_ones_session) {
    start(certificates_.good(), trusting(certificates_.ca()));
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
    ASSERT_EQ(SSL_CTX_use_certificate_chain_file(context.get(), certificates_.good().c_str()), 1);
    ASSERT_EQ(SSL_CTX_use_PrivateKey_file(context.get(), certificates_.key().c_str(), SSL_FILETYPE_PEM), 1);
    RawListener peer;
    for (const int is_resumed : {0, 1}) {
        Recorder seen(threads_, *client_);
        HttpRequest asked;
        asked.url = "https://127.0.0.1:" + std::to_string(peer.port());
        EXPECT_FALSE(seen.start(std::move(asked)));
        RawSocket socket = peer.accept();
        const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), &SSL_free);
        SSL_set_fd(ssl.get(), socket.fd());
        ASSERT_EQ(SSL_accept(ssl.get()), 1);
        EXPECT_EQ(SSL_session_reused(ssl.get()), is_resumed);
        char buffer[1024];
        EXPECT_GT(SSL_read(ssl.get(), buffer, sizeof buffer), 0);
        // Without its close_notify an answer that ends with the connection may have been cut off by anyone.
        const std::string_view answer = "HTTP/1.1 200 OK\r\n\r\nall of it";
        SSL_write(ssl.get(), answer.data(), static_cast<int>(answer.size()));
        if (is_resumed == 0) {
            SSL_shutdown(ssl.get());
        }
        socket.shutdown_send();
        EXPECT_EQ(seen.wait(), is_resumed == 0 ? "ok" : "PROVIDER_RESET");
    }
}

}  // namespace
}  // namespace eco2::net
