#include "bench/load_user.hpp"

#include "base/ids.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace eco2::bench {
namespace {

constexpr std::size_t kFaultsMax = 5;
constexpr std::size_t kRefusalBytesMax = 200;
constexpr std::chrono::milliseconds kPauseAfterFault{100};

std::string body_of_run(std::string body, std::uint64_t run) {
    constexpr std::string_view kPlace = "{{hex}}";
    const std::size_t at = body.find(kPlace);
    if (at != std::string::npos) {
        std::array<char, 33> hex{};
        std::snprintf(hex.data(), hex.size(), "%032llx", static_cast<unsigned long long>(run));
        body.replace(at, kPlace.size(), hex.data());
    }
    return body;
}

double ms_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
    return std::chrono::duration<double, std::milli>(to - from).count();
}

void raise(std::atomic<std::int64_t>& max, std::int64_t value) {
    std::int64_t seen = max.load();
    while (seen < value && !max.compare_exchange_weak(seen, value)) {
    }
}

}  // namespace

LoadUser::LoadUser(const LoadPlan& plan, LoadClock& clock, Tally& tally, HttpClientDoor& client, Executor& executor)
    : plan_(plan), clock_(clock), tally_(tally), client_(client), executor_(executor) {
    if (plan_.has_own_user_id) {
        user_id_ = new_uuid();
    }
}

LoadUser::~LoadUser() = default;

void LoadUser::start_after(std::chrono::nanoseconds delay) {
    timer_ = executor_.post_after(delay, [this](TaskFate fate) {
        if (fate == TaskFate::due) {
            begin_run();
        }
    });
}

void LoadUser::begin_run() {
    run_start_ = Clock::now();
    if (run_start_ >= clock_.window_end) {
        return;
    }
    run_ = clock_.next_run++;
    ++tally_.started;
    raise(clock_.open_max, ++clock_.open);
    step_ = 0;
    send();
}

void LoadUser::send() {
    HttpRequest request;
    request.url = plan_.url;
    request.headers = headers();
    result_url_.clear();
    request.body = body_of_run(plan_.bodies[step_], run_);
    request.deadline = run_start_ + plan_.run_limit;
    status_ = 0;
    refusal_.clear();
    check_ = plan_.expects_frames ? std::make_unique<StreamCheck>() : nullptr;
    Result<std::unique_ptr<HttpCall>> started = client_.start(std::move(request), *this);
    if (!started) {
        finish(started.error().text(), false);
        return;
    }
    call_ = std::move(*started);
}

std::vector<std::pair<std::string, std::string>> LoadUser::headers() const {
    auto all = plan_.headers;
    if (plan_.has_own_user_id) {
        all.emplace_back("x-user-id", user_id_);
    }
    return all;
}

void LoadUser::poll_later() {
    timer_ = executor_.post_after(plan_.poll, [this](TaskFate fate) {
        if (fate == TaskFate::due) {
            poll();
        }
    });
}

void LoadUser::poll() {
    HttpRequest request;
    request.method = "GET";
    request.url = result_url_;
    request.headers = headers();
    request.deadline = run_start_ + plan_.run_limit;
    status_ = 0;
    refusal_.clear();
    Result<std::unique_ptr<HttpCall>> started = client_.start(std::move(request), *this);
    if (!started) {
        finish(started.error().text(), false);
        return;
    }
    call_ = std::move(*started);
}

void LoadUser::on_head(int status, const std::vector<HttpHeader>&) {
    status_ = status;
}

HttpObserver::Flow LoadUser::on_body(std::string_view chunk) {
    if (plan_.poll.count() != 0 && status_ == 202 && result_url_.empty()) {
        accepted_ += chunk;
    } else if (plan_.poll.count() != 0 && status_ == 200) {
        // A word of the first field after the id is enough to know a good result.
        is_completed_ = is_completed_ || chunk.find("\"status\":\"completed\"") != std::string_view::npos;
    } else if (status_ != 200) {
        refusal_.append(chunk.substr(0, kRefusalBytesMax - std::min(kRefusalBytesMax, refusal_.size())));
    } else if (check_) {
        check_->feed(chunk, Clock::now());
    }
    return Flow::go_on;
}

void LoadUser::on_done(const Error* error) {
    if (error != nullptr) {
        finish(error->text(), false);
        return;
    }
    if (plan_.poll.count() != 0 && status_ == 202) {
        if (result_url_.empty()) {
            constexpr std::string_view kField = "\"result_url\":\"";
            const auto at = accepted_.find(kField);
            const auto origin = plan_.url.find('/', plan_.url.find("://") + 3);
            if (at == std::string::npos) {
                return finish("no result_url: " + std::exchange(accepted_, {}), true);
            }
            const auto begin = at + kField.size();
            result_url_ = plan_.url.substr(0, origin) + accepted_.substr(begin, accepted_.find('"', begin) - begin);
            accepted_.clear();
            is_completed_ = false;
        }
        return poll_later();
    }
    if (plan_.poll.count() != 0 && status_ == 200) {
        return finish(is_completed_ ? "" : "a result that is not completed", !is_completed_);
    }
    if (status_ != 200) {
        finish("status " + std::to_string(status_) + ": " + refusal_, true);
        return;
    }
    if (check_) {
        check_->end();
        finish(check_->fault(), !check_->fault().empty());
        return;
    }
    if (++step_ < plan_.bodies.size()) {
        // Not from inside: the call that has just ended is replaced.
        executor_.post([this](TaskFate fate) {
            if (fate == TaskFate::due) {
                send();
            }
        });
        return;
    }
    finish({}, false);
}

void LoadUser::finish(std::string fault, bool is_malformed) {
    const Clock::time_point now = Clock::now();
    const bool has_failed = !fault.empty();
    --clock_.open;
    if (!has_failed) {
        ++tally_.completed;
        tally_.completed_in_window += now >= clock_.window_start && now <= clock_.window_end ? 1 : 0;
        tally_.total_ms.add(ms_between(run_start_, now));
        if (check_) {
            tally_.without_reward += check_->has_reward() ? 0 : 1;
            tally_.first_stage_ms.add(ms_between(run_start_, check_->first_stage_at().value_or(now)));
        }
    } else {
        ++tally_.failed;
        tally_.malformed += is_malformed ? 1 : 0;
        if (tally_.faults.size() < kFaultsMax) {
            tally_.faults.push_back(std::move(fault));
        }
    }
    check_.reset();
    // Where a host refuses at once, a pause keeps the loop from spinning.
    start_after(has_failed ? std::max(plan_.think, kPauseAfterFault) : plan_.think);
}

}  // namespace eco2::bench
