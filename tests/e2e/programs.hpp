#pragma once

#include "e2e/process.hpp"
#include "support/http_request.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::test {

/// What a program that ended left behind.
struct Ended {
    int exit_code = -1;
    std::string out;
    std::string err;

    bool tells(std::string_view text) const { return err.find(text) != std::string::npos; }
    bool shows(std::string_view text) const { return out.find(text) != std::string::npos; }
};

std::ostream& operator<<(std::ostream& out, const Ended& ended);

/// The built programs in a directory of the test's own: eco2 with the build's configuration and plugins, and a fake provider.
class Programs : public ::testing::Test {
protected:
    using Arguments = std::vector<std::string>;

    Programs();
    ~Programs() override;

    static std::filesystem::path build_dir();
    static std::filesystem::path source_dir();
    static std::filesystem::path photo(std::string_view name);

    /// Starts eco2 with `environment`.
    std::unique_ptr<Process> start(const Arguments& arguments);
    std::unique_ptr<Process> start(Command command);
    /// The same, and waits for its end; a program that does not end is killed and fails the test.
    Ended run(const Arguments& arguments);
    Ended ended(Process& process) const;

    /// A fake provider, quick unless `options` say otherwise; `environment` then points to it.
    void start_fake(const Arguments& options = {"--vision-ms", "5", "--answer-ms", "5"});
    /// POST /fake/behaviour.
    void fake(std::string_view behaviour);
    /// A number of GET /fake/stats.
    std::int64_t fake_count(std::string_view name) const;

    /// `eco2 serve` on a free port, with the test's data directory; waits until it is ready.
    void start_serve(const Arguments& more = {});
    Arguments serve_arguments(const Arguments& more = {}) const;
    void wait_until_listening();
    /// SIGTERM, and its exit code.
    int stop_serve();
    Reply get(std::string_view path) const { return http(serve_port_, "GET", path); }
    Reply scan(std::string_view body) const { return http(serve_port_, "POST", kScanPath, body); }
    Reply classify(std::string_view body) const { return http(serve_port_, "POST", "/api/v1/scan/classify", body); }

    /// A copy of the shipped configuration to change; `config_file` is its eco2.toml.
    void copy_config();
    /// Replaces the first `from` in a file of the copy; fails the test if it is not there.
    void edit(const std::filesystem::path& file, std::string_view from, std::string_view to);
    /// A copy of the shipped plugins, which the copied configuration then names.
    void copy_plugins();

    static std::string read(const std::filesystem::path& file);
    static void write(const std::filesystem::path& file, std::string_view text);
    /// A port that nobody listens on.
    static unsigned short free_port();
    static bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds time = std::chrono::seconds(10));
    /// The body of a scan with an inline photo.
    static std::string photo_body(std::string_view name);

    static constexpr std::string_view kScanPath = "/api/v1/scan/classify/completion";
    static constexpr std::string_view kUrlBody = R"({"image_url":"https://images.example.com/a.jpg"})";

    std::map<std::string, std::string> environment;
    const std::filesystem::path directory;
    const std::filesystem::path config_dir;
    const std::filesystem::path config_file;
    const std::filesystem::path plugins_dir;
    const std::filesystem::path data_dir;

    std::unique_ptr<Process> fake_process;
    std::unique_ptr<Process> serve_process;
    unsigned short fake_port_ = 0;
    unsigned short serve_port_ = 0;

private:
    int started_ = 0;
};

}  // namespace eco2::test
