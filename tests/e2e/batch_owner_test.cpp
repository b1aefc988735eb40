#include "batch/jobs/job_file.hpp"
#include "e2e/batch_programs.hpp"

#include <signal.h>

#include <cstdlib>
#include <fstream>
#include <thread>

namespace eco2::test {
namespace {

using namespace std::chrono_literals;

/// Who works on the jobs where several processes would.
class BatchOwner : public BatchPrograms {
protected:
    static constexpr int kItems = 20;
    static constexpr int kCreatesOfAJob = 2;  // a batch a stage

    batch::JobFile::Owner owner() const {
        batch::JobFile file(data_dir / "batch.db");
        const auto found = file.owner();
        return found ? found.value() : batch::JobFile::Owner{};
    }
    static int owner_pid(const batch::JobFile::Owner& owner) { return static_cast<int>(std::abs(owner.pid)); }
    /// In the state T of /proc.
    static bool is_frozen(int pid) { return state_of(pid) == 'T'; }
    /// Gone, or a zombie that nobody has buried yet.
    static bool is_over(int pid) {
        const char state = state_of(pid);
        return state == '\0' || state == 'Z';
    }
    static char state_of(int pid) {
        std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
        std::string line;
        std::getline(in, line);
        const auto name_end = line.rfind(')');
        return name_end == std::string::npos || name_end + 2 >= line.size() ? '\0' : line[name_end + 2];
    }

    void expect_ended_well(Process& job) { EXPECT_EQ(job.exit_code_within(30s), 0) << job.out() << job.err(); }
    void expect_one_of_each() {
        EXPECT_EQ(asked("batch.create"), kCreatesOfAJob);
        expect_all_is_in_order(2 * kItems);
        EXPECT_EQ(report().at("jobs").as_array().size(), 1U);
    }
};

class BatchFrozen : public BatchOwner {
protected:
    void SetUp() override {
        set_batch("lease_ms", "500");
        write_items(kItems);
    }
    /// A job whose process is frozen at `point`, and a second process that has taken over.
    void freeze(const std::string& point) {
        frozen_ = start_job({{"ECO2_FAIL_POINT", point + "=stop"}});
        ASSERT_TRUE(eventually([&] { return is_frozen(frozen_->pid()); }, 20s)) << frozen_->out() << frozen_->err();
        second_ = start_job();
        ASSERT_TRUE(eventually([&] { return owner_pid(owner()) == second_->pid(); }, 20s)) << second_->out() << second_->err();
        EXPECT_EQ(owner().generation, 2);
    }

    std::unique_ptr<Process> frozen_;
    std::unique_ptr<Process> second_;
};

TEST_F(BatchFrozen, before_its_paid_call_does_not_make_it_when_it_wakes_after_another_has_done_the_work) {
    start_batch_fake();
    freeze("submit.intent");
    expect_ended_well(*second_);
    const auto done = results();
    frozen_->signal(SIGCONT);
    expect_ended_well(*frozen_);
    EXPECT_EQ(results(), done);
    expect_one_of_each();
}

TEST_F(BatchFrozen, before_its_paid_call_follows_when_it_wakes_while_another_works) {
    start_batch_fake(R"("in_progress_ms":2500)");
    freeze("submit.intent");
    ASSERT_TRUE(eventually([&] { return asked("batch.create") == 1; }, 20s)) << second_->out();
    frozen_->signal(SIGCONT);
    std::this_thread::sleep_for(1s);
    EXPECT_TRUE(frozen_->is_running()) << frozen_->out() << frozen_->err();
    EXPECT_EQ(owner_pid(owner()), second_->pid()) << "it has taken the jobs back from a process that works on them";
    EXPECT_EQ(owner().generation, 2);
    EXPECT_EQ(asked("batch.create"), 1);
    expect_ended_well(*second_);
    expect_ended_well(*frozen_);
    expect_one_of_each();
}

// Between the look at the lease and the first byte there is an instant that nothing closes: what leaves then is found by its
// tag, as a lost reply is.
TEST_F(BatchFrozen, behind_its_last_look_makes_a_batch_that_the_other_adopts) {
    set_batch("visibility_grace_ms", "20_000");
    start_batch_fake();
    freeze("submit.fenced");
    EXPECT_EQ(asked("batch.create"), 0);
    frozen_->signal(SIGCONT);
    expect_ended_well(*second_);
    expect_ended_well(*frozen_);
    expect_one_of_each();
}

class BatchServe : public BatchOwner {
protected:
    void SetUp() override { write_items(kItems); }
    /// A job that is with the provider, and nobody who works on it.
    void submit_job() {
        auto arguments = job_arguments();
        arguments[1] = "submit";
        const auto left = run(arguments);
        ASSERT_EQ(left.exit_code, 0) << left;
        ASSERT_EQ(owner().expires_ns, 0);
    }
    int wait_for_worker() {
        EXPECT_TRUE(eventually([&] { return owner().expires_ns != 0; }, 20s)) << serve_process->err();
        return owner_pid(owner());
    }
};

TEST_F(BatchServe, does_the_jobs_of_its_data_directory) {
    start_batch_fake();
    submit_job();
    start_serve();
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(output() / "manifest.json"); }, 20s)) << serve_process->err();
    EXPECT_EQ(stop_serve(), 0);
    expect_one_of_each();
}

TEST_F(BatchServe, that_is_killed_leaves_no_process_behind_and_the_next_one_goes_on) {
    start_batch_fake(R"("in_progress_ms":2000)");
    submit_job();
    start_serve();
    const int worker = wait_for_worker();
    ASSERT_NE(worker, serve_process->pid());
    ASSERT_FALSE(is_over(worker));
    serve_process->signal(SIGKILL);
    EXPECT_TRUE(eventually([&] { return is_over(worker); }, 2s)) << "an orphan";
    EXPECT_EQ(serve_process->exit_code_within(2s), -SIGKILL);
    start_serve();
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(output() / "manifest.json"); }, 20s)) << serve_process->err();
    EXPECT_EQ(stop_serve(), 0);
    expect_one_of_each();
}

TEST_F(BatchServe, works_while_a_run_beside_it_follows) {
    start_batch_fake(R"("in_progress_ms":1500)");
    submit_job();
    start_serve();
    const int worker = wait_for_worker();
    const auto generation = owner().generation;
    const auto follower = start_job();
    ASSERT_TRUE(follower->out_has(R"("answered":20)")) << follower->out() << follower->err();
    EXPECT_EQ(owner_pid(owner()), worker);
    EXPECT_EQ(owner().generation, generation);
    expect_ended_well(*follower);
    EXPECT_EQ(owner().generation, generation) << "it has worked";
    EXPECT_EQ(stop_serve(), 0);
    expect_one_of_each();
}

}  // namespace
}  // namespace eco2::test
