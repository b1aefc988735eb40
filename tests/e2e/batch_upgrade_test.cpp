#include "e2e/batch_programs.hpp"
#include "store/sqlite_file.hpp"

#include <boost/json/parse.hpp>

#include <signal.h>

#include <set>
#include <sstream>

namespace eco2::test {
namespace {

namespace fs = std::filesystem;
using Poco::Data::Keywords::now;

/// A data directory that another edition of the program, its pipelines or its prompts has left behind.
class BatchUpgrade : public BatchPrograms {
protected:
    static constexpr int kItems = 6;

    void write_input(const std::string& name) {
        std::string lines;
        for (int i = 0; i < kItems; ++i) {
            lines += R"({"id":")" + std::to_string(i) + R"(","image_url":"https://images.example.com/)" + name +
                     std::to_string(i) + ".jpg\"}\n";
        }
        write(directory / (name + ".jsonl"), lines);
    }
    fs::path folder_of(const std::string& name) const { return directory / ("out-" + name); }
    Ended job(const std::string& command,
              const std::string& name,
              const Arguments& more = {},
              const std::string& fail_point = {},
              const fs::path& data = {}) {
        Arguments arguments{"batch",
                            command,
                            directory / (name + ".jsonl"),
                            "--output",
                            folder_of(name),
                            "--data",
                            data.empty() ? data_dir : data,
                            "--config",
                            config_file,
                            "--json"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        auto all = environment;
        if (!fail_point.empty()) {
            all["ECO2_FAIL_POINT"] = fail_point;
        }
        const auto process = start(Command{{}, arguments, all});
        return ended(*process);
    }
    std::string results_of(const std::string& name) { return read(folder_of(name) / "results.jsonl"); }
    /// By `eco2 batch status`.
    std::map<std::string, std::string> ids_by_state() {
        std::map<std::string, std::string> found;
        std::istringstream lines(batch({"status"}).out);
        for (std::string line; std::getline(lines, line);) {
            const auto told = boost::json::parse(line);
            found[std::string(told.at("state").as_string())] = told.at("job").as_string();
        }
        return found;
    }
    std::int64_t distinct_contents() const { return bill().at("distinct_contents").to_number<std::int64_t>(); }
    void advance(int seconds) const {
        EXPECT_EQ(http(fake_port_, "POST", "/fake/batch/advance", "{\"seconds\":" + std::to_string(seconds) + "}").status, 200);
    }
    /// Other prompts in every place, and the models of the jobs are none of the pipeline's any more.
    void edit_pipeline() {
        for (const auto* file : {"vision.ko.md", "vision.en.md", "answer.ko.md", "answer.en.md"}) {
            write(config_dir / "prompts" / file, read(config_dir / "prompts" / file) + "\nBe brief.\n");
        }
        edit("pipelines/scan.toml", R"(models = ["gpt-5.2", )", "models = [");
    }
};

TEST_F(BatchUpgrade, of_the_pipeline_leaves_jobs_of_every_state_to_their_own_definition) {
    set_batch("echo", "false");  // whose tokens make every request another one
    start_batch_fake();
    for (const auto* name : {"open", "paused", "planning", "cancelling", "done", "cancelled"}) {
        write_input(name);
    }
    std::map<std::string, std::string> undisturbed;
    for (const auto* name : {"open", "paused", "done"}) {
        ASSERT_EQ(job("run", name, {}, {}, directory / "other-data").exit_code, 0);
        undisturbed[name] = results_of(name);
        fs::remove_all(folder_of(name));
    }

    ASSERT_EQ(job("run", "done").exit_code, 0);
    ASSERT_EQ(job("run", "paused", {"--cap-usd", "0.0000001"}).exit_code, 1);
    ASSERT_EQ(job("run", "planning", {}, "plan.open").exit_code, -SIGKILL);
    fake(R"({"batch":{"in_progress_ms":3600000}})");
    ASSERT_EQ(job("submit", "cancelled").exit_code, 0);
    ASSERT_EQ(batch({"cancel", ids_by_state().at("open")}).exit_code, 0);
    ASSERT_EQ(job("submit", "cancelling").exit_code, 0);
    const auto to_be_cancelled = ids_by_state().at("open");
    ASSERT_EQ(job("submit", "open").exit_code, 0);
    environment["ECO2_FAIL_POINT"] = "cancel.sent";
    ASSERT_EQ(batch({"cancel", to_be_cancelled}).exit_code, -SIGKILL);
    environment.erase("ECO2_FAIL_POINT");
    const auto jobs = ids_by_state();
    for (const auto* state : {"open", "paused", "planning", "cancelling", "done", "cancelled"}) {
        ASSERT_TRUE(jobs.contains(state)) << state;
    }

    edit_pipeline();
    EXPECT_EQ(batch({"watch", jobs.at("cancelling")}).exit_code, 1);
    const auto before = distinct_contents();
    fake(R"({"batch":{"in_progress_ms":60}})");
    advance(3'601);
    EXPECT_EQ(job("run", "open").exit_code, 0);
    EXPECT_EQ(job("run", "paused", {"--cap-usd", "10"}).exit_code, 0);
    EXPECT_EQ(job("run", "done").exit_code, 0);
    for (const auto& [name, expected] : undisturbed) {
        EXPECT_EQ(results_of(name), expected) << name;
    }
    EXPECT_EQ(distinct_contents(), before) << "something was asked by the new prompts";
    EXPECT_EQ(job("run", "planning").exit_code, 0);
    EXPECT_GE(distinct_contents(), before + kItems) << "a job of which nothing was sent is planned anew";
    const auto left = ids_by_state();
    EXPECT_EQ(left.size(), 2U);
    EXPECT_TRUE(left.contains("done") && left.contains("cancelled"));
    EXPECT_EQ(files_left(), 0U);
}

TEST_F(BatchUpgrade, is_not_undone_by_an_older_program) {
    start_batch_fake();
    write_items(kItems);
    ASSERT_EQ(run_job().exit_code, 0);
    {
        store::SqliteConnection open({data_dir / "batch.db"});
        open.session() << "UPDATE schema_version SET version = 99", now;
    }
    const auto before = read(data_dir / "batch.db");
    for (const auto& arguments : {Arguments{"status"}, {"report"}, {"cancel", "b0"}, {"retry", "b0"}, {"results", "b0"}}) {
        const auto refused = batch(arguments);
        EXPECT_EQ(refused.exit_code, 3) << arguments.front() << ": " << refused;
        EXPECT_TRUE(refused.tells("its schema is 99")) << refused;
    }
    const auto refused = run_job();
    EXPECT_EQ(refused.exit_code, 3) << refused;
    EXPECT_TRUE(refused.tells("start the newer program")) << refused;
    EXPECT_EQ(read(data_dir / "batch.db"), before);
}

}  // namespace
}  // namespace eco2::test
