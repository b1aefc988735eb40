#include "e2e/programs.hpp"
#include "support/raw_socket.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace eco2::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

class BadClients : public Programs {
protected:
    void SetUp() override {
        environment["OPENAI_BASE_URL"] = "http://127.0.0.1:1/v1";
        start_serve();
    }

    /// Sends the bytes and no more; what comes back until the server closes.
    Reply answer_to(std::string_view bytes) const {
        auto socket = RawSocket::connect(serve_port_);
        socket.send(bytes);
        return parse_reply(socket.read_to_end());
    }
    static std::string post_head(std::string_view headers) {
        return "POST " + std::string(kScanPath) + " HTTP/1.1\r\nHost: h\r\n" + std::string(headers) + "\r\n\r\n";
    }
    std::chrono::milliseconds time_of_health() const {
        const auto start = steady_clock::now();
        EXPECT_EQ(get("/health").status, 200);
        return std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - start);
    }
};

TEST_F(BadClients, a_head_that_never_ends_is_answered_408_after_its_time) {
    auto socket = RawSocket::connect(serve_port_);
    const auto start = steady_clock::now();
    std::string answer;
    socket.send("GET /health HTTP/1.1\r\nx-slow: ");
    // A byte now and then buys no time.
    while (answer.empty() && steady_clock::now() - start < 12s) {
        socket.send("a");
        answer = socket.read_some_within(500ms);
    }
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 ")) << answer;
    EXPECT_NE(answer.find("REQUEST_TIMEOUT"), std::string::npos) << answer;
    EXPECT_GT(steady_clock::now() - start, 8s);
}

TEST_F(BadClients, what_passes_a_limit_is_refused_before_it_has_come) {
    const auto start = steady_clock::now();
    struct Case {
        std::string bytes;
        int status;
        std::string_view code;
    };
    const auto huge = std::to_string(1ULL << 40U);
    for (const auto& [bytes, status, code] : std::initializer_list<Case>{
             {post_head("Content-Length: 99999999"), 413, "BODY_TOO_LARGE"},
             {post_head("Content-Length: " + huge), 413, "BODY_TOO_LARGE"},
             {post_head("Transfer-Encoding: chunked") + "7fffffff\r\n", 413, "BODY_TOO_LARGE"},
             {"GET /health HTTP/1.1\r\nHost: h\r\nx-big: " + std::string(20'000, 'a'), 431, "HEADER_TOO_LARGE"},
             {"GET /" + std::string(20'000, 'a'), 431, "HEADER_TOO_LARGE"},
         }) {
        const auto reply = answer_to(bytes);
        EXPECT_EQ(reply.status, status) << bytes.substr(0, 120) << "\n" << reply.body;
        EXPECT_NE(reply.body.find(code), std::string::npos) << reply.body;
    }
    std::string flood = "GET /health HTTP/1.1\r\nHost: h\r\n";
    for (int i = 0; i < 2'000; ++i) {
        flood += "x-" + std::to_string(i) + ": 0123456789\r\n";
    }
    EXPECT_EQ(answer_to(flood).status, 431);
    EXPECT_LT(steady_clock::now() - start, 4s) << "refused at once, not after a time-out";
    EXPECT_EQ(get("/health").status, 200);
}

TEST_F(BadClients, lies_about_the_length_are_answered_400) {
    for (const auto& bytes : {
             post_head("Transfer-Encoding: chunked") + "zz\r\n",
             post_head("Transfer-Encoding: chunked") + "-1\r\n\r\n",
             post_head("Transfer-Encoding: chunked") + "2\r\n{}}\r\n0\r\n\r\n",
             post_head("Transfer-Encoding: chunked\r\nContent-Length: 2") + "2\r\n{}\r\n0\r\n\r\n",
             post_head("Content-Length: 2\r\nContent-Length: 3") + "{}",
             post_head("Content-Length: -2") + "{}",
             post_head("Transfer-Encoding: chunked, chunked") + "0\r\n\r\n",
             std::string("\x16\x03\x01\x02\x05\x01\x00", 7) + "\r\n\r\n",
         }) {
        const auto reply = answer_to(bytes);
        EXPECT_EQ(reply.status, 400) << bytes << "\n" << reply.head;
        EXPECT_NE(reply.body.find("BAD_REQUEST"), std::string::npos) << reply.body;
    }
    EXPECT_EQ(get("/health").status, 200);
}

TEST_F(BadClients, two_hundred_who_never_finish_hold_up_nobody) {
    std::vector<RawSocket> silent;
    for (int i = 0; i < 200; ++i) {
        silent.push_back(RawSocket::connect(serve_port_));
        ASSERT_TRUE(silent.back().is_open()) << i;
        constexpr std::string_view kBegun[] = {"", "GET /hea", "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n{\"im"};
        silent.back().send(kBegun[i % 3]);
    }
    std::vector<std::chrono::milliseconds> times;
    for (int i = 0; i < 5; ++i) {
        times.push_back(time_of_health());
    }
    EXPECT_LT(*std::min_element(times.begin(), times.end()), 100ms);
}

}  // namespace
}  // namespace eco2::test
