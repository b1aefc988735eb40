#pragma once

#include "base/executor.hpp"
#include "net/server.hpp"

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace eco2::app {

/// What one answer has come to so far, for everybody who waits for it: either one whole reply, or a head and a stream of bytes.
///
/// An answer that is kept gives everybody all bytes from the start, whenever they join; one that is not has a single reader,
/// and gives away what it has read. A kept one that has grown large takes nobody new, and with one reader is kept no more.
///
/// Thread-safety: open, write, reply and end: the I/O thread of the answer. Readers: each on its own I/O thread.
/// Lifetime:      shared by the answer and its readers; the executor outlives it.
class FrontFeed : public std::enable_shared_from_this<FrontFeed> {
public:
    /// Told on its own thread, possibly from inside what the answer's thread calls.
    class Reader {
    public:
        virtual ~Reader() = default;
        virtual void on_news() = 0;
    };

    FrontFeed(Executor& executor, bool is_kept) : executor_(executor), is_kept_(is_kept) {}

    // the answer's side
    void open(net::ServerResponse head);
    /// `append` gets the bytes to append to, and does nothing else: it runs under the lock. Returns how many its only reader
    /// has not read; 0 where the answer is kept.
    template <class Append>
    std::size_t write(Append&& append) {
        std::size_t waiting = 0;
        {
            const std::lock_guard lock(mutex_);
            append(bytes_);
            if (is_kept_) {
                limit_kept();
            }
            waiting = is_kept_ ? 0 : bytes_.size();
        }
        wake();
        return waiting;
    }
    /// What the only reader has not read of an answer that is not kept.
    std::size_t unread() const;
    void reply(net::ServerResponse whole);
    void end();
    bool is_open() const noexcept { return is_open_; }
    /// Of a kept answer; 0 of another.
    std::size_t bytes() const;

    // a reader's side
    class Seat {
    public:
        ~Seat();
        /// The whole reply, once it is there.
        std::optional<net::ServerResponse> reply();
        /// The head, once the stream is open.
        std::optional<net::ServerResponse> head();
        /// Appends what is new; true: nothing follows.
        bool read(std::string& out);

    private:
        friend class FrontFeed;
        struct Place {
            int thread = -1;
            Reader* reader = nullptr;  // null: it has left
            std::size_t from = 0;      // guarded by the feed's mutex
            std::atomic<bool> is_posted = false;
        };
        Seat(std::shared_ptr<FrontFeed> feed, std::shared_ptr<Place> place);

        const std::shared_ptr<FrontFeed> feed_;
        const std::shared_ptr<Place> place_;
    };
    /// Null: the answer has been given up. What is there already is told by a wake that comes soon.
    std::unique_ptr<Seat> join(Reader& reader);

    /// Runs on the thread of whoever leaves last, before the end.
    void set_on_empty(std::function<void()> callback) { on_empty_ = std::move(callback); }

private:
    using PlacePtr = std::shared_ptr<Seat::Place>;

    void wake();
    void wake_one(const PlacePtr& place);
    void post_wake(const PlacePtr& place);
    void leave(const PlacePtr& place);
    void limit_kept();

    Executor& executor_;
    std::function<void()> on_empty_;
    bool is_open_ = false;  // the answer's thread's own

    mutable std::mutex mutex_;  // guards all below
    std::optional<net::ServerResponse> head_;
    std::optional<net::ServerResponse> reply_;
    std::string bytes_;
    bool is_kept_;
    bool is_over_ = false;
    bool is_given_up_ = false;
    std::vector<PlacePtr> places_;
};

}  // namespace eco2::app
