#include "unit/batch/wire/wire_fixture.hpp"
#include "unit/net/test_certificates.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <sys/socket.h>

#include <signal.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <optional>
#include <vector>

namespace eco2::test {
namespace {

using namespace std::chrono_literals;
using batch::Transport;
using Poco::Net::Context;
using Poco::Net::SecureStreamSocket;

/// The accepting end of TLS over a raw socket.
class TlsEnd {
public:
    TlsEnd(RawSocket socket, const Context::Ptr& context) : fd_(::dup(socket.fd())) {
        try {
            Poco::Net::StreamSocket plain(new Poco::Net::StreamSocketImpl(::dup(socket.fd())));
            plain.setReceiveTimeout(Poco::Timespan(5, 0));
            plain.setSendTimeout(Poco::Timespan(5, 0));
            secure_ = SecureStreamSocket::attach(plain, context);
            is_open_ = secure_->completeHandshake() == 1;
        } catch (const Poco::Exception&) {
        }
    }
    ~TlsEnd() { ::close(fd_); }
    TlsEnd(const TlsEnd&) = delete;
    TlsEnd& operator=(const TlsEnd&) = delete;

    bool is_open() const noexcept { return is_open_; }
    std::string read_some() {
        std::array<char, 16384> buffer{};
        try {
            const int size = secure_->receiveBytes(buffer.data(), static_cast<int>(buffer.size()));
            return {buffer.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
        } catch (const Poco::Exception&) {
            return {};
        }
    }
    std::string read_until_end_with(const std::string& mark) {
        std::string all;
        for (std::string some = " "; !some.empty() && !all.ends_with(mark);) {
            some = read_some();
            all += some;
        }
        return all;
    }
    void send(std::string_view bytes) {
        try {
            if (!bytes.empty()) {
                secure_->sendBytes(bytes.data(), static_cast<int>(bytes.size()));
            }
        } catch (const Poco::Exception&) {
        }
    }
    // The connection ends as by a proxy or an attacker: without TLS's own end.
    void cut() { ::shutdown(fd_, SHUT_RDWR); }

private:
    int fd_;
    std::optional<SecureStreamSocket> secure_;
    bool is_open_ = false;
};

class Tls : public WireTest {
protected:
    void SetUp() override { trust(certificates_.ca()); }

    void trust(const std::string& ca_file, const std::string& proxy = "", const std::string& no_proxy = "") {
        Options options = quick();
        options.ca_file = ca_file;
        options.https_proxy = proxy;
        options.no_proxy = no_proxy;
        make(options);
    }
    Context::Ptr server(const std::string& certificate) {
        return new Context(Context::TLS_SERVER_USE, certificates_.key(), certificate, "", Context::VERIFY_NONE);
    }
    static std::string secure_url(const Peer& peer, const std::string& host = "localhost") {
        return "https://" + host + ":" + std::to_string(peer.port()) + "/v1/x";
    }

    TestCertificates certificates_;
};

const std::string kAnswer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

TEST_F(Tls, a_name_and_an_address_of_the_certificate_are_answered) {
    for (const std::string host : {"localhost", "127.0.0.1"}) {
        std::string seen;
        Peer peer([&](RawListener& listener) {
            TlsEnd end(listener.accept(), server(certificates_.good()));
            seen = end.read_until_end_with("{\"a\":1}");
            end.send(kAnswer);
        });
        const WireResult result = transport_->call(post(secure_url(peer, host)), {});
        peer.join();
        EXPECT_EQ(result.end, End::answered) << result.detail;
        EXPECT_EQ(result.body, "hello");
        EXPECT_NE(seen.find("host: " + host + ":"), std::string::npos);
    }
}

TEST_F(Tls, a_certificate_that_cannot_be_trusted_is_not_sent_to) {
    struct Case {
        std::string certificate;
        std::string ca;
        std::string host;
    };
    for (const Case& each : {Case{certificates_.wrong_name(), certificates_.ca(), "localhost"},
                             Case{certificates_.wrong_name(), certificates_.ca(), "127.0.0.1"},
                             Case{certificates_.expired(), certificates_.ca(), "localhost"},
                             Case{certificates_.good(), certificates_.other_ca(), "localhost"},
                             Case{certificates_.good(), "", "localhost"}}) {
        trust(each.ca);
        std::string seen;
        Peer peer([&](RawListener& listener) {
            TlsEnd end(listener.accept(), server(each.certificate));
            seen = end.is_open() ? end.read_some() : "";
        });
        int asked = 0;
        Transport::Hooks hooks;
        hooks.may_send = [&asked] { return ++asked > 0; };
        const WireResult result = transport_->call(post(secure_url(peer, each.host)), hooks);
        peer.join();
        EXPECT_EQ(result.end, End::not_sent) << each.certificate;
        EXPECT_NE(result.detail.find("check the CA file and the host name"), std::string::npos) << result.detail;
        EXPECT_EQ(asked, 0);
        EXPECT_EQ(seen, "");
    }
}

TEST_F(Tls, old_protocols_and_no_protocol_are_not_sent_to) {
    Peer old([&](RawListener& listener) {
        Context::Ptr context = server(certificates_.good());
        context->disableProtocols(Context::PROTO_TLSV1_2 | Context::PROTO_TLSV1_3);
        TlsEnd end(listener.accept(), context);
        EXPECT_FALSE(end.is_open());
    });
    EXPECT_EQ(transport_->call(post(secure_url(old)), {}).end, End::not_sent);
    Peer plain([&](RawListener& listener) {
        RawSocket socket = listener.accept();
        socket.read_some();
        socket.send("HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n");
    });
    EXPECT_EQ(transport_->call(post(secure_url(plain)), {}).end, End::not_sent);
    Peer closing([&](RawListener& listener) { listener.accept().read_some(); });
    EXPECT_EQ(transport_->call(post(secure_url(closing)), {}).end, End::not_sent);
}

TEST_F(Tls, a_handshake_that_hangs_is_not_sent_in_time) {
    Options options = quick();
    options.ca_file = certificates_.ca();
    options.connect_timeout = 700ms;
    make(options);
    Peer peer([&](RawListener& listener) {
        RawSocket socket = listener.accept();
        EXPECT_TRUE(socket.is_closed_within(3s));
    });
    const WireResult result = transport_->call(post(secure_url(peer)), {});
    EXPECT_EQ(result.end, End::not_sent);
    EXPECT_NE(result.detail.find("took longer than 0.7 s"), std::string::npos) << result.detail;
}

TEST_F(Tls, a_response_cut_at_any_byte_is_broken_with_and_without_the_end_of_tls) {
    for (std::size_t size = 0; size <= kAnswer.size(); size += size + 4 < kAnswer.size() ? 3 : 1) {
        for (const bool is_cut : {false, true}) {
            Peer peer([&](RawListener& listener) {
                TlsEnd end(listener.accept(), server(certificates_.good()));
                end.read_until_end_with("{\"a\":1}");
                end.send(std::string_view(kAnswer).substr(0, size));
                is_cut ? end.cut() : void();
            });
            const WireResult result = transport_->call(post(secure_url(peer)), {});
            EXPECT_EQ(result.end, size == kAnswer.size() ? End::answered : End::broken) << size << result.detail;
        }
    }
}

TEST_F(Tls, without_a_length_only_the_end_of_tls_is_the_end_of_the_body) {
    for (const bool is_cut : {false, true}) {
        Peer peer([&](RawListener& listener) {
            TlsEnd end(listener.accept(), server(certificates_.good()));
            end.read_until_end_with("{\"a\":1}");
            end.send("HTTP/1.1 200 OK\r\n\r\nhello");
            is_cut ? end.cut() : void();
        });
        EXPECT_EQ(transport_->call(post(secure_url(peer)), {}).end, is_cut ? End::broken : End::answered);
    }
}

TEST_F(Tls, a_file_goes_up_and_comes_back_unchanged) {
    const std::string text = numbered(3'000'000);
    const std::string path = folder_.file("lines.jsonl");
    write_file(path, text);
    std::string seen;
    Peer peer([&](RawListener& listener) {
        {
            TlsEnd end(listener.accept(), server(certificates_.good()));
            std::this_thread::sleep_for(200ms);  // until the sender has to wait
            seen = end.read_until_end_with("--TAIL--");
            end.send(kAnswer);
        }
        TlsEnd end(listener.accept(), server(certificates_.good()));
        end.read_until_end_with("\r\n\r\n");
        end.send("HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n");
        end.send(text);
        end.read_some();
    });
    BatchRequest request = post(secure_url(peer), "--HEAD--");
    request.body_end = "--TAIL--";
    WireResult result = transport_->upload(request, path, {});
    EXPECT_EQ(result.end, End::answered) << result.detail;
    EXPECT_TRUE(seen.ends_with("\r\n\r\n--HEAD--" + text + "--TAIL--"));
    const std::string back = folder_.file("back.jsonl");
    result = transport_->download(get(secure_url(peer)), back, {});
    EXPECT_EQ(result.end, End::answered) << result.detail;
    EXPECT_EQ(text_of(back), text);
}

TEST_F(Tls, an_early_refusal_is_answered_and_no_signal_ends_the_process) {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigset_t before;
    ::pthread_sigmask(SIG_BLOCK, &pipe, &before);  // as Poco does in the main thread; the peers' threads keep it so
    sigset_t now;
    const std::string path = folder_.file("lines.jsonl");
    write_zeros(path, 20'000'000);
    for (int turn = 0; turn < 5; ++turn) {
        Peer peer([&](RawListener& listener) {
            TlsEnd end(listener.accept(), server(certificates_.good()));
            end.read_some();
            end.send("HTTP/1.1 413 Too Large\r\ncontent-length: 9\r\n\r\ntoo large");
        });
        Peer dying([&](RawListener& listener) {
            TlsEnd end(listener.accept(), server(certificates_.good()));
            end.read_some();
            end.cut();
        });
        ::pthread_sigmask(SIG_UNBLOCK, &pipe, nullptr);
        WireResult result = transport_->upload(post(secure_url(peer)), path, {});
        EXPECT_EQ(result.end, End::answered) << result.detail;
        EXPECT_EQ(result.status, 413);
        result = transport_->upload(post(secure_url(dying)), path, {});
        EXPECT_EQ(result.end, End::broken);
        ::pthread_sigmask(SIG_BLOCK, &pipe, &now);
        EXPECT_EQ(sigismember(&now, SIGPIPE), 0);  // as the caller had it
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_F(Tls, signals_that_end_its_waits_neither_end_nor_hang_an_exchange) {
    Peer peer([&](RawListener& listener) {
        TlsEnd end(listener.accept(), server(certificates_.good()));
        end.read_until_end_with("{\"a\":1}");
        std::this_thread::sleep_for(700ms);
        end.cut();
    });
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = [](int) {};  // no SA_RESTART: poll ends with EINTR
    ::sigaction(SIGUSR1, &action, &before);
    const pthread_t self = ::pthread_self();
    std::thread nuisance([self] {
        for (int turn = 0; turn < 100; ++turn) {
            std::this_thread::sleep_for(10ms);
            ::pthread_kill(self, SIGUSR1);
        }
    });
    const WireResult result = transport_->call(post(secure_url(peer)), {});
    nuisance.join();
    ::sigaction(SIGUSR1, &before, nullptr);
    EXPECT_EQ(result.end, End::broken);
}

TEST_F(Tls, a_proxy_is_asked_to_connect_and_learns_nothing_else) {
    std::string asked;
    std::string seen;
    Peer proxy([&](RawListener& listener) {
        RawSocket socket = listener.accept();
        asked = socket.read_until("\r\n\r\n");
        socket.send("HTTP/1.1 200 Connection established\r\nvia: x\r\n\r\n");
        TlsEnd end(std::move(socket), server(certificates_.wrong_name()));  // of elsewhere.example
        seen = end.read_until_end_with("{\"a\":1}");
        end.send(kAnswer);
    });
    trust(certificates_.ca(), "http://us%40er:p%3Aw@127.0.0.1:" + std::to_string(proxy.port()));
    const WireResult result = transport_->call(post("https://elsewhere.example/v1/files"), {});
    proxy.join();
    EXPECT_EQ(result.end, End::answered) << result.detail;
    EXPECT_EQ(asked,
              "CONNECT elsewhere.example:443 HTTP/1.1\r\nhost: elsewhere.example:443\r\n"
              "proxy-authorization: Basic dXNAZXI6cDp3\r\n\r\n");
    EXPECT_TRUE(seen.starts_with("POST /v1/files HTTP/1.1\r\nhost: elsewhere.example\r\n")) << seen;
    EXPECT_EQ(seen.find("proxy-authorization"), std::string::npos);
}

TEST_F(Tls, a_proxy_that_refuses_or_fails_is_not_sent) {
    const std::vector<std::string> answers = {"HTTP/1.1 407 Who\r\ncontent-length: 0\r\n\r\n",
                                              "HTTP/1.1 502 Bad\r\n\r\n",
                                              "HTTP/1.1 200 OK\r\n",
                                              "",
                                              "HTTP/1.1 200 OK\r\n\r\nbytes of its own",
                                              "SOCKS?\r\n\r\n",
                                              std::string(10'000, 'x')};
    Peer proxy([&](RawListener& listener) {
        for (const std::string& answer : answers) {
            RawSocket socket = listener.accept();
            socket.read_until("\r\n\r\n");
            socket.send(answer);
        }
    });
    trust(certificates_.ca(), "http://user:geheim@127.0.0.1:" + std::to_string(proxy.port()));
    for (const std::string& answer : answers) {
        const WireResult result = transport_->call(post("https://elsewhere.example/"), {});
        EXPECT_EQ(result.end, End::not_sent) << answer;
        EXPECT_NE(result.detail.find("the proxy 127.0.0.1:"), std::string::npos) << result.detail;
        EXPECT_EQ(result.detail.find("geheim"), std::string::npos);
    }
}

TEST_F(Tls, plain_requests_are_forwarded_and_no_proxy_and_loopback_go_straight) {
    std::string seen;
    Peer proxy([&](RawListener& listener) {
        RawSocket socket = listener.accept();
        seen = read_request(socket);
        socket.send(kAnswer);
    });
    const std::string address = "http://u:p@127.0.0.1:" + std::to_string(proxy.port());
    trust(certificates_.ca(), address);
    EXPECT_EQ(transport_->call(post("http://elsewhere.example:8080/v1?x=1"), {}).end, End::answered);
    proxy.join();
    EXPECT_TRUE(seen.starts_with("POST http://elsewhere.example:8080/v1?x=1 HTTP/1.1\r\nhost: elsewhere.example:8080\r\n"));
    EXPECT_NE(seen.find("proxy-authorization: Basic dTpw\r\n"), std::string::npos);

    trust(certificates_.ca(), address, ".invalid");
    EXPECT_NE(transport_->call(post("https://no-such.invalid/"), {}).detail.find("cannot find the address"), std::string::npos);
    Peer local([&](RawListener& listener) {
        TlsEnd end(listener.accept(), server(certificates_.good()));
        end.read_until_end_with("{\"a\":1}");
        end.send(kAnswer);
    });
    EXPECT_EQ(transport_->call(post(secure_url(local)), {}).end, End::answered);
    EXPECT_FALSE(proxy.has_connection_within(50ms));
}

}  // namespace
}  // namespace eco2::test
