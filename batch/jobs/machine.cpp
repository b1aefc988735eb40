#include "batch/jobs/machine.hpp"

#include "base/text.hpp"
#include "batch/jobs/fail_point.hpp"
#include "batch/jobs/line_file.hpp"
#include "batch/jobs/machine_task.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace eco2::batch {
namespace {

constexpr auto kExportRetry = std::chrono::seconds(3);
constexpr std::chrono::milliseconds kHintMax{3'600'000};

}  // namespace

std::chrono::milliseconds back_off(std::chrono::milliseconds base,
                                   std::chrono::milliseconds most,
                                   int tries,
                                   std::uint64_t random) {
    const auto full = std::min(most, base * (std::int64_t{1} << std::clamp(tries, 0, 20)));
    return full / 2 +
           std::chrono::milliseconds(static_cast<std::int64_t>(random % static_cast<std::uint64_t>(full.count() / 2 + 1)));
}

Machine::Machine(Doors doors, Settings settings) : doors_(std::move(doors)), settings_(std::move(settings)) {}
Machine::~Machine() = default;

Incident Machine::incident(const Shard& shard, std::string kind, std::string detail) const {
    return {shard.job, shard.key, std::move(kind), std::move(detail), now_ns()};
}

std::filesystem::path Machine::shard_file(const Shard& shard, std::string_view ending) const {
    return settings_.data_dir / "batch" / "shards" / ("eco2-" + shard.nonce + std::string(ending));
}

Result<void> Machine::begin() {
    if (auto made = make_folder(settings_.data_dir / "batch" / "shards"); !made) {
        return made;
    }
    renewed_ = doors_.clock.now();
    auto shards = doors_.file.active_shards();
    if (!shards) {
        return shards.error();
    }
    for (auto& shard : shards.value()) {
        const bool was_uploading = shard.state == ShardState::upload_intent;
        const bool was_submitting = shard.state == ShardState::submit_intent;
        if (!was_uploading && !was_submitting) {
            continue;
        }
        shard.state = was_uploading ? ShardState::upload_ambiguous : ShardState::submit_ambiguous;
        shard.has_stray |= was_uploading;
        shard.scans = 0;
        shard.tries = 0;
        shard.next_ns = 0;
        shard.since_ns = now_ns();
        shard.trouble = "the process ended while this was being sent";
        if (auto saved = doors_.file.save(shard); !saved) {
            return saved;
        }
    }
    return {};
}

Result<void> Machine::keep_lease() {
    if (!doors_.may_go_on()) {
        return fail(Errc::cancelled, "asked to stop");
    }
    const auto now = doors_.clock.now();
    if (now - renewed_ < settings_.lease / 3) {
        return {};
    }
    if (auto renewed = doors_.file.renew(now_ns() + std::chrono::nanoseconds(settings_.lease).count()); !renewed) {
        return renewed;
    }
    renewed_ = now;
    return {};
}

/// Right before a paid call: the file says that the jobs are ours, and the lease is not about to end.
bool Machine::owns_jobs() {
    return doors_.may_go_on() && doors_.file.renew(now_ns() + std::chrono::nanoseconds(settings_.lease).count()).has_value();
}

Transport::Hooks Machine::hooks(std::int64_t bytes_total) {
    Transport::Hooks hooks;
    hooks.may_go_on = [this, bytes_total](std::int64_t bytes) {
        doors_.on_transfer(bytes, bytes_total);
        return keep_lease().has_value();
    };
    return hooks;
}

Result<Machine::Turn> Machine::turn() {
    if (auto kept = keep_lease(); !kept) {
        return kept.error();
    }
    auto jobs = doors_.file.jobs(true);
    auto shards = jobs ? doors_.file.active_shards() : jobs.error();
    auto cancels = shards ? doors_.file.asked_cancels() : shards.error();
    if (!cancels) {
        return cancels.error();
    }
    Turn turn;
    for (const auto& job : jobs.value()) {
        if (job.state == JobState::planning) {
            continue;
        }
        std::vector<Shard> own;
        std::copy_if(shards.value().begin(), shards.value().end(), std::back_inserter(own), [&](const Shard& shard) {
            return shard.job == job.key;
        });
        const bool is_asked = std::find(cancels.value().begin(), cancels.value().end(), job.key) != cancels.value().end();
        auto worked = is_asked ? begin_cancel(job, own, "cancelled by its owner") : work_on(job, own, turn.next_ns);
        if (!worked) {
            return worked.error();
        }
        turn.has_worked |= worked.value();
    }
    return turn;
}

Result<Machine::Task*> Machine::task_of(const JobRow& job) {
    auto& task = tasks_[job.key];
    if (task != nullptr) {
        return task.get();
    }
    auto made = std::make_unique<Task>();
    made->provider_id = job.provider;
    made->provider = doors_.provider(job.provider);
    if (made->provider == nullptr) {
        return fail(Errc::plugin_missing,
                    "no plugin instance \"" + job.provider + "\" with a Batch API is started; see [[plugin]] in eco2.toml");
    }
    auto steps = doors_.steps(job);
    if (!steps) {
        return steps.error();
    }
    made->steps = std::move(steps.value());
    made->pricing = doors_.pricing(job.provider, made->provider->capabilities().price_factor);
    if (const auto* pipeline = made->steps->pipeline()) {
        made->stage_count = static_cast<int>(pipeline->stages().size());
    }
    task = std::move(made);
    return task.get();
}

/// At most one longer step a turn, so that jobs take turns and a stop is heard.
Result<bool> Machine::work_on(const JobRow& job, const std::vector<Shard>& shards, std::int64_t& next_ns) {
    auto task = task_of(job);
    if (!task) {
        // One job's missing plugin is not the others' business.
        if (job.reason != task.error().detail) {
            if (auto paused = pause(job, task.error().detail); !paused) {
                return paused.error();
            }
        }
        return false;
    }
    auto& made = *task.value();
    if (auto written = write_lived(job, made); !written || written.value()) {
        return written;
    }
    // Walks, cuts and steps take turns: a long plan is on its way to the provider before its last item has been looked at.
    const bool may_walk = job.state == JobState::open || job.state == JobState::cancelling;
    const bool may_cut = job.state == JobState::open && !(job.is_past_deadline && job.deadline_action == "live");
    if (may_cut && made.has_full_shard(settings_)) {
        auto cut_one = cut(job, made, shards, next_ns);
        made.fresh.clear();
        if (!cut_one || cut_one.value()) {
            return cut_one;
        }
    }
    if (std::exchange(made.has_just_walked, false)) {
        auto stepped = step_due(job, made, shards, next_ns);
        if (!stepped || stepped.value()) {
            return stepped;
        }
    }
    if (may_walk) {
        auto walked = walk(job, made);
        if (!walked || walked.value()) {
            made.has_just_walked = true;
            return walked;
        }
    }
    if (job.state == JobState::open && job.deadline_ns != 0 && !job.is_past_deadline && now_ns() >= job.deadline_ns) {
        return meet_deadline(job, shards);
    }
    if (job.state == JobState::open && job.is_past_deadline && job.deadline_action == "stop") {
        return begin_cancel(job, shards, "the deadline is over; what was answered is kept");
    }
    if (may_cut) {
        auto cut_one = cut(job, made, shards, next_ns);
        if (!cut_one || cut_one.value()) {
            return cut_one;
        }
    }
    if (auto stepped = step_due(job, made, shards, next_ns); !stepped || stepped.value()) {
        return stepped;
    }
    if (job.is_past_deadline && job.deadline_action == "live" && job.state == JobState::open &&
        std::all_of(shards.begin(), shards.end(), [](const Shard& shard) { return is_over(shard); })) {
        auto lived = live(job, made);
        if (!lived || lived.value()) {
            return lived;
        }
    }
    return finish(job, made, shards, next_ns);
}

/// One step of the shard that has been due the longest.
Result<bool> Machine::step_due(const JobRow& job, Task& made, const std::vector<Shard>& shards, std::int64_t& next_ns) {
    // A clock that was set back must not put everything off: nothing is ever due later than the longest wait.
    const auto now = now_ns();
    const auto latest =
        now + std::chrono::nanoseconds(std::max({2 * settings_.poll_max, 2 * settings_.retry_max, kHintMax})).count();
    const Shard* due = nullptr;
    for (const auto& shard : shards) {
        const bool is_held = job.state == JobState::paused && !is_with_provider(shard.state) && !is_over(shard) &&
                             shard.state != ShardState::downloading && shard.state != ShardState::ingesting;
        if (is_held || (shard.state == ShardState::vanished && job.state != JobState::cancelling)) {
            continue;
        }
        if (shard.next_ns > now && shard.next_ns <= latest) {
            next_ns = next_ns == 0 ? shard.next_ns : std::min(next_ns, shard.next_ns);
        } else if (due == nullptr || shard.next_ns < due->next_ns) {
            due = &shard;
        }
    }
    if (due != nullptr) {
        unsaved_.reset();
        auto stepped = step(job, made, *due);
        if (stepped && unsaved_) {
            return *unsaved_;
        }
        return stepped ? Result<bool>(true) : stepped.error();
    }
    return false;
}

/// A job all of whose items have ended, with nothing left at the provider, is over: its results are written.
Result<bool> Machine::finish(const JobRow& job, Task& task, const std::vector<Shard>& shards, std::int64_t& next_ns) {
    const bool is_terminal = job.state == JobState::done || job.state == JobState::cancelled;
    if (!shards.empty() || job.state == JobState::paused) {
        return false;
    }
    if (job.state == JobState::cancelling) {
        const bool is_late = job.is_past_deadline && job.deadline_action == "stop";
        const auto code = is_late ? Errc::deadline_exceeded : Errc::cancelled;
        if (auto cancelled = doors_.file.cancel_items(job.key,
                                                      std::string(info(code).name),
                                                      is_late ? "the job's deadline was over" : "the job was cancelled",
                                                      is_late ? RetryClass::expired : RetryClass::none);
            !cancelled) {
            return cancelled.error();
        }
    } else if (!is_terminal && job.items_done + job.items_failed < job.items) {
        auto inherited = doors_.file.inherit(job.key);
        return inherited ? Result<bool>(inherited.value() > 0) : inherited.error();
    }
    if (!is_terminal) {
        const auto end = job.state == JobState::cancelling && !(job.is_past_deadline) ? JobState::cancelled : JobState::done;
        if (auto ended = doors_.file.set_job(job.key, end, job.reason, now_ns()); !ended) {
            return ended.error();
        }
        return true;
    }
    if (job.is_exported) {
        return false;
    }
    if (task.export_ns > now_ns()) {
        next_ns = next_ns == 0 ? task.export_ns : std::min(next_ns, task.export_ns);
        return false;
    }
    if (auto written = doors_.write_results(job); !written) {
        if (written.error().code == Errc::cancelled) {
            return written.error();
        }
        // The other jobs go on; this one is tried again as long as somebody may mend it.
        doors_.log.error("batch results cannot be written", {{"job", job.id}, {"detail", written.error().detail}});
        task.export_ns = now_ns() + std::chrono::nanoseconds(kExportRetry).count();
        next_ns = next_ns == 0 ? task.export_ns : std::min(next_ns, task.export_ns);
        const auto reason = "the results cannot be written: " + written.error().detail;
        auto noted = reason == job.reason ? Result<void>() : doors_.file.set_reason(job.key, reason);
        return noted ? Result<bool>(false) : noted.error();
    }
    fail_point("export.renamed");
    if (auto marked = doors_.file.set_exported(job.key); !marked) {
        return marked.error();
    }
    fail_point("export.after");
    tasks_.erase(job.key);
    return true;
}

Result<void> Machine::abandon(Shard shard, const std::vector<LineResult>& bad) {
    shard.state = ShardState::abandoned;
    shard.reserved = 0;
    shard.since_ns = now_ns();
    shard.next_ns = 0;
    shard.is_cleaned = shard.input_file.empty() && !shard.has_stray;
    std::error_code ec;
    std::filesystem::remove(shard_file(shard, ".jsonl"), ec);
    return doors_.file.give_back(shard, bad);
}

Result<bool> Machine::begin_cancel(const JobRow& job, const std::vector<Shard>& shards, const std::string& reason) {
    // The shards first: once the job is being cancelled, nobody comes here again.
    if (auto wanted = want_cancel(shards); !wanted) {
        return wanted;
    }
    fail_point("cancel.asked");
    if (auto set = doors_.file.set_job(job.key, JobState::cancelling, reason); !set) {
        return set.error();
    }
    return true;
}

/// What is with the provider is called back; what was done there is fetched all the same.
Result<bool> Machine::want_cancel(const std::vector<Shard>& shards) {
    for (auto shard : shards) {
        if (is_over(shard) || shard.cancel != 0) {
            continue;
        }
        shard.cancel = 1;
        shard.tries = 0;
        shard.next_ns = 0;
        if (auto saved = doors_.file.save(shard); !saved) {
            return saved.error();
        }
    }
    return true;
}

/// What is with the provider first: a deadline that has been written down is not met again.
Result<bool> Machine::meet_deadline(const JobRow& job, const std::vector<Shard>& shards) {
    if (auto wanted = want_cancel(shards); !wanted) {
        return wanted;
    }
    if (auto set = doors_.file.set_past_deadline(job.key); !set) {
        return set.error();
    }
    doors_.log.warn("batch deadline", {{"job", job.id}, {"action", job.deadline_action}});
    return true;
}

/// What the provider did not get to before the deadline is asked live, a few at a time, within the cap.
Result<bool> Machine::live(const JobRow& job, Task& task) {
    auto waiting = doors_.file.unfinished(job.key, static_cast<std::size_t>(settings_.live_concurrency) * 4);
    if (!waiting) {
        return waiting.error();
    }
    if (waiting.value().empty()) {
        return false;
    }
    std::vector<ItemRow> items;
    auto room = job.money.cap - job.money.booked - job.money.reserved;
    for (auto& one : waiting.value()) {
        // The live price, and at most one more request for each stage that is left.
        const double factor = task.provider->capabilities().price_factor;
        const auto once =
            task.pricing->worst(job.model, one.tokens, one.output_max > 0 ? one.output_max : settings_.output_tokens_assumed);
        const auto worst = static_cast<std::int64_t>(static_cast<double>(once) / (factor > 0 ? factor : 1)) * task.stage_count;
        if (job.money.cap > 0 && worst > room) {
            break;
        }
        room -= worst;
        items.push_back(std::move(one.item));
    }
    if (items.empty()) {
        auto paused =
            pause(job, "the deadline is over and the cost cap leaves no room for asking live; raise --cap-usd and run again");
        return paused ? Result<bool>(false) : paused.error();
    }
    // A disk that is full is noticed before the money is spent, as far as a small write tells.
    if (auto noted = doors_.file.set_reason(job.key, job.reason); !noted) {
        return noted.error();
    }
    auto outcomes = doors_.run_live
                        ? doors_.run_live(job, items)
                        : Result<std::vector<WalkOutcome>>(fail(Errc::config_invalid, "items cannot be asked live here"));
    if (!outcomes) {
        auto paused = pause(job, outcomes.error().detail);
        return paused ? Result<bool>(false) : paused.error();
    }
    task.unwritten = std::move(outcomes.value());
    return write_lived(job, task);
}

/// Answers that a full disk has refused are written later, not asked for again.
Result<bool> Machine::write_lived(const JobRow& job, Task& task) {
    if (task.unwritten.empty()) {
        return false;
    }
    if (auto applied = doors_.file.apply(job.key, task.unwritten, 1); !applied) {
        return applied.error();
    }
    task.unwritten.clear();
    return true;
}

Result<void> Machine::pause(const JobRow& job, const std::string& reason) {
    doors_.log.warn("batch job paused", {{"job", job.id}, {"reason", reason}});
    if (job.state == JobState::cancelling) {
        return {};
    }
    return doors_.file.set_job(job.key, JobState::paused, reason);
}

void Machine::go_on(Shard& shard, ShardState state) {
    shard.state = state;
    shard.since_ns = now_ns();
    shard.next_ns = 0;
    shard.tries = 0;
    shard.scans = 0;
    shard.trouble.clear();
}

Result<void> Machine::put_off(Shard& shard, std::string trouble, std::int64_t wait_ms) {
    jitter_ = jitter_ * 6364136223846793005ULL + 1442695040888963407ULL;
    // A hint of no time at all is none.
    const auto wait = wait_ms > 0 ? std::clamp(std::chrono::milliseconds(wait_ms), settings_.retry_base, kHintMax)
                                  : back_off(settings_.retry_base, settings_.retry_max, shard.tries, jitter_ >> 33);
    ++shard.tries;
    shard.trouble = shorten(trouble, 300);
    shard.next_ns = now_ns() + std::chrono::nanoseconds(wait).count();
    return doors_.file.save(shard);
}

}  // namespace eco2::batch
