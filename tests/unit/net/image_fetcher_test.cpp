#include "net/image_fetcher.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace eco2::net {
namespace {

using namespace std::chrono_literals;

/// The client as the test plays it: it keeps the requests and tells what the test wants told.
class ScriptedClient final : public HttpClientDoor {
public:
    Result<std::unique_ptr<HttpCall>> start(HttpRequest request, HttpObserver& observer) override {
        if (is_full) {
            return fail(Errc::limit_exceeded);
        }
        requests.push_back(std::move(request));
        observer_ = &observer;
        ++open;
        return std::unique_ptr<HttpCall>(std::make_unique<Call>(*this, requests.size()));
    }

    void head(int status, std::vector<HttpHeader> headers = {}) { observer_->on_head(status, headers); }
    void body(std::string_view chunk) { observer_->on_body(chunk); }
    void end() { observer_->on_done(nullptr); }
    void break_off(Errc code) {
        const Error error = fail(code, "10.0.0.7:22 refused");
        observer_->on_done(&error);
    }

    std::vector<HttpRequest> requests;
    bool is_full = false;
    int open = 0;

private:
    class Call final : public HttpCall {
    public:
        Call(ScriptedClient& client, std::size_t number) : client_(client), number_(number) {}
        ~Call() override {
            --client_.open;
            if (number_ == client_.requests.size()) {
                client_.observer_ = nullptr;
            }
        }
        void resume() override {}
        void cancel() override {}

    private:
        ScriptedClient& client_;
        std::size_t number_;
    };

    HttpObserver* observer_ = nullptr;
};

class FixedClock final : public Clock {
public:
    Monotonic now() const noexcept override { return Monotonic(100s); }
    std::int64_t wall_ns() const noexcept override { return 0; }
};

class ImageFetcherTest : public testing::Test {
protected:
    void fetch(std::string_view url = "https://a.example/x/1.jpg", Clock::Monotonic deadline = Clock::Monotonic::max()) {
        auto started = fetcher_.fetch(url, deadline, [this](Result<std::string> result) {
            fetch_.reset();  // as a caller may
            ++told_;
            outcome_ = result ? *result : std::string(result.error().name());
            detail_ = result ? "" : result.error().detail;
        });
        if (started) {
            fetch_ = std::move(*started);
        } else {
            outcome_ = started.error().name();
        }
    }
    void redirect(std::string_view to) { client_.head(302, {{"location", to}}); }

    ScriptedClient client_;
    FixedClock clock_;
    ImageFetcher fetcher_{{.rules = {}, .bytes_max = 10, .time_max = 5s}, client_, clock_};
    std::unique_ptr<ImageFetcher::Fetch> fetch_;
    std::string outcome_ = "nothing";
    std::string detail_;
    int told_ = 0;
};

TEST_F(ImageFetcherTest, asks_plainly_for_public_addresses_and_hands_the_bytes_over) {
    fetch();
    ASSERT_EQ(client_.requests.size(), 1u);
    const auto& request = client_.requests[0];
    EXPECT_EQ(request.method, "GET");
    EXPECT_EQ(request.url, "https://a.example/x/1.jpg");
    EXPECT_TRUE(request.is_public_only);
    EXPECT_EQ(request.deadline, Clock::Monotonic(105s));
    ASSERT_EQ(request.headers.size(), 1u);
    EXPECT_EQ(request.headers[0].first, "accept");
    client_.head(200, {{"content-length", "6"}, {"content-type", "text/html"}});
    client_.body("abc");
    client_.body("def");
    EXPECT_EQ(told_, 0);
    client_.end();
    EXPECT_EQ(outcome_, "abcdef");
    EXPECT_EQ(told_, 1);
    EXPECT_EQ(client_.open, 0);
}

TEST_F(ImageFetcherTest, the_nearer_deadline_counts) {
    fetch("https://a.example/", Clock::Monotonic(101s));
    EXPECT_EQ(client_.requests[0].deadline, Clock::Monotonic(101s));
}

TEST_F(ImageFetcherTest, a_url_against_the_rules_is_never_asked) {
    fetch("https://127.0.0.1/");
    EXPECT_EQ(outcome_, "SSRF_BLOCKED");
    EXPECT_TRUE(client_.requests.empty());
}

TEST_F(ImageFetcherTest, a_full_client_is_told_at_once) {
    client_.is_full = true;
    fetch();
    EXPECT_EQ(outcome_, fail(Errc::limit_exceeded).name());
}

TEST_F(ImageFetcherTest, redirects_are_followed_thrice_and_judged_each_time) {
    fetch();
    redirect("/y/2.jpg");
    redirect("../z.jpg");
    redirect("https://b.example/3.jpg#f");
    ASSERT_EQ(client_.requests.size(), 4u);
    EXPECT_EQ(client_.requests[1].url, "https://a.example/y/2.jpg");
    EXPECT_EQ(client_.requests[2].url, "https://a.example/z.jpg");
    EXPECT_EQ(client_.requests[3].url, "https://b.example/3.jpg");
    EXPECT_TRUE(client_.requests[3].is_public_only);
    EXPECT_EQ(client_.requests[3].deadline, client_.requests[0].deadline) << "one time for all";
    EXPECT_EQ(client_.open, 1);
    redirect("/4.jpg");
    EXPECT_EQ(outcome_, "IMAGE_UNREACHABLE");
    EXPECT_EQ(client_.open, 0);
}

TEST_F(ImageFetcherTest, a_redirect_against_the_rules_ends_it) {
    outcome_ = "nothing";
    struct Case {
        const char* to;
        const char* outcome;
    };
    for (const auto& [to, outcome] : {Case{"https://169.254.169.254/latest", "SSRF_BLOCKED"},
                                      Case{"//localhost/", "SSRF_BLOCKED"},
                                      Case{"https://[::ffff:10.0.0.1]/", "SSRF_BLOCKED"},
                                      Case{"http://a.example/", "HTTPS_REQUIRED"},
                                      Case{"file:///etc/passwd", "IMAGE_UNREACHABLE"},
                                      Case{"https://me:secret@a.example/", "VALIDATION_ERROR"},
                                      Case{"", "IMAGE_UNREACHABLE"},
                                      Case{"ht tp://x", "IMAGE_UNREACHABLE"}}) {
        fetch();
        const auto before = client_.requests.size();
        redirect(to);
        EXPECT_NE(outcome_, "nothing") << to;
        if (std::string_view(to).starts_with("file")) {
            EXPECT_TRUE(outcome_ == "VALIDATION_ERROR" || outcome_ == "HTTPS_REQUIRED" || outcome_ == outcome) << outcome_;
        } else {
            EXPECT_EQ(outcome_, outcome) << to;
        }
        EXPECT_EQ(client_.requests.size(), before) << to;
    }
}

TEST_F(ImageFetcherTest, too_many_bytes_are_found_told_or_untold) {
    fetch();
    client_.head(200, {{"content-length", "11"}});
    EXPECT_EQ(outcome_, "IMAGE_TOO_LARGE");
    fetch();
    client_.head(200, {{"content-length", "1"}});
    client_.body("0123456789");
    EXPECT_EQ(told_, 1);
    client_.body("x");
    EXPECT_EQ(told_, 2);
    EXPECT_EQ(outcome_, "IMAGE_TOO_LARGE");
    EXPECT_EQ(client_.open, 0);
}

TEST_F(ImageFetcherTest, only_200_brings_a_photo) {
    for (const int status : {201, 204, 206, 300, 304, 401, 404, 500}) {
        fetch();
        client_.head(status, {{"location", "/x"}});
        EXPECT_EQ(outcome_, "IMAGE_UNREACHABLE") << status;
        EXPECT_NE(detail_.find(std::to_string(status)), std::string::npos);
    }
}

TEST_F(ImageFetcherTest, failures_tell_nothing_of_the_network) {
    std::string words;
    for (const auto code : {Errc::provider_unreachable, Errc::provider_tls, Errc::provider_reset, Errc::cancelled}) {
        fetch();
        client_.break_off(code);
        EXPECT_EQ(outcome_, "IMAGE_UNREACHABLE");
        EXPECT_TRUE(words.empty() || words == detail_) << detail_;
        words = detail_;
    }
    fetch();
    client_.break_off(Errc::ssrf_blocked);
    EXPECT_EQ(outcome_, "SSRF_BLOCKED");
    EXPECT_EQ(detail_.find("10.0"), std::string::npos);
    fetch();
    client_.break_off(Errc::provider_timeout);
    EXPECT_EQ(outcome_, "IMAGE_UNREACHABLE");
}

TEST_F(ImageFetcherTest, dropping_it_at_any_step_cancels_without_a_word) {
    for (int step = 0; step < 4; ++step) {
        fetch();
        if (step > 0) {
            redirect("/2");
        }
        if (step > 1) {
            client_.head(200);
        }
        if (step > 2) {
            client_.body("a");
        }
        fetch_.reset();
        EXPECT_EQ(client_.open, 0) << step;
    }
    EXPECT_EQ(told_, 0);
}

}  // namespace
}  // namespace eco2::net
