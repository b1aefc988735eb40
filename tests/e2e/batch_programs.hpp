#pragma once

#include "e2e/programs.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::test {

/// `eco2 batch` as a user runs it, against a fake provider whose batches take a fraction of a second and whose prices are the
/// configuration's: what was booked and what was billed must be the same number.
class BatchPrograms : public Programs {
protected:
    BatchPrograms();

    /// A fake provider with quick batches; `batch` adds to their times and faults.
    void start_batch_fake(std::string_view batch = {});
    /// Anew: no files, no batches, nothing billed.
    void reset_fake() const;
    /// Writes `items` lines of the pipeline "scan" to input(). `repeats`: so many of them ask what another one asks.
    void write_items(int items, int repeats = 0);
    /// Replaces a commented key of [batch], or one that was set before.
    void set_batch(std::string_view key, std::string_view value);
    /// Nothing of an earlier job: `data_dir` and output() are gone.
    void forget() const;

    std::filesystem::path input() const { return directory / "in.jsonl"; }
    std::filesystem::path output() const { return directory / "out"; }
    Arguments job_arguments() const;
    std::unique_ptr<Process> start_job(const std::map<std::string, std::string>& more = {});
    /// Runs until the job ends or the program dies; one that does not end within `time` is killed and fails the test.
    Ended run_job(const std::map<std::string, std::string>& more = {},
                  std::chrono::milliseconds time = std::chrono::seconds(60));
    Ended batch(const Arguments& arguments);
    std::string results() const { return read(output() / "results.jsonl"); }

    boost::json::object get_fake(std::string_view path) const;
    boost::json::object bill() const;
    std::int64_t asked(std::string_view kind) const;  ///< GET /fake/stats, by_kind
    std::size_t files_left() const;
    boost::json::object report();
    /// Of `eco2 batch report`, exact.
    std::int64_t booked_picousd();

    /// What holds after a job, whatever happened on its way: paid once for each content, booked what was billed, nothing left
    /// at the provider or on the disk, the database whole.
    void expect_all_is_in_order(std::int64_t executed);
    std::vector<std::filesystem::path> leftovers() const;
};

}  // namespace eco2::test
