#include "app/front_feed.hpp"

#include "base/limits.hpp"

#include <algorithm>
#include <utility>

namespace eco2::app {

void FrontFeed::open(net::ServerResponse head) {
    is_open_ = true;
    const std::lock_guard lock(mutex_);
    head_ = std::move(head);
}

void FrontFeed::reply(net::ServerResponse whole) {
    {
        const std::lock_guard lock(mutex_);
        reply_ = std::move(whole);
        is_over_ = true;
    }
    wake();
}

void FrontFeed::end() {
    {
        const std::lock_guard lock(mutex_);
        is_over_ = true;
    }
    wake();
}

std::size_t FrontFeed::bytes() const {
    const std::lock_guard lock(mutex_);
    return is_kept_ ? bytes_.size() : 0;
}

std::size_t FrontFeed::unread() const {
    const std::lock_guard lock(mutex_);
    return is_kept_ ? 0 : bytes_.size();
}

void FrontFeed::limit_kept() {
    if (bytes_.size() <= limits::kMergedAnswerBytesMax) {
        return;
    }
    is_given_up_ = true;
    if (places_.size() == 1) {
        is_kept_ = false;
        bytes_.erase(0, std::exchange(places_.front()->from, 0));
    }
}

void FrontFeed::wake() {
    PlacePtr only;
    std::vector<PlacePtr> all;
    {
        const std::lock_guard lock(mutex_);
        if (places_.size() == 1) {
            only = places_.front();  // by far the most frequent case: nothing is allocated
        } else {
            all = places_;
        }
    }
    if (only != nullptr) {
        wake_one(only);
    }
    for (const auto& place : all) {
        wake_one(place);
    }
}

void FrontFeed::wake_one(const PlacePtr& place) {
    if (place->thread != executor_.current_thread()) {
        post_wake(place);
    } else if (place->reader != nullptr) {
        place->reader->on_news();
    }
}

void FrontFeed::post_wake(const PlacePtr& place) {
    if (place->is_posted.exchange(true)) {
        return;
    }
    executor_.post_to(place->thread, [place](TaskFate fate) {
        place->is_posted = false;
        if (fate == TaskFate::due && place->reader != nullptr) {
            place->reader->on_news();
        }
    });
}

std::unique_ptr<FrontFeed::Seat> FrontFeed::join(Reader& reader) {
    auto place = std::make_shared<Seat::Place>();
    place->thread = executor_.current_thread();
    place->reader = &reader;
    bool has_news = false;
    {
        const std::lock_guard lock(mutex_);
        if (is_given_up_) {
            return nullptr;
        }
        places_.push_back(place);
        has_news = head_.has_value() || reply_.has_value();
    }
    if (has_news) {
        post_wake(place);
    }
    return std::unique_ptr<Seat>(new Seat(shared_from_this(), std::move(place)));
}

void FrontFeed::leave(const PlacePtr& place) {
    place->reader = nullptr;
    bool is_empty = false;
    {
        const std::lock_guard lock(mutex_);
        places_.erase(std::remove(places_.begin(), places_.end(), place), places_.end());
        is_empty = places_.empty() && !is_over_;
        is_given_up_ = is_given_up_ || is_empty;
    }
    if (is_empty && on_empty_) {
        on_empty_();
    }
}

FrontFeed::Seat::Seat(std::shared_ptr<FrontFeed> feed, std::shared_ptr<Place> place)
    : feed_(std::move(feed)), place_(std::move(place)) {}

FrontFeed::Seat::~Seat() {
    feed_->leave(place_);
}

std::optional<net::ServerResponse> FrontFeed::Seat::reply() {
    const std::lock_guard lock(feed_->mutex_);
    return feed_->is_kept_ ? feed_->reply_ : std::exchange(feed_->reply_, std::nullopt);
}

std::optional<net::ServerResponse> FrontFeed::Seat::head() {
    const std::lock_guard lock(feed_->mutex_);
    return feed_->head_;
}

bool FrontFeed::Seat::read(std::string& out) {
    const std::lock_guard lock(feed_->mutex_);
    out.append(feed_->bytes_, place_->from);
    if (feed_->is_kept_) {
        place_->from = feed_->bytes_.size();
    } else {
        feed_->bytes_.clear();
    }
    return feed_->is_over_;
}

}  // namespace eco2::app
