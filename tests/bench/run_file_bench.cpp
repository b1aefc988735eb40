// What the file of submitted runs costs, beside the floor: SQLite's own interface, one prepared INSERT, the same transactions.
#include "store/run_file.hpp"
#include "support/temporary_folder.hpp"

#include <benchmark/benchmark.h>

#include <sqlite3.h>

#include <string>
#include <vector>

namespace eco2::store {
namespace {

constexpr std::int64_t kNow = 1'700'000'000'000'000'000;
constexpr std::size_t kPhotoBytes = 100'000;

/// As long as an event with a few words of an answer.
const std::string& event_text() {
    static const std::string text = "id: 17\nevent: answer.delta\ndata: " + std::string(150, 'x') + "\n\n";
    return text;
}

SubmittedRun run_of(std::size_t number, std::size_t photo_bytes) {
    SubmittedRun run;
    run.id = "8d3e1c52-0000-4000-8000-" + std::to_string(100'000'000'000 + number);
    run.user_id = "user-" + std::to_string(number % 1'000);
    run.pipeline = "scan";
    run.idempotency_key = run.id;
    run.input_json = std::string(200, 'i');
    run.photo = photo_bytes == 0 ? nullptr : std::make_shared<const std::string>(photo_bytes, 'p');
    run.events = {event_text()};
    run.created_ns = kNow;
    return run;
}

RunStep end_of(std::size_t number) {
    RunStep step{run_of(number, 0).id, {}, {}, RunStep::End{}};
    step.end->result_json = std::string(1'500, 'r');
    step.end->ended_ns = kNow;
    for (int i = 0; i < 40; ++i) {
        step.end->log += event_text();
    }
    return step;
}

class File {
public:
    File() : file_(RunFile::Options(folder_.file("runs.db"))) {
        if (!file_.prepare()) {
            std::abort();
        }
    }
    RunFile* operator->() { return &file_; }

    template <class Make>
    void apply(std::size_t count, Make&& make) {
        std::vector<RunOperation> operations;
        std::vector<RunOperation*> all;
        operations.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            all.push_back(&operations.emplace_back(RunOperation{make(i)}));
        }
        if (!file_.apply(all, kNow)) {
            std::abort();
        }
    }
    void submit(std::size_t first, std::size_t count, std::size_t photo_bytes = 0) {
        apply(count, [&](std::size_t i) { return RunOperation::Submit{run_of(first + i, photo_bytes)}; });
    }
    void append(std::size_t count, std::size_t runs) {
        apply(count, [&](std::size_t i) {
            return RunOperation::Append{{run_of(i % runs, 0).id, {event_text()}, {}, std::nullopt}};
        });
    }
    void end(std::size_t first, std::size_t count) {
        apply(count, [&](std::size_t i) { return RunOperation::Append{end_of(first + i)}; });
    }

private:
    test::TemporaryFolder folder_;
    RunFile file_;
};

void commit_steps(benchmark::State& state) {
    const auto rows = static_cast<std::size_t>(state.range(0));
    File file;
    file.submit(0, 500);
    for (auto _ : state) {
        file.append(rows, 500);
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(commit_steps)->Arg(1)->Arg(32)->Arg(512)->Arg(4'096)->UseRealTime()->MeasureProcessCPUTime();

void commit_steps_floor(benchmark::State& state) {
    test::TemporaryFolder folder;
    sqlite3* database = nullptr;
    sqlite3_open(folder.file("floor.db").c_str(), &database);
    const auto run = [&](const char* sql) {
        if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
            std::abort();
        }
    };
    run("PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
        "CREATE TABLE journal(seq INTEGER PRIMARY KEY, run INTEGER, events TEXT, checkpoints TEXT)");
    sqlite3_stmt* insert = nullptr;
    sqlite3_prepare_v2(database, "INSERT INTO journal VALUES (NULL, ?, ?, '')", -1, &insert, nullptr);
    for (auto _ : state) {
        run("BEGIN IMMEDIATE");
        for (std::int64_t i = 0; i < state.range(0); ++i) {
            sqlite3_bind_int64(insert, 1, i % 500);
            sqlite3_bind_text(insert, 2, event_text().data(), static_cast<int>(event_text().size()), SQLITE_STATIC);
            sqlite3_step(insert);
            sqlite3_reset(insert);
        }
        run("COMMIT");
    }
    sqlite3_finalize(insert);
    sqlite3_close(database);
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(commit_steps_floor)->Arg(1)->Arg(32)->Arg(512)->Arg(4'096)->UseRealTime()->MeasureProcessCPUTime();

/// 32 runs in one commit, submitted and then ended.
void commit_runs(benchmark::State& state) {
    constexpr std::size_t kRuns = 32;
    File file;
    std::size_t first = 0;
    for (auto _ : state) {
        file.submit(first, kRuns, static_cast<std::size_t>(state.range(0)));
        file.end(first, kRuns);
        first += kRuns;
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(first));
}
BENCHMARK(commit_runs)->Arg(0)->Arg(kPhotoBytes)->UseRealTime()->MeasureProcessCPUTime();

/// How long writes wait for one go of deleting.
void expire(benchmark::State& state) {
    File file;
    std::size_t first = 0;
    for (auto _ : state) {
        state.PauseTiming();
        file.submit(first, 256);
        file.end(first, 256);
        first += 256;
        state.ResumeTiming();
        file->expire(kNow + 1'000'000'000'000'000'000, 256).value();
    }
}
BENCHMARK(expire)->UseRealTime()->Iterations(20)->Unit(benchmark::kMillisecond);

void sweep(benchmark::State& state) {
    const auto rows = static_cast<std::size_t>(state.range(0));
    File file;
    std::size_t number = 0;
    for (auto _ : state) {
        state.PauseTiming();
        file.submit(0, 1);
        file.append(rows, 1);
        file.end(0, 1);
        file->expire(kNow + 1'000'000'000'000'000'000, 256).value();
        state.ResumeTiming();
        number += file->sweep(rows).value();
    }
    benchmark::DoNotOptimize(number);
}
BENCHMARK(sweep)->Arg(4'096)->Arg(16'384)->UseRealTime()->Iterations(20)->Unit(benchmark::kMillisecond);

/// The look at all runs under way that a second's sweep begins with, where there is nothing to sweep.
void sweep_nothing(benchmark::State& state) {
    File file;
    file.submit(0, 1'000, static_cast<std::size_t>(state.range(0)));
    file.append(1, 1);
    for (auto _ : state) {
        file->sweep(16'384).value();
    }
}
BENCHMARK(sweep_nothing)->Arg(0)->Arg(kPhotoBytes)->UseRealTime()->Unit(benchmark::kMillisecond);

/// 1,000 runs of 40 steps.
void recover(benchmark::State& state) {
    for (auto _ : state) {
        state.PauseTiming();
        File file;
        file.submit(0, 1'000, static_cast<std::size_t>(state.range(0)));
        for (int i = 0; i < 10; ++i) {
            file.append(4'000, 1'000);
        }
        std::size_t events = 0;
        state.ResumeTiming();
        file->recover([&](const StoredRun& run) { events += run.events.size(); });
        state.PauseTiming();
        if (events != 41'000) {
            std::abort();
        }
        state.ResumeTiming();
    }
}
BENCHMARK(recover)->Arg(0)->Arg(kPhotoBytes)->UseRealTime()->Iterations(3)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace eco2::store
