#include "runs/submitted_runs.hpp"

#include "base/ids.hpp"
#include "base/limits.hpp"
#include "runs/run_frames.hpp"
#include "runs/run_record.hpp"
#include "runs/run_result.hpp"

#include <condition_variable>
#include <utility>

namespace eco2 {
namespace {

/// Words of the stage that was interrupted, as far as its events tell them.
void read_words(const std::vector<std::string>& events, const std::string& stage, RunProgress& progress) {
    for (auto event = events.rbegin(); event != events.rend(); ++event) {
        const auto name = event_name(*event);
        if (name == stage) {
            progress.is_announced = true;
            return;
        }
        if (name != stage + ".delta") {
            return;
        }
        progress.words = delta_text(*event) + progress.words;
    }
}

Result<RunProgress> progress_of(const StoredRun& stored, const Pipeline& pipeline) {
    const auto& stages = pipeline.stages();
    if (stored.checkpoints.size() > stages.size()) {
        return fail(Errc::config_invalid, "the pipeline has changed: it has fewer stages than the run has finished");
    }
    RunProgress progress;
    for (std::size_t i = 0; i < stored.checkpoints.size(); ++i) {
        auto finished = read_checkpoint_record(stored.checkpoints[i], stages[i].definition.name);
        if (!finished) {
            return finished.error();
        }
        progress.finished.push_back(std::move(finished.value()));
    }
    if (progress.finished.size() < stages.size()) {
        read_words(stored.events, stages[progress.finished.size()].definition.name, progress);
    }
    return progress;
}

RunFeed::Status status_of(const RunProgress& progress, const Pipeline& pipeline) {
    const auto finished = progress.finished.size();
    if (finished == 0 && !progress.is_announced) {
        return {};
    }
    const auto& stages = pipeline.stages();
    const auto stage = progress.is_announced ? finished : finished - 1;
    return {stages[stage].definition.name, static_cast<int>(finished * 100 / stages.size())};
}

Result<RunInput> input_of(const StoredRun& stored) {
    auto input = read_input_record(stored.input_json);
    if (input) {
        input->user_id = stored.summary.user_id;
        input->image_bytes = stored.photo;
    }
    return input;
}

/// What a replay shows of the stages that it does not repeat.
std::vector<std::string> told_events(const std::string& run_id,
                                     const RunProgress& progress,
                                     const Pipeline& pipeline,
                                     const Clock& clock) {
    FrameStamp stamp{run_id, 1, clock.wall_ns()};
    std::vector<std::string> events{queued_frame(stamp)};
    const auto& stages = pipeline.stages();
    for (std::size_t i = 0; i < progress.finished.size(); ++i) {
        const auto percent = [&](std::size_t done) { return static_cast<int>(done * 100 / stages.size()); };
        ++stamp.number;
        events.push_back(stage_started_frame(stamp, {i, stages[i].definition.name, percent(i)}));
        ++stamp.number;
        events.push_back(
            stage_completed_frame(stamp, {i, stages[i].definition.name, percent(i + 1)}, progress.finished[i].output.json()));
    }
    return events;
}

}  // namespace

SubmittedRuns::Options::Options()
    : memory_bytes_max(limits::kSubmittedBytesMax),
      ended_bytes_max(limits::kEndedBytesMax),
      recoveries_max(limits::kRunRecoveriesMax) {}

SubmittedRuns::SubmittedRuns(
    RunStoreDoor& store, Executor& executor, const Clock& clock, Log& log, FindPipeline find_pipeline, Options options)
    : store_(store),
      executor_(executor),
      clock_(clock),
      log_(log),
      find_pipeline_(std::move(find_pipeline)),
      options_(options) {}

SubmittedRuns::~SubmittedRuns() {
    suspend();
}

// The feed is there before the run is written down: whoever repeats the request may ask for it in the same moment.
Result<void> SubmittedRuns::enter(const std::shared_ptr<RunFeed>& feed, std::size_t photo_bytes, std::shared_ptr<void> place) {
    const auto bytes = photo_bytes + limits::kSubmittedBytesEach;
    const std::lock_guard lock(mutex_);
    if (bytes_ + bytes > options_.memory_bytes_max) {
        return fail(Errc::runs_full);
    }
    bytes_ += bytes;
    ++counters_.running;
    entries_[feed->run_id()] = Entry{feed, nullptr, executor_.current_thread(), bytes, std::move(place)};
    return {};
}

void SubmittedRuns::leave(const std::string& run_id) {
    Entry gone;  // what it holds is let go after the lock
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(run_id);
    if (found != entries_.end()) {
        bytes_ -= found->second.bytes;
        --counters_.running;
        gone = std::move(found->second);
        entries_.erase(found);
    }
}

void SubmittedRuns::count_submitted() {
    const std::lock_guard lock(mutex_);
    ++counters_.submitted;
}

void SubmittedRuns::submit(Submission submission, std::function<void(Result<RunStoreDoor::Submitted>)> done) {
    auto& input = submission.input;
    auto context = std::move(submission.context);
    SubmittedRun run;
    run.id = new_uuid();
    run.user_id = input.user_id;
    run.pipeline = context->pipeline->definition().name;
    run.idempotency_key = std::move(submission.idempotency_key);
    run.fingerprint = std::move(submission.fingerprint);
    run.input_json = input_record(input);
    run.photo = input.image_bytes;
    run.created_ns = clock_.wall_ns();
    run.events.push_back(queued_frame({run.id, 1, run.created_ns}));
    const auto feed = std::make_shared<RunFeed>(executor_, run.id, run.user_id, run.pipeline);
    feed->append(run.events, {});
    input.wants_deltas = true;
    const auto photo_bytes = input.image_bytes == nullptr ? 0 : input.image_bytes->size();
    if (auto entered = enter(feed, photo_bytes, std::move(submission.place)); !entered) {
        return done(entered.error());
    }
    store_.submit(std::move(run),
                  [this, context, feed, input = std::move(input), done = std::move(done)](
                      Result<RunStoreDoor::Submitted> submitted) mutable {
                      if (submitted && !submitted->is_known) {
                          count_submitted();
                          start(context, feed, std::move(input), {});
                      } else {
                          leave(feed->run_id());
                      }
                      done(std::move(submitted));
                  });
}

void SubmittedRuns::find_submitted(IdempotencyKey key,
                                   std::function<void(Result<std::optional<RunStoreDoor::Submitted>>)> done) {
    store_.find_submitted(std::move(key), std::move(done));
}

void SubmittedRuns::start(std::shared_ptr<RunContext> context,
                          const std::shared_ptr<RunFeed>& feed,
                          RunInput input,
                          RunProgress progress) {
    const auto run =
        std::make_shared<RetainedRun>(std::move(context), store_, feed, [this, id = feed->run_id()] { ended(id); });
    {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(feed->run_id());
        if (found == entries_.end()) {
            return;  // its user was forgotten in this moment
        }
        found->second.run = run;
        found->second.thread = executor_.current_thread();
    }
    run->start(std::move(input), std::move(progress));
}

void SubmittedRuns::ended(const std::string& run_id) {
    Entry gone;
    std::vector<std::shared_ptr<RunFeed>> forgotten;
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(run_id);
    if (found == entries_.end()) {
        return;
    }
    auto& entry = found->second;
    bytes_ -= entry.bytes;
    gone.run = std::move(entry.run);
    gone.place = std::move(entry.place);
    entry.run = nullptr;
    entry.bytes = 0;
    --counters_.running;
    ++counters_.ended;
    ends_.emplace_back(run_id, entry.feed->bytes());
    ended_bytes_ += ends_.back().second;
    while (ended_bytes_ > options_.ended_bytes_max && !ends_.empty()) {
        ended_bytes_ -= ends_.front().second;
        if (const auto old = entries_.find(ends_.front().first); old != entries_.end()) {
            forgotten.push_back(std::move(old->second.feed));
            entries_.erase(old);
        }
        ends_.pop_front();
    }
}

std::shared_ptr<RunFeed> SubmittedRuns::find(const std::string& run_id) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(run_id);
    return found == entries_.end() ? nullptr : found->second.feed;
}

std::shared_ptr<RunFeed> SubmittedRuns::feed_of(const StoredRun& stored) const {
    const auto& summary = stored.summary;
    auto feed = std::make_shared<RunFeed>(executor_, summary.id, summary.user_id, summary.pipeline);
    feed->append(stored.events, {}, stored.result_json);
    return feed;
}

void SubmittedRuns::open(std::string run_id, std::string user_id, std::function<void(Result<std::shared_ptr<RunFeed>>)> done) {
    const auto is_owner = [user_id = std::move(user_id)](const RunFeed& feed) {
        return user_id.empty() || feed.user_id() == user_id;
    };
    if (auto feed = find(run_id)) {
        return done(is_owner(*feed) ? Result<std::shared_ptr<RunFeed>>(std::move(feed)) : fail(Errc::run_not_found));
    }
    store_.load(run_id, [this, run_id, is_owner, done = std::move(done)](const Result<StoredRun>& stored) {
        if (!stored) {
            return done(stored.error().code == Errc::not_found ? fail(Errc::run_not_found) : stored.error());
        }
        auto feed = feed_of(*stored);
        done(is_owner(*feed) ? Result<std::shared_ptr<RunFeed>>(std::move(feed)) : fail(Errc::run_not_found));
    });
}

void SubmittedRuns::cancel(std::string run_id, std::string user_id, std::function<void(Result<void>)> done) {
    open(run_id, std::move(user_id), [this, run_id, done = std::move(done)](const Result<std::shared_ptr<RunFeed>>& feed) {
        if (!feed) {
            return done(feed.error());
        }
        std::shared_ptr<RetainedRun> run;
        int thread = -1;
        {
            const std::lock_guard lock(mutex_);
            if (const auto found = entries_.find(run_id); found != entries_.end()) {
                run = found->second.run;
                thread = found->second.thread;
            }
        }
        if (run == nullptr) {
            return done(fail(Errc::run_over));
        }
        const int asker = executor_.current_thread();
        executor_.post_to(thread, [this, run = std::move(run), asker, done](TaskFate fate) {
            if (fate == TaskFate::dropped) {
                return;
            }
            run->cancel([this, asker, done](const Result<void>& result) {
                executor_.post_to(asker, [done, result](TaskFate) { done(result); });
            });
        });
    });
}

void SubmittedRuns::list(RunFilter filter, std::function<void(Result<std::vector<RunSummary>>)> done) {
    store_.list(std::move(filter), std::move(done));
}

void SubmittedRuns::show(std::string run_id, std::function<void(Result<StoredRun>)> done) {
    store_.load(std::move(run_id), [done = std::move(done)](Result<StoredRun> stored) {
        const bool is_missing = !stored && stored.error().code == Errc::not_found;
        done(is_missing ? Result<StoredRun>(fail(Errc::run_not_found)) : std::move(stored));
    });
}

void SubmittedRuns::replay(std::string run_id, std::function<void(Result<std::string>)> done) {
    show(run_id, [this, run_id, done = std::move(done)](Result<StoredRun> stored) {
        if (!stored) {
            return done(stored.error());
        }
        auto context = find_pipeline_(stored->summary.pipeline);
        if (context == nullptr) {
            return done(fail(Errc::replay_refused, "pipeline \"" + stored->summary.pipeline + "\" is not served here"));
        }
        if (stored->summary.state != RunState::dead) {
            return done(fail(Errc::replay_refused, "the run is not dead"));
        }
        auto input = input_of(*stored);
        auto progress = progress_of(*stored, *context->pipeline);
        if (!input || !progress) {
            return done(fail(Errc::replay_refused, (input ? progress.error() : input.error()).detail));
        }
        if (!input->image_mime.empty() && input->image_bytes == nullptr && progress->finished.empty()) {
            return done(fail(Errc::replay_refused, "its photo was not kept; see runs.keep_photos"));
        }
        store_.count_replay(
            run_id,
            [this, context, stored = std::move(*stored), input = std::move(*input), progress = std::move(*progress), done](
                const Result<void>& counted) mutable {
                if (!counted) {
                    return done(counted.error());
                }
                replay_from(context, stored, std::move(input), std::move(progress), std::move(done));
            });
    });
}

void SubmittedRuns::replay_from(const std::shared_ptr<RunContext>& context,
                                const StoredRun& stored,
                                RunInput input,
                                RunProgress progress,
                                std::function<void(Result<std::string>)> done) {
    progress.is_announced = false;
    progress.words.clear();
    SubmittedRun run;
    run.id = new_uuid();
    run.user_id = stored.summary.user_id;
    run.pipeline = stored.summary.pipeline;
    run.input_json = stored.input_json;
    run.photo = stored.photo;
    run.replay_of = stored.summary.id;
    run.checkpoints = stored.checkpoints;
    run.created_ns = clock_.wall_ns();
    run.events = told_events(run.id, progress, *context->pipeline, clock_);
    const auto feed = std::make_shared<RunFeed>(executor_, run.id, run.user_id, run.pipeline);
    feed->append(run.events, status_of(progress, *context->pipeline));
    if (auto entered = enter(feed, run.photo == nullptr ? 0 : run.photo->size(), nullptr); !entered) {
        return done(entered.error());
    }
    store_.submit(std::move(run),
                  [this, context, feed, input = std::move(input), progress = std::move(progress), done = std::move(done)](
                      const Result<RunStoreDoor::Submitted>& submitted) mutable {
                      if (!submitted) {
                          leave(feed->run_id());
                          return done(submitted.error());
                      }
                      start(context, feed, std::move(input), std::move(progress));
                      done(feed->run_id());
                  });
}

void SubmittedRuns::forget_user(std::string user_id, std::function<void(Result<std::size_t>)> done) {
    std::vector<Entry> gone;
    {
        const std::lock_guard lock(mutex_);
        for (auto entry = entries_.begin(); entry != entries_.end();) {
            if (entry->second.feed->user_id() != user_id) {
                ++entry;
                continue;
            }
            bytes_ -= entry->second.bytes;
            counters_.running -= entry->second.bytes == 0 ? 0 : 1;
            gone.push_back(std::move(entry->second));
            entry = entries_.erase(entry);
        }
    }
    for (auto& entry : gone) {
        if (entry.run != nullptr) {
            // The store says that it is gone; the run tells its readers then, and is held until it has.
            executor_.post_to(entry.thread, [run = std::move(entry.run), place = std::move(entry.place)](TaskFate) {
                run->cancel([run, place](const Result<void>&) {});
            });
        }
    }
    store_.forget_user(std::move(user_id), std::move(done));
}

void SubmittedRuns::adopt(StoredRun stored, std::shared_ptr<void> place, int thread) {
    auto context = find_pipeline_(stored.summary.pipeline);
    if (context == nullptr) {
        // It may be served again after the next start, and nothing is lost until then.
        log_.warn("a submitted run waits for its pipeline",
                  {{"run", stored.summary.id}, {"pipeline", stored.summary.pipeline}});
        return;
    }
    auto input = input_of(stored);
    auto progress = progress_of(stored, *context->pipeline);
    if (stored.summary.recoveries > options_.recoveries_max) {
        return give_up(
            stored,
            fail(Errc::internal,
                 "the host ended " + std::to_string(stored.summary.recoveries) + " times while this run was under way"));
    }
    if (!input || !progress) {
        return give_up(stored, input ? progress.error() : input.error());
    }
    const auto feed = std::make_shared<RunFeed>(executor_, stored.summary.id, stored.summary.user_id, stored.summary.pipeline);
    feed->append(stored.events, status_of(*progress, *context->pipeline));
    const auto bytes = limits::kSubmittedBytesEach + (stored.photo == nullptr ? 0 : stored.photo->size());
    {
        const std::lock_guard lock(mutex_);
        bytes_ += bytes;
        ++counters_.running;
        ++counters_.adopted;
        entries_[feed->run_id()] = Entry{feed, nullptr, thread, bytes, std::move(place)};
    }
    struct Work {
        RunInput input;
        RunProgress progress;
    };
    auto work = std::make_shared<Work>(Work{std::move(*input), std::move(*progress)});
    executor_.post_to(thread, [this, context, feed, work](TaskFate fate) {
        if (fate == TaskFate::due) {
            start(context, feed, std::move(work->input), std::move(work->progress));
        }
    });
}

/// Ends a run that cannot go on: its client gets an answer, the operator a dead letter.
void SubmittedRuns::give_up(const StoredRun& stored, const Error& error) {
    log_.error("a submitted run cannot go on", {{"run", stored.summary.id}, {"error", error.name()}, {"detail", error.detail}});
    RunStep step;
    step.run_id = stored.summary.id;
    step.events.push_back(error_frame(
        {stored.summary.id, stored.events.size() + 1, clock_.wall_ns()}, {stored.checkpoints.size(), "queued", 0}, error));
    step.end = RunStep::End{RunState::dead,
                            failed_result(stored.summary.id, error),
                            std::string(error.name()),
                            clock_.wall_ns(),
                            {},
                            stored.checkpoints};
    for (const auto& event : stored.events) {
        step.end->log += event;
    }
    step.end->log += step.events.front();
    store_.append(std::move(step), [this](const Result<void>& written) {
        if (!written) {
            log_.error("its end could not be written", {{"reason", written.error().detail}});
        }
    });
}

void SubmittedRuns::suspend() {
    std::unordered_map<std::string, Entry> entries;
    {
        const std::lock_guard lock(mutex_);
        entries = std::exchange(entries_, {});
        ends_.clear();
        ended_bytes_ = 0;
        bytes_ = 0;
    }
    struct Waiting {
        std::mutex mutex;
        std::condition_variable changed;
        std::size_t open = 0;
    };
    const auto waiting = std::make_shared<Waiting>();
    for (auto& [id, entry] : entries) {
        if (entry.run == nullptr) {
            continue;
        }
        {
            const std::lock_guard lock(waiting->mutex);
            ++waiting->open;
        }
        executor_.post_to(entry.thread, [run = std::move(entry.run), waiting](TaskFate) {
            run->suspend();
            const std::lock_guard lock(waiting->mutex);
            --waiting->open;
            waiting->changed.notify_one();
        });
    }
    std::unique_lock lock(waiting->mutex);
    waiting->changed.wait(lock, [&] { return waiting->open == 0; });
}

SubmittedRuns::Counters SubmittedRuns::counters() const {
    const std::lock_guard lock(mutex_);
    auto counters = counters_;
    counters.bytes = bytes_;
    return counters;
}

}  // namespace eco2
