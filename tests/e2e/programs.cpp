#include "e2e/programs.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"
#include "support/raw_socket.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

namespace eco2::test {
namespace {

namespace fs = std::filesystem;

constexpr auto kPatience = std::chrono::seconds(20);

/// The number that follows `mark`, or 0.
unsigned short port_after(const std::string& text, std::string_view mark) {
    const auto at = text.find(mark);
    return at == std::string::npos ? static_cast<unsigned short>(0)
                                   : static_cast<unsigned short>(std::atoi(text.c_str() + at + mark.size()));
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Ended& ended) {
    return out << "exit code " << ended.exit_code << "\n--- out\n" << ended.out << "\n--- err\n" << ended.err;
}

Programs::Programs()
    : directory(fs::temp_directory_path() / ("eco2-e2e-" + new_uuid())),
      config_dir(directory / "config"),
      config_file(config_dir / "eco2.toml"),
      plugins_dir(directory / "plugins"),
      data_dir(directory / "data") {
    fs::create_directories(directory);
    environment["PATH"] = "/usr/bin:/bin";
    environment["OPENAI_API_KEY"] = "test-key-0123456789";
}

Programs::~Programs() {
    if (HasFailure() && serve_process != nullptr) {
        std::printf("--- serve\n%s\n", serve_process->err().c_str());
    }
    serve_process.reset();
    fake_process.reset();
    std::error_code ec;
    fs::permissions(directory, fs::perms::owner_all, fs::perm_options::add, ec);
    fs::remove_all(directory, ec);
}

fs::path Programs::build_dir() {
    return ECO2_TEST_BUILD_DIR;
}
fs::path Programs::source_dir() {
    return ECO2_TEST_SOURCE_DIR;
}
fs::path Programs::photo(std::string_view name) {
    return source_dir() / "tests" / "support" / "photos" / name;
}

std::unique_ptr<Process> Programs::start(Command command) {
    if (command.program.empty()) {
        command.program = build_dir() / "bin" / "eco2";
    }
    if (command.environment.empty()) {
        command.environment = environment;
    }
    return std::make_unique<Process>(command, directory, "program" + std::to_string(++started_));
}

std::unique_ptr<Process> Programs::start(const Arguments& arguments) {
    return start(Command{{}, arguments, {}});
}

Ended Programs::ended(Process& process) const {
    const auto exit_code = process.exit_code_within(kPatience);
    EXPECT_TRUE(exit_code) << "the program did not end";
    if (!exit_code) {
        process.signal(SIGKILL);
    }
    return {exit_code.value_or(-1), process.out(), process.err()};
}

Ended Programs::run(const Arguments& arguments) {
    const auto process = start(arguments);
    return ended(*process);
}

void Programs::start_fake(const Arguments& options) {
    Arguments arguments{"fake-provider", "--listen", "127.0.0.1:0"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    fake_process = start(arguments);
    ASSERT_TRUE(fake_process->out_has("/fake/reset")) << ended(*fake_process);
    fake_port_ = port_after(fake_process->out(), "OPENAI_BASE_URL=http://127.0.0.1:");
    ASSERT_NE(fake_port_, 0);
    environment["OPENAI_BASE_URL"] = "http://127.0.0.1:" + std::to_string(fake_port_) + "/v1";
}

void Programs::fake(std::string_view behaviour) {
    const auto reply = http(fake_port_, "POST", "/fake/behaviour", behaviour);
    ASSERT_EQ(reply.status, 200) << reply.body;
}

std::int64_t Programs::fake_count(std::string_view name) const {
    return boost::json::parse(http(fake_port_, "GET", "/fake/stats").body).at(name).to_number<std::int64_t>();
}

Programs::Arguments Programs::serve_arguments(const Arguments& more) const {
    Arguments arguments{"serve", "--data", data_dir};
    const bool has_own = std::find(more.begin(), more.end(), "--config") != more.end();
    if (!has_own && fs::exists(config_file)) {
        arguments.insert(arguments.end(), {"--config", config_file});
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

void Programs::wait_until_listening() {
    ASSERT_TRUE(serve_process->err_has(R"("msg":"listening")")) << ended(*serve_process);
    serve_port_ = port_after(serve_process->err(), R"("address":"127.0.0.1:)");
    ASSERT_NE(serve_port_, 0) << serve_process->err();
}

void Programs::start_serve(const Arguments& more) {
    Arguments all{"--listen", "127.0.0.1:0"};
    all.insert(all.end(), more.begin(), more.end());
    serve_process = start(serve_arguments(all));
    wait_until_listening();
    ASSERT_TRUE(serve_process->err_has(R"("msg":"ready")")) << serve_process->err();
}

int Programs::stop_serve() {
    serve_process->signal(SIGTERM);
    return ended(*serve_process).exit_code;
}

void Programs::copy_config() {
    fs::copy(build_dir() / "share" / "eco2", config_dir, fs::copy_options::recursive);
}

void Programs::edit(const fs::path& file, std::string_view from, std::string_view to) {
    auto text = read(config_dir / file);
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from << " is not in " << file;
    write(config_dir / file, text.replace(at, from.size(), to));
}

void Programs::copy_plugins() {
    for (const auto* id : {"openai", "openai_batch", "rules_sqlite", "reward_character"}) {
        fs::create_directories(plugins_dir / id);
        for (const auto& file : {std::string(id) + ".so", std::string("plugin.toml")}) {
            fs::copy_file(build_dir() / "plugins" / id / file, plugins_dir / id / file);
        }
    }
    if (!fs::exists(config_file)) {
        copy_config();
    }
    edit("eco2.toml", "#dirs = []", "dirs = [\"" + plugins_dir.native() + "\"]");
}

std::string Programs::read(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    EXPECT_TRUE(in) << file;
    return {std::istreambuf_iterator<char>(in), {}};
}

void Programs::write(const fs::path& file, std::string_view text) {
    std::ofstream(file, std::ios::binary) << text;
}

unsigned short Programs::free_port() {
    return RawListener().port();
}

bool Programs::eventually(const std::function<bool()>& condition, std::chrono::milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

std::string Programs::photo_body(std::string_view name) {
    return R"({"image":"data:image/jpeg;base64,)" + base64_encode(read(photo(name))) + "\"}";
}

}  // namespace eco2::test
