#include "export_files.hpp"
#include "support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>

#include <unistd.h>

#include <cerrno>
#include <functional>

namespace eco2::batch {
namespace {

using test::done;
using test::failed;
using test::files_in;
using testing::HasSubstr;
using testing::StartsWith;

/// Something happens in place of the n-th system call.
class TroubledCalls final : public FileCalls {
public:
    TroubledCalls(int nth, std::function<void()> trouble) : nth_(nth), trouble_(std::move(trouble)) {}
    int create(const char* path) noexcept override { return is_due() ? -1 : FileCalls::create(path); }
    ssize_t write(int fd, const void* bytes, std::size_t size) noexcept override {
        if (is_due()) {
            // As a disk does that fills up: some of it is still written.
            return calls_ == nth_ && size > 1 ? FileCalls::write(fd, bytes, size / 2) : -1;
        }
        return FileCalls::write(fd, bytes, size);
    }
    int sync(int fd) noexcept override { return is_due() ? -1 : FileCalls::sync(fd); }
    int rename(const char* from, const char* to) noexcept override {
        renames_ += 1;
        return is_due() ? -1 : FileCalls::rename(from, to);
    }
    int calls() const noexcept { return calls_; }
    int renames() const noexcept { return renames_; }

private:
    /// From the n-th call on: what is broken stays broken.
    bool is_due() {
        if (++calls_ < nth_) {
            return false;
        }
        trouble_();
        return true;
    }

    const int nth_;
    const std::function<void()> trouble_;
    int calls_ = 0;
    int renames_ = 0;
};

class ExportFailures : public testing::Test {
protected:
    std::filesystem::path out() const { return folder_.path() / "out"; }

    Result<std::vector<ExportedFile>> write(const std::string& job, FileCalls& calls = FileCalls::real()) {
        auto writer = ResultWriter::open(out(), ResultWriter::Form::result, calls);
        if (!writer) {
            return writer.error();
        }
        const std::string text(280'000, 'x');  // more than is held back: rows are written as they come
        for (std::int64_t line = 1; line <= 3; ++line) {
            const auto id = job + "-" + std::to_string(line);
            const auto row = line == 2 ? failed(id, line, "X", "y") : done(id, line, "{\"t\":\"" + text + "\"}");
            if (auto added = (*writer)->add(row, std::vector<LineageStage>(1)); !added) {
                return added.error();
            }
        }
        ExportManifest manifest;
        manifest.job = job;
        return (*writer)->commit(manifest);
    }

    /// How many calls an export has.
    int calls_of_one() {
        EXPECT_TRUE(write("first"));  // it makes the folder
        TroubledCalls counting(1'000'000, [] {});
        EXPECT_TRUE(write("count", counting));
        return counting.calls();
    }

    eco2::test::TemporaryFolder folder_;
};

TEST_F(ExportFailures, whichever_call_fails_the_files_before_are_untouched_or_whole_new_ones) {
    const int calls = calls_of_one();
    ASSERT_GT(calls, 15);
    ASSERT_TRUE(write("new"));
    const auto after = files_in(out());
    for (int nth = 1; nth <= calls; ++nth) {
        SCOPED_TRACE(nth);
        ASSERT_TRUE(write("old"));
        const auto before = files_in(out());
        TroubledCalls troubled(nth, [] { errno = ENOSPC; });
        const auto result = write("new", troubled);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, Errc::io_failed);
        EXPECT_THAT(result.error().detail, HasSubstr(out().string()));
        EXPECT_THAT(result.error().detail, HasSubstr("No space left"));
        const auto now = files_in(out());
        EXPECT_EQ(now.size(), 4U);
        if (troubled.renames() <= 1 && now.at("results.jsonl") == before.at("results.jsonl")) {
            EXPECT_EQ(now, before);
        }
        for (const auto& [name, bytes] : now) {
            EXPECT_TRUE(bytes == before.at(name) || bytes == after.at(name)) << name;
        }
        if (now.at("manifest.json") == after.at("manifest.json")) {
            EXPECT_EQ(now, after);
        }
    }
}

TEST_F(ExportFailures, wherever_it_is_killed_the_next_export_is_as_if_nothing_had_happened) {
    const int calls = calls_of_one();
    ASSERT_TRUE(write("new"));
    const auto after = files_in(out());
    std::size_t with_leftovers = 0;
    for (int nth = 1; nth <= calls; ++nth) {
        SCOPED_TRACE(nth);
        ASSERT_TRUE(write("old"));
        const auto before = files_in(out());
        const auto child = ::fork();
        if (child == 0) {
            TroubledCalls troubled(nth, [] { ::_exit(9); });
            static_cast<void>(write("new", troubled));
            ::_exit(0);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_EQ(WEXITSTATUS(status), 9);
        const auto crashed = files_in(out());
        with_leftovers += crashed.size() > 4 ? 1 : 0;
        for (const auto& [name, bytes] : crashed) {
            EXPECT_TRUE(name.starts_with(".eco2-") || bytes == before.at(name) || bytes == after.at(name)) << name;
        }
        if (crashed.at("manifest.json") == after.at("manifest.json")) {
            EXPECT_EQ(crashed.at("results.jsonl"), after.at("results.jsonl"));
        }
        ASSERT_TRUE(write("new"));
        EXPECT_EQ(files_in(out()), after);
    }
    EXPECT_GT(with_leftovers, 5U);
}

TEST_F(ExportFailures, leftovers_go_when_a_writer_opens_and_other_files_stay) {
    std::filesystem::create_directories(out());
    for (const auto* name : {".eco2-results.jsonl.tmp", ".eco2-old-name.tmp", ".eco2-keep", "notes.tmp"}) {
        std::ofstream(out() / name) << "x";
    }
    { auto writer = ResultWriter::open(out(), ResultWriter::Form::result); }
    const auto files = files_in(out());
    EXPECT_EQ(files.size(), 2U);
    EXPECT_TRUE(files.contains(".eco2-keep") && files.contains("notes.tmp"));
}

TEST_F(ExportFailures, a_writer_that_is_dropped_leaves_nothing) {
    {
        auto writer = ResultWriter::open(out(), ResultWriter::Form::result);
        ASSERT_TRUE((*writer)->add(done("a", 1, "{}"), {}));
    }
    EXPECT_TRUE(files_in(out()).empty());
}

TEST_F(ExportFailures, two_writers_are_never_at_one_folder) {
    auto first = ResultWriter::open(out(), ResultWriter::Form::result);
    const auto second = ResultWriter::open(out(), ResultWriter::Form::result);
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().detail, StartsWith("another export is being written into"));
    EXPECT_TRUE((*first)->commit({}));
}

TEST_F(ExportFailures, a_folder_that_cannot_be_one_is_told) {
    std::ofstream(folder_.file("file")) << "x";
    const auto writer = ResultWriter::open(folder_.path() / "file", ResultWriter::Form::result);
    ASSERT_FALSE(writer);
    EXPECT_THAT(writer.error().detail, HasSubstr("cannot use "));
}

}  // namespace
}  // namespace eco2::batch
