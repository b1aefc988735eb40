#include "intake/photo.hpp"

#include "base/io_thread.hpp"
#include "intake/decoder.hpp"

#include <pthread.h>

#include <memory>
#include <utility>

namespace eco2::intake {

PhotoIntake::PhotoIntake(Options options, Executor& executor, Log& log)
    : executor_(executor), log_(log), made_with_(std::move(options)), options_(std::make_shared<const Options>(made_with_)) {
    threads_.reserve(made_with_.threads);
    for (std::size_t i = 0; i < made_with_.threads; ++i) {
        threads_.emplace_back([this] { run(); });
    }
}

PhotoIntake::~PhotoIntake() {
    stop();
}

void PhotoIntake::set_limits(const ImageLimits& limits, int side_target) {
    auto options = made_with_;
    options.limits = limits;
    options.side_target = side_target;
    options_.set(std::make_shared<const Options>(std::move(options)));
}

void PhotoIntake::prepare(std::string bytes, Done done) {
    const int thread = executor_.current_thread();
    auto options = options_.get();
    const auto header = check_image_header(bytes, options->limits);
    if (!header) {
        answer(thread, std::move(done), header.error());
        return;
    }
    Job job{std::move(bytes), *header, std::move(options), std::move(done), thread};
    if (auto queued = enqueue(job); !queued) {
        answer(thread, std::move(job.done), queued.error());
        return;
    }
    changed_.notify_one();
}

Result<void> PhotoIntake::enqueue(Job& job) {
    const std::lock_guard lock(mutex_);
    if (is_stopping_) {
        return fail(Errc::draining, "photos are no longer taken");
    }
    if (queue_.size() >= made_with_.queue_max || queued_bytes_ + job.bytes.size() > made_with_.queue_bytes_max) {
        return fail(Errc::overloaded, std::to_string(queue_.size()) + " photos are waiting");
    }
    queued_bytes_ += job.bytes.size();
    queue_.push_back(std::move(job));
    return {};
}

void PhotoIntake::answer(int thread, Done done, Result<Photo> result) {
    // Shared because a Task must be copyable, and a copy of a photo is 100 KB.
    auto shared = std::make_shared<Result<Photo>>(std::move(result));
    Task task = [done = std::move(done), shared](TaskFate) { done(std::move(*shared)); };
    if (thread < 0) {
        executor_.post(std::move(task));
    } else {
        executor_.post_to(thread, std::move(task));
    }
}

std::size_t PhotoIntake::queue_depth() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
}

void PhotoIntake::stop() {
    assert_may_block();
    std::deque<Job> waiting;
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
        waiting.swap(queue_);
        queued_bytes_ = 0;
    }
    changed_.notify_all();
    for (auto& job : waiting) {
        answer(job.thread, std::move(job.done), fail(Errc::draining, "the host is stopping"));
    }
    const std::lock_guard lock(stop_mutex_);
    for (auto& thread : threads_) {
        thread.join();
    }
    threads_.clear();
}

void PhotoIntake::run() {
    ::pthread_setname_np(::pthread_self(), "eco2-photo");
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
        if (queue_.empty()) {
            break;
        }
        auto job = std::move(queue_.front());
        queue_.pop_front();
        queued_bytes_ -= job.bytes.size();
        lock.unlock();
        auto photo = decode_safely(job);
        answer(job.thread, std::move(job.done), std::move(photo));
        job = {};
        lock.lock();
    }
    lock.unlock();
    leave_decoder_thread();
}

Result<Photo> PhotoIntake::decode_safely(const Job& job) {
    try {
        auto photo = decode(job.bytes, job.header, *job.options, is_stopping_, log_);
        if (!photo) {
            log_.debug("a photo was refused", {{"code", photo.error().name()}, {"reason", photo.error().detail}});
        }
        return photo;
    } catch (const std::exception& exception) {
        log_.error("a photo could not be prepared", {{"reason", exception.what()}});
        return fail(Errc::internal, "the photo could not be prepared");
    }
}

}  // namespace eco2::intake
