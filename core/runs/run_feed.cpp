#include "runs/run_feed.hpp"

#include <algorithm>
#include <utility>

namespace eco2 {

class RunFeed::Handle final : public Subscription {
public:
    Handle(std::shared_ptr<RunFeed> feed, std::shared_ptr<Subscriber> subscriber)
        : feed_(std::move(feed)), subscriber_(std::move(subscriber)) {}
    ~Handle() override {
        const std::lock_guard lock(feed_->mutex_);
        std::erase(feed_->subscribers_, subscriber_);
    }

private:
    std::shared_ptr<RunFeed> feed_;
    std::shared_ptr<Subscriber> subscriber_;  // a wake that is under way holds it weakly: it dies with this handle
};

RunFeed::RunFeed(Executor& executor, std::string run_id, std::string user_id, std::string pipeline)
    : executor_(executor), run_id_(std::move(run_id)), user_id_(std::move(user_id)), pipeline_(std::move(pipeline)) {}

void RunFeed::append(std::span<const std::string> events, Status status, std::string result) {
    std::vector<std::shared_ptr<Subscriber>> woken;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& event : events) {
            events_ += event;
            ends_.push_back(static_cast<std::uint32_t>(events_.size()));
        }
        status_ = std::move(status);
        result_ = std::move(result);
        if (!result_.empty()) {
            // It will not grow any more, and is kept for a while.
            events_.shrink_to_fit();
            ends_.shrink_to_fit();
        }
        woken = subscribers_;
    }
    for (const auto& subscriber : woken) {
        executor_.post_to(subscriber->thread, [weak = std::weak_ptr(subscriber)](TaskFate fate) {
            if (const auto alive = weak.lock(); alive != nullptr && fate == TaskFate::due) {
                alive->wake();
            }
        });
    }
}

std::size_t RunFeed::read(std::size_t from, std::string& out) const {
    const std::lock_guard lock(mutex_);
    if (from < ends_.size()) {
        out.append(events_, from == 0 ? 0 : ends_[from - 1]);
    }
    return ends_.size();
}

std::size_t RunFeed::size() const {
    const std::lock_guard lock(mutex_);
    return ends_.size();
}

bool RunFeed::is_over() const {
    const std::lock_guard lock(mutex_);
    return !result_.empty();
}

std::string RunFeed::result() const {
    const std::lock_guard lock(mutex_);
    return result_;
}

RunFeed::Status RunFeed::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

std::size_t RunFeed::bytes() const {
    const std::lock_guard lock(mutex_);
    return sizeof(RunFeed) + events_.capacity() + ends_.capacity() * sizeof(ends_[0]) + result_.capacity();
}

std::unique_ptr<RunFeed::Subscription> RunFeed::subscribe(std::function<void()> wake) {
    auto subscriber = std::make_shared<Subscriber>(Subscriber{executor_.current_thread(), std::move(wake)});
    const std::lock_guard lock(mutex_);
    subscribers_.push_back(subscriber);
    return std::make_unique<Handle>(shared_from_this(), std::move(subscriber));
}

std::size_t RunFeed::subscribers() const {
    const std::lock_guard lock(mutex_);
    return subscribers_.size();
}

}  // namespace eco2
