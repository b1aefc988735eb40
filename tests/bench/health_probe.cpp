#include "bench/health_probe.hpp"

#include <algorithm>
#include <utility>

namespace eco2::bench {
namespace {

constexpr std::chrono::milliseconds kInterval{100};
constexpr std::chrono::seconds kLimit{30};

}  // namespace

HealthProbe::HealthProbe(std::string url, HttpClientDoor& client, Executor& executor)
    : url_(std::move(url)), client_(client), executor_(executor) {}

HealthProbe::~HealthProbe() = default;

void HealthProbe::start() {
    due_ = std::chrono::steady_clock::now();
    schedule();
}

void HealthProbe::schedule() {
    const auto wait = std::max<std::chrono::nanoseconds>(due_ - std::chrono::steady_clock::now(), std::chrono::nanoseconds(0));
    timer_ = executor_.post_after(wait, [this](TaskFate fate) {
        if (fate == TaskFate::due) {
            probe();
        }
    });
}

void HealthProbe::probe() {
    HttpRequest request;
    request.method = "GET";
    request.url = url_;
    sent_ = std::chrono::steady_clock::now();
    request.deadline = sent_ + kLimit;
    status_ = 0;
    Result<std::unique_ptr<HttpCall>> started = client_.start(std::move(request), *this);
    if (started) {
        call_ = std::move(*started);
        return;
    }
    ++failed_;
    due_ += kInterval;
    schedule();
}

void HealthProbe::on_head(int status, const std::vector<HttpHeader>&) {
    status_ = status;
}

HttpObserver::Flow HealthProbe::on_body(std::string_view) {
    return Flow::go_on;
}

void HealthProbe::on_done(const Error* error) {
    const auto now = std::chrono::steady_clock::now();
    failed_ += error != nullptr || status_ != 200 ? 1 : 0;
    times_ms_.add(std::chrono::duration<double, std::milli>(now - sent_).count());
    due_ = std::max(due_ + kInterval, now);
    schedule();
}

}  // namespace eco2::bench
