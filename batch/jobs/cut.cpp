#include "base/random.hpp"
#include "batch/jobs/fail_point.hpp"
#include "batch/jobs/machine.hpp"
#include "batch/jobs/machine_task.hpp"

#include <algorithm>
#include <utility>

/// From requests to shards, as limits and money allow.
namespace eco2::batch {
namespace {

constexpr std::int64_t kFullShare = 10;  // a shard need not be full while earlier stages go on, but hold a tenth

}  // namespace

Result<bool> Machine::cut(const JobRow& job, Task& task, const std::vector<Shard>& shards, std::int64_t& next_ns) {
    Pilot ahead{std::vector<bool>(static_cast<std::size_t>(task.stage_count), false), false};
    if (job.pilot > 0) {
        auto pilot_now = pilot(job, task);
        if (!pilot_now || pilot_now.value().has_ended) {
            return pilot_now ? Result<bool>(true) : pilot_now.error();
        }
        ahead = std::move(pilot_now.value());
    }
    for (int stage = 0; stage < task.stage_count; ++stage) {
        if (ahead.is_held[static_cast<std::size_t>(stage)]) {
            continue;
        }
        auto worked = cut_stage(job, task, stage, shards, next_ns);
        if (!worked || worked.value()) {
            return worked;
        }
    }
    return false;
}

/// Makes one shard of what is ready, where it is worth it: full, or nothing more is to come soon.
Result<bool> Machine::cut_stage(
    const JobRow& job, Task& task, int stage, const std::vector<Shard>& shards, std::int64_t& next_ns) {
    const auto& able = task.provider->capabilities();
    const auto lines_max = task.lines_max(settings_);
    auto wanted = job.pilot > 0 ? std::min(job.pilot, lines_max) : lines_max;
    auto ready = doors_.file.ready(job.key, stage);
    if (!ready) {
        return ready.error();
    }
    const std::pair place{job.key, stage};
    if (ready.value().requests == 0) {
        ready_since_.erase(place);
        return false;
    }
    const auto since = ready_since_.try_emplace(place, now_ns()).first->second;
    const bool comes_more =
        std::any_of(shards.begin(), shards.end(), [&](const Shard& shard) { return shard.stage <= stage && !is_over(shard); });
    const bool comes_now = std::any_of(shards.begin(), shards.end(), [&](const Shard& shard) {
        return shard.stage <= stage && (shard.state == ShardState::downloading || shard.state == ShardState::ingesting);
    });
    const bool is_full = ready.value().requests >= lines_max || ready.value().bytes >= able.file_bytes_max;
    const bool is_worth = ready.value().requests * kFullShare >= lines_max ||
                          ready.value().bytes * kFullShare >= able.file_bytes_max ||
                          now_ns() - since >= std::chrono::nanoseconds(settings_.poll_max).count();
    if (!is_full && (comes_now || (comes_more && !is_worth))) {
        return false;
    }
    // A shard of the same stage that was not sent yet means that a limit holds the queue up.
    const auto unsent = std::count_if(shards.begin(), shards.end(), [&](const Shard& shard) {
        return !is_over(shard) && !is_with_provider(shard.state) && shard.state != ShardState::downloading &&
               shard.state != ShardState::ingesting;
    });
    if (unsent >= 2) {
        return false;
    }
    if (able.expiry == BatchCapabilities::Expiry::lost) {
        // What was too much for the window once is not sent as one again.
        auto before = doors_.file.shards(job.key);
        if (!before) {
            return before.error();
        }
        for (const auto& shard : before.value()) {
            const bool is_lost = shard.stage == stage && shard.remote_state == "expired" && shard.booked == 0;
            wanted = is_lost ? std::clamp<std::int64_t>(shard.lines / 2, 1, wanted) : wanted;
        }
    }
    auto works = doors_.file.ready_work(job.key, stage, static_cast<std::size_t>(wanted));
    auto queue = works ? doors_.file.queue(job.provider, job.model) : works.error();
    if (!queue) {
        return queue.error();
    }
    if (queue.value().next_ns > now_ns()) {
        next_ns = next_ns == 0 ? queue.value().next_ns : std::min(next_ns, queue.value().next_ns);
        return false;
    }
    std::int64_t tokens_max = settings_.enqueued_tokens_max > 0 ? settings_.enqueued_tokens_max : able.enqueued_tokens_max;
    if (queue.value().tokens_max > 0) {
        tokens_max = tokens_max > 0 ? std::min(tokens_max, queue.value().tokens_max) : queue.value().tokens_max;
    }
    Shard shard;
    shard.job = job.key;
    shard.stage = stage;
    shard.model = job.model;
    shard.nonce = random_hex(6);
    shard.since_ns = now_ns();
    std::vector<std::int64_t> keys;
    std::int64_t missing = 0;
    const auto room = job.money.cap - job.money.booked - job.money.reserved;
    for (const auto& work : works.value()) {
        const auto worst = task.pricing->worst(job.model, work.tokens, work.output_max);
        if (job.money.cap > 0 && shard.reserved + worst > room) {
            missing = shard.reserved + worst - room;
            break;
        }
        if (!keys.empty() &&
            (shard.bytes + work.bytes > able.file_bytes_max || (tokens_max > 0 && shard.tokens + work.tokens > tokens_max))) {
            break;
        }
        keys.push_back(work.key);
        shard.bytes += work.bytes;
        shard.tokens += work.tokens;
        shard.reserved += worst;
    }
    if (keys.empty()) {
        // What is under way gives its reservation back when it is settled.
        if (missing > 0 && !std::any_of(shards.begin(), shards.end(), [](const Shard& other) { return other.reserved > 0; })) {
            auto paused = pause(job,
                                "the cost cap is reached: the next request could cost " + usd(missing) +
                                    " more than is left; raise --cap-usd and run again");
            if (!paused) {
                return paused.error();
            }
        }
        return false;
    }
    auto planned = doors_.file.plan_shard(shard, keys);
    if (!planned) {
        return planned.error();
    }
    ready_since_.erase(place);
    fail_point("shard.planned");
    return true;
}

}  // namespace eco2::batch
