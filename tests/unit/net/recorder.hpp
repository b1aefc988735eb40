#pragma once

#include "net/client.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace eco2::test {

/// An exchange as a test sees it: started on an I/O thread, recorded there, awaited here.
class Recorder final : public HttpObserver {
public:
    Recorder(net::IoThreads& threads, net::HttpClient& client) : threads_(threads), client_(client) {}
    ~Recorder() override {
        if (threads_.is_running()) {
            drop();
        }
    }

    /// The error of start, where it refuses.
    std::optional<Error> start(HttpRequest request, int thread = 0) {
        thread_ = thread;
        std::optional<Error> refused;
        run([&] {
            is_starting_ = true;
            auto call = client_.start(std::move(request), *this);
            is_starting_ = false;
            if (call) {
                call_ = std::move(*call);
            } else {
                refused = call.error();
            }
        });
        return refused;
    }

    /// Runs `action` on the exchange's thread and waits.
    void run(const std::function<void()>& action) {
        std::promise<void> done;
        threads_.post_to(thread_, [&](TaskFate) {
            action();
            done.set_value();
        });
        done.get_future().wait();
    }

    void cancel() {
        run([this] { call_->cancel(); });
    }
    void resume() {
        run([this] { call_->resume(); });
    }
    void drop() {
        run([this] { call_.reset(); });
    }

    /// From inside a hook.
    void drop_from_inside() { call_.reset(); }

    /// "ok", or the error's name; "never" after five seconds.
    std::string wait() {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::chrono::seconds(5), [this] { return done_count_ > 0; });
        return outcome_;
    }
    bool wait_for_body(std::size_t size) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(5), [&] { return body_.size() >= size; });
    }

    int status() const { return locked(status_); }
    std::string headers() const { return locked(headers_); }
    std::string body() const { return locked(body_); }
    std::string detail() const { return locked(detail_); }
    int done_count() const { return locked(done_count_); }

    std::function<void()> on_done_hook;  // on the I/O thread, inside on_done
    std::function<Flow(std::string_view)> on_body_hook;

private:
    template <class T>
    T locked(const T& value) const {
        const std::lock_guard lock(mutex_);
        return value;
    }

    void on_head(int status, const std::vector<HttpHeader>& headers) override {
        const std::lock_guard lock(mutex_);
        status_ = is_starting_ ? -1 : status;
        for (const HttpHeader& each : headers) {
            headers_ += std::string(each.name) + "=" + std::string(each.value) + ";";
        }
        changed_.notify_all();
    }

    Flow on_body(std::string_view chunk) override {
        {
            const std::lock_guard lock(mutex_);
            body_ += chunk;
            changed_.notify_all();
        }
        return on_body_hook ? on_body_hook(chunk) : Flow::go_on;
    }

    void on_done(const Error* error) override {
        if (on_done_hook) {
            on_done_hook();
        }
        const std::lock_guard lock(mutex_);
        ++done_count_;
        outcome_ = is_starting_ ? "inside start" : error != nullptr ? std::string(error->name()) : "ok";
        detail_ = error != nullptr ? error->detail : "";
        changed_.notify_all();
    }

    net::IoThreads& threads_;
    net::HttpClient& client_;
    int thread_ = 0;
    std::unique_ptr<HttpCall> call_;
    bool is_starting_ = false;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    int status_ = 0;
    std::string headers_;
    std::string body_;
    std::string outcome_ = "never";
    std::string detail_;
    int done_count_ = 0;
};

}  // namespace eco2::test
