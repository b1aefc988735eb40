#pragma once

#include "base/executor.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/snapshot.hpp"
#include "intake/image_header.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace eco2::intake {

/// A photo that is safe to send on: upright, sRGB, three channels, JPEG, decoded whole once, without any metadata; freshly
/// encoded unless it came like that.
struct Photo {
    std::string bytes;
    std::string mime;
    std::string sha256;  // of the bytes, 64 hex digits
    int width = 0;
    int height = 0;
};

/// Turns what a client sent into a Photo, on a bounded pool of its own.
///
/// Thread-safety: any thread; stop and destruction: control thread.
/// Lifetime:      executor and log outlive the intake; the executor still runs tasks while stop() waits.
/// Limits:        Options; beyond the queue's number or bytes `overloaded`.
/// Errors:        image_empty, image_broken, image_too_large, image_unsupported, image_too_small; overloaded; draining (after
/// stop);
///                internal (libvips cannot start).
/// Cost:          about 0.1 s of CPU for 12 megapixels; the first photo starts libvips (0.15 s, 30 MB).
class PhotoIntake {
public:
    struct Options {
        ImageLimits limits;
        int side_target = limits::kImageSideTarget;  // longer sides are scaled down to it, shorter ones never up
        int jpeg_quality = limits::kImageJpegQuality;
        std::chrono::milliseconds decode_time_max = limits::kImageDecodeTimeMax;
        std::size_t threads = limits::kImageThreads;
        std::size_t queue_max = limits::kImageQueueMax;
        std::size_t queue_bytes_max = limits::kImageQueueBytesMax;
    };

    using Done = std::function<void(Result<Photo>)>;

    PhotoIntake(Options options, Executor& executor, Log& log);
    ~PhotoIntake();
    PhotoIntake(const PhotoIntake&) = delete;
    PhotoIntake& operator=(const PhotoIntake&) = delete;

    /// For photos that come from now on; the pool and its queue stay as they were made.
    void set_limits(const ImageLimits& limits, int side_target);

    /// `done` runs exactly once on the calling I/O thread, never from inside. Blocks: never.
    void prepare(std::string bytes, Done done);

    /// Photos that wait for a thread.
    std::size_t queue_depth() const;

    /// Answers what waits with `draining`, breaks off what runs, ends the threads. Blocks: until the decoders have let go.
    void stop();

private:
    struct Job {
        std::string bytes;
        ImageHeader header;
        std::shared_ptr<const Options> options;  // as of its coming
        Done done;
        int thread = -1;
    };

    void answer(int thread, Done done, Result<Photo> result);
    Result<void> enqueue(Job& job);
    void run();
    Result<Photo> decode_safely(const Job& job);

    Executor& executor_;
    Log& log_;
    const Options made_with_;
    Snapshot<Options> options_;
    std::atomic<bool> is_stopping_ = false;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Job> queue_;
    std::size_t queued_bytes_ = 0;

    std::mutex stop_mutex_;
    std::vector<std::thread> threads_;
};

}  // namespace eco2::intake
