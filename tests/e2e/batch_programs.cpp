#include "e2e/batch_programs.hpp"

#include "batch/jobs/job_file.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <sys/file.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

namespace eco2::test {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

/// "12.0625" of a JSON text, in picousd; exact, where a double is not.
std::int64_t picousd_after(std::string_view text, std::string_view key) {
    auto at = text.find("\"" + std::string(key) + "\":");
    if (at == std::string_view::npos) {
        return -1;
    }
    at += key.size() + 3;
    std::int64_t amount = 0;
    int decimals = -1;
    for (; at < text.size() && (text[at] == '.' || (text[at] >= '0' && text[at] <= '9')); ++at) {
        if (text[at] == '.') {
            decimals = 0;
            continue;
        }
        amount = amount * 10 + (text[at] - '0');
        decimals += decimals >= 0 ? 1 : 0;
    }
    for (decimals = std::max(decimals, 0); decimals < 12; ++decimals) {
        amount *= 10;
    }
    return amount;
}

}  // namespace

BatchPrograms::BatchPrograms() {
    copy_config();
    auto text = read(config_file);
    text.resize(text.find("[prices]"));
    text +=
        "[prices]\nversion = \"test\"\nreview_by = \"\"\n[[prices.model]]\nmatch = \"*\"\ninput_usd = 1.0\n"
        "cached_input_usd = 1.0\noutput_usd = 4.0\n";
    write(config_file, text);
    for (const auto& [key, value] : {std::pair{"poll_min_ms", "100"},
                                     {"poll_max_ms", "300"},
                                     {"visibility_grace_ms", "1_000"},
                                     {"retry_base_ms", "100"},
                                     {"retry_max_ms", "500"}}) {
        set_batch(key, value);
    }
}

void BatchPrograms::set_batch(std::string_view key, std::string_view value) {
    auto text = read(config_file);
    const auto section = text.find("\n[batch]\n");
    ASSERT_NE(section, std::string::npos);
    const auto begin = [&] {
        const auto commented = text.find("\n#" + std::string(key) + " = ", section);
        return commented == std::string::npos ? text.find("\n" + std::string(key) + " = ", section) : commented;
    }();
    ASSERT_NE(begin, std::string::npos) << key << " is not in [batch]";
    const auto end = text.find('\n', begin + 1);
    write(config_file, text.replace(begin + 1, end - begin - 1, std::string(key) + " = " + std::string(value)));
}

void BatchPrograms::start_batch_fake(std::string_view batch) {
    const std::string times = R"("validating_ms":30,"in_progress_ms":60,"finalizing_ms":30,"cancelling_ms":30)";
    fs::create_directories(directory / "files");
    start_fake({"--batch",
                "{" + times + (batch.empty() ? "" : ",") + std::string(batch) + "}",
                "--batch-dir",
                (directory / "files").string()});
}

void BatchPrograms::reset_fake() const {
    ASSERT_EQ(http(fake_port_, "POST", "/fake/reset", "{}").status, 200);
}

void BatchPrograms::write_items(int items, int repeats) {
    std::string lines;
    for (int i = 0; i < items; ++i) {
        const auto content = std::to_string(i < items - repeats ? i : i - (items - repeats));
        lines += R"({"id":"item-)" + std::to_string(i) + R"(","image_url":"https://images.example.com/)" + content +
                 R"(.jpg","question":"where does this go, )" + content + "?\"}\n";
    }
    write(input(), lines);
}

void BatchPrograms::forget() const {
    fs::remove_all(data_dir);
    fs::remove_all(output());
}

Programs::Arguments BatchPrograms::job_arguments() const {
    return {"batch",
            "run",
            input(),
            "--provider",
            "openai_batch",
            "--output",
            output(),
            "--data",
            data_dir,
            "--config",
            config_file,
            "--json"};
}

std::unique_ptr<Process> BatchPrograms::start_job(const std::map<std::string, std::string>& more) {
    auto all = environment;
    all.insert(more.begin(), more.end());
    return start(Command{{}, job_arguments(), all});
}

Ended BatchPrograms::run_job(const std::map<std::string, std::string>& more, std::chrono::milliseconds time) {
    const auto process = start_job(more);
    const auto exit_code = process->exit_code_within(time);
    EXPECT_TRUE(exit_code) << "the job does not end\n" << process->out() << process->err();
    if (!exit_code) {
        process->signal(SIGKILL);
    }
    return {exit_code.value_or(-1), process->out(), process->err()};
}

Ended BatchPrograms::batch(const Arguments& arguments) {
    Arguments all{"batch"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    all.insert(all.end(), {"--data", data_dir, "--config", config_file, "--json"});
    return run(all);
}

json::object BatchPrograms::get_fake(std::string_view path) const {
    const auto reply = http(fake_port_, "GET", path);
    json::error_code ec;
    const auto value = json::parse(reply.body, ec);
    EXPECT_TRUE(!ec && value.is_object()) << path << ": " << reply.status << " " << reply.body;
    return !ec && value.is_object() ? value.get_object() : json::object{};
}

json::object BatchPrograms::bill() const {
    return get_fake("/fake/bill?requests=0&executions=0").at("batch").as_object();
}

std::int64_t BatchPrograms::asked(std::string_view kind) const {
    const auto stats = get_fake("/fake/stats");
    const auto* count = stats.at("by_kind").as_object().if_contains(kind);
    return count == nullptr ? 0 : count->to_number<std::int64_t>();
}

std::size_t BatchPrograms::files_left() const {
    return get_fake("/v1/files").at("data").as_array().size();
}

json::object BatchPrograms::report() {
    const auto told = batch({"report"});
    json::error_code ec;
    const auto value = json::parse(told.out, ec);
    EXPECT_TRUE(!ec && value.is_object()) << told;
    return !ec && value.is_object() ? value.get_object() : json::object{};
}

std::int64_t BatchPrograms::booked_picousd() {
    const auto told = batch({"report"});
    EXPECT_EQ(told.exit_code, 0) << told;
    return picousd_after(told.out, "booked_usd");
}

std::vector<fs::path> BatchPrograms::leftovers() const {
    std::vector<fs::path> found;
    for (const auto& folder : {data_dir, output()}) {
        for (const auto& entry : fs::recursive_directory_iterator(folder)) {
            const auto name = entry.path().filename().string();
            const bool is_of_shards = entry.path().parent_path().filename() == "shards";
            if (entry.is_regular_file() && (name.ends_with(".tmp") || is_of_shards)) {
                found.push_back(entry.path());
            }
        }
    }
    return found;
}

void BatchPrograms::expect_all_is_in_order(std::int64_t executed) {
    const auto billed = bill();
    EXPECT_EQ(billed.at("total").at("executed").to_number<std::int64_t>(), executed);
    EXPECT_EQ(billed.at("distinct_contents").to_number<std::int64_t>(), executed) << "something was paid for twice";
    EXPECT_TRUE(billed.at("repeated_custom_ids").as_array().empty());
    EXPECT_EQ(booked_picousd(), billed.at("total").at("cost_picousd").to_number<std::int64_t>())
        << "the ledger is not the bill";
    EXPECT_EQ(files_left(), 0U) << "files of ours stay at the provider";
    EXPECT_THAT(leftovers(), ::testing::IsEmpty());
    // prepare() checks the whole database.
    batch::JobFile file(data_dir / "batch.db");
    const auto prepared = file.prepare();
    EXPECT_TRUE(prepared) << prepared.error().detail;
    const int lock = ::open((data_dir / "batch.lock").c_str(), O_RDWR | O_CLOEXEC);
    EXPECT_EQ(::flock(lock, LOCK_EX | LOCK_NB), 0) << "somebody still works on the jobs";
    ::close(lock);
}

}  // namespace eco2::test
