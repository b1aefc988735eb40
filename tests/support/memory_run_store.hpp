#pragma once

#include "base/executor.hpp"
#include "model/run_store.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eco2::test {

/// Keeps runs in memory, with the real store's answers in the real order. It can be told to fail.
class MemoryRunStore final : public RunStoreDoor {
public:
    explicit MemoryRunStore(Executor& executor) : executor_(executor) {}

    void submit(SubmittedRun run, std::function<void(Result<Submitted>)> done) override {
        if (const auto error = next_failure()) {
            return tell(std::move(done), Result<Submitted>(*error));
        }
        const auto known = find({run.user_id, run.idempotency_key, run.fingerprint});
        if (!known || *known) {
            return tell(std::move(done), known ? Result<Submitted>(**known) : known.error());
        }
        StoredRun stored;
        stored.summary.id = run.id;
        stored.summary.user_id = run.user_id;
        stored.summary.pipeline = run.pipeline;
        stored.summary.replay_of = run.replay_of;
        stored.summary.created_ns = run.created_ns;
        stored.input_json = run.input_json;
        stored.photo = run.photo;
        stored.events = run.events;
        stored.checkpoints = run.checkpoints;
        keys_[run.id] = {run.idempotency_key, run.fingerprint};
        runs[run.id] = std::move(stored);
        tell(std::move(done), Result<Submitted>(Submitted{run.id, false}));
    }

    void find_submitted(IdempotencyKey key, std::function<void(Result<std::optional<Submitted>>)> done) override {
        tell(std::move(done), find(key));
    }

    void append(RunStep step, std::function<void(Result<void>)> done) override {
        ++appends;
        const auto found = runs.find(step.run_id);
        if (const auto error = next_failure()) {
            return tell(std::move(done), Result<void>(*error));
        }
        if (found == runs.end() || found->second.summary.state != RunState::queued) {
            return tell(std::move(done), Result<void>(fail(Errc::not_found)));
        }
        auto& run = found->second;
        run.events.insert(run.events.end(), step.events.begin(), step.events.end());
        run.checkpoints.insert(run.checkpoints.end(), step.checkpoints.begin(), step.checkpoints.end());
        if (step.end) {
            std::string log;
            for (const auto& event : run.events) {
                log += event;
            }
            is_log_whole = is_log_whole && log == step.end->log;
            run.summary.state = step.end->state;
            run.summary.error = step.end->error;
            run.summary.ended_ns = step.end->ended_ns;
            run.result_json = step.end->result_json;
            run.checkpoints = step.end->checkpoints;
        }
        tell(std::move(done), Result<void>());
    }

    void load(std::string run_id, std::function<void(Result<StoredRun>)> done) override {
        const auto found = runs.find(run_id);
        tell(std::move(done),
             found == runs.end() ? Result<StoredRun>(fail(Errc::not_found)) : Result<StoredRun>(found->second));
    }

    void list(RunFilter filter, std::function<void(Result<std::vector<RunSummary>>)> done) override {
        std::vector<RunSummary> found;
        for (const auto& [id, run] : runs) {
            if (filter.user_id.empty() || run.summary.user_id == filter.user_id) {
                found.push_back(run.summary);
            }
        }
        tell(std::move(done), Result<std::vector<RunSummary>>(std::move(found)));
    }

    void count_replay(std::string run_id, std::function<void(Result<void>)> done) override {
        ++runs[run_id].summary.replays;
        tell(std::move(done), Result<void>());
    }

    void forget_user(std::string user_id, std::function<void(Result<std::size_t>)> done) override {
        const auto count = std::erase_if(runs, [&](const auto& entry) { return entry.second.summary.user_id == user_id; });
        tell(std::move(done), Result<std::size_t>(count));
    }

    std::map<std::string, StoredRun> runs;
    int appends = 0;
    bool is_log_whole = true;      // every end brought the whole log with it
    std::map<int, Errc> failures;  // the n-th submit or append, from 1, fails with this
    int operations = 0;

private:
    Result<std::optional<Submitted>> find(const IdempotencyKey& key) const {
        for (const auto& [id, run] : runs) {
            const auto& [own, fingerprint] = keys_.at(id);
            if (key.key.empty() || own != key.key || run.summary.user_id != key.user_id) {
                continue;
            }
            return fingerprint == key.fingerprint ? Result<std::optional<Submitted>>(Submitted{id, true})
                                                  : fail(Errc::idempotency_conflict);
        }
        return std::nullopt;
    }
    std::optional<Error> next_failure() {
        const auto found = failures.find(++operations);
        return found == failures.end() ? std::nullopt : std::optional(fail(found->second, "told by the test"));
    }
    template <class Value>
    void tell(std::function<void(Value)> done, Value value) {
        executor_.post([done = std::move(done), value = std::move(value)](TaskFate fate) {
            if (fate == TaskFate::due) {
                done(value);
            }
        });
    }

    Executor& executor_;
    std::map<std::string, std::pair<std::string, std::string>> keys_;
};

}  // namespace eco2::test
