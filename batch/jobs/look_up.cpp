#include "batch/jobs/fail_point.hpp"
#include "batch/jobs/machine.hpp"
#include "batch/jobs/machine_task.hpp"

#include <algorithm>
#include <utility>

/// What a provider has, where nobody knows what became of a request.
namespace eco2::batch {
namespace {

constexpr int kPagesMax = 200;  // of a look-up; a provider that pages for ever is no proof
constexpr int kTriesOfPermanent = 3;

}  // namespace

/// Looks for the file by its name. An upload costs nothing: where it is not found it is sent again, and a stray one is deleted
/// when the shard is cleaned up.
Result<void> Machine::find_upload(Task& task, Shard shard) {
    if (task.provider->capabilities().can_list) {
        std::string page;
        for (int pages = 0; pages < kPagesMax; ++pages) {
            BatchAsk look;
            look.step = BatchStep::list_files;
            look.page_after = page;
            const auto reply = ask(task, look, shard);
            if (!reply) {
                return {};  // put off: a look-up that fails says nothing
            }
            const auto found = std::find_if(reply->files.begin(), reply->files.end(), [&](const RemoteFile& file) {
                return file.name == file_name_of(shard) && (file.bytes < 0 || file.bytes == shard.bytes);
            });
            if (found != reply->files.end()) {
                go_on(shard, ShardState::uploaded);
                shard.input_file = found->id;
                auto saved =
                    doors_.file.save(shard, incident(shard, "adopted_file", "an upload without a reply was found by its name"));
                fail_point("reconcile.after");
                return saved;
            }
            const bool is_older = is_past(reply->files, shard);
            page = reply->next_page;
            if (page.empty() || is_older) {
                break;
            }
        }
    }
    shard.state = ShardState::built;
    shard.next_ns = 0;
    return doors_.file.save(shard,
                            incident(shard, "uploaded_again", "an upload without a reply was not found and is sent again"));
}

Result<void> Machine::find_batch(const JobRow& job, Task& task, Shard shard) {
    if (!task.provider->capabilities().can_list) {
        return vanish(job, std::move(shard), "whether a batch was created cannot be found out: this provider lists none");
    }
    shard.state = ShardState::submit_ambiguous;
    std::string page;
    bool is_whole = false;
    for (int pages = 0; pages < kPagesMax && !is_whole; ++pages) {
        BatchAsk look;
        look.step = BatchStep::list;
        look.page_after = page;
        BatchFault fault;
        const auto reply = ask(task, look, shard, &fault);
        if (!reply) {
            const bool has_none = fault.http_status == 404 || fault.http_status == 405 || fault.http_status == 501;
            if (has_none && shard.cancel == 0) {
                return vanish(
                    job, std::move(shard), "whether a batch was created cannot be found out: this provider lists none");
            }
            if (has_none || (shard.cancel != 0 && shard.tries >= kTriesOfPermanent)) {
                if (auto noted = doors_.file.note(incident(shard, "orphan", "a batch may be there that cannot be found"));
                    !noted) {
                    return noted;
                }
                return abandon(std::move(shard));
            }
            return {};
        }
        // By its tag, or by the file that is nobody else's: some servers drop the one, none the other.
        const auto found = std::find_if(reply->batches.begin(), reply->batches.end(), [&](const RemoteBatch& batch) {
            return batch.tag == shard.nonce || (!shard.input_file.empty() && batch.input_file == shard.input_file);
        });
        if (found != reply->batches.end()) {
            go_on(shard, ShardState::submitted);
            shard.batch = found->id;
            shard.remote_state = name_of(found->state);
            auto saved =
                doors_.file.save(shard, incident(shard, "adopted", "a batch whose creation got no reply was found by its tag"));
            fail_point("reconcile.after");
            return saved;
        }
        const bool is_older = is_past(reply->batches, shard);
        page = reply->next_page;
        is_whole = page.empty() || is_older;
    }
    const auto grace = std::chrono::nanoseconds(settings_.visibility_grace).count();
    const auto now = now_ns();
    // Since the exchange ended, not since it began: the provider may have acted in its last moment. A clock that was set back
    // makes it count anew.
    shard.since_ns = std::min(shard.since_ns, now);
    if (is_whole && now - shard.since_ns >= grace) {
        ++shard.scans;
    }
    if (shard.scans >= kCleanScans) {
        go_on(shard, ShardState::uploaded);
        shard.has_twin = true;
        return doors_.file.save(
            shard,
            incident(
                shard, "created_again", "a batch whose creation got no reply is not there after the grace: it is created now"));
    }
    const auto wait = std::clamp(std::chrono::nanoseconds(settings_.visibility_grace).count() / 4,
                                 std::int64_t{100'000'000},
                                 std::chrono::nanoseconds(settings_.poll_min).count());
    shard.trouble = "looking for a batch whose creation got no reply";
    shard.tries = 0;
    shard.next_ns = now + std::max(wait, std::int64_t{50'000'000});
    return doors_.file.save(shard);
}

/// A batch that was created again may have been there all the time, in no list that we have seen.
Result<void> Machine::find_twin(Task& task, Shard shard) {
    std::string page;
    for (int pages = 0; pages < 20; ++pages) {
        BatchAsk look;
        look.step = BatchStep::list;
        look.page_after = page;
        const auto reply = ask(task, look, shard);
        if (!reply) {
            shard.is_cleaned = shard.tries >= kCleanTries;
            return shard.is_cleaned ? doors_.file.save(shard) : Result<void>();
        }
        for (const auto& twin : reply->batches) {
            if (twin.tag != shard.nonce || twin.id == shard.batch) {
                continue;
            }
            if (!twin.is_terminal() && twin.state != RemoteBatch::State::cancelling) {
                BatchAsk cancel;
                cancel.step = BatchStep::cancel;
                cancel.id = twin.id;
                BatchFault fault;
                (void)ask(task, cancel, shard, &fault);
            }
            if (auto noted = doors_.file.note(incident(shard,
                                                       "orphan",
                                                       "batch " + twin.id +
                                                           " was created without a reply and showed up late; it is cancelled, "
                                                           "and what it has run is paid twice"));
                !noted) {
                return noted;
            }
        }
        page = reply->next_page;
        if (page.empty()) {
            break;
        }
    }
    shard.is_cleaned = true;
    shard.next_ns = 0;
    return doors_.file.save(shard);
}

/// What only its operator can decide: the job stands still, and nothing is thrown away.
Result<void> Machine::vanish(const JobRow& job, Shard shard, const std::string& trouble) {
    shard.state = ShardState::vanished;
    shard.trouble = trouble;
    shard.next_ns = 0;
    if (auto saved = doors_.file.save(shard, incident(shard, "vanished", trouble)); !saved) {
        return saved;
    }
    return pause(job,
                 trouble + "; `eco2 batch run` or `watch` looks again, `eco2 batch retry " + job.id +
                     " --class vanished` sends its open requests again (they may be paid twice), `eco2 batch cancel " + job.id +
                     "` gives them up");
}

}  // namespace eco2::batch
