#include "host_fixture.hpp"

#include "base/ids.hpp"
#include "config/host_config.hpp"

#include <chrono>
#include <future>
#include <optional>
#include <thread>

namespace eco2::test {
namespace {

net::IoThreads::Options one_thread() {
    net::IoThreads::Options options;
    options.io_threads = 1;
    return options;
}

}  // namespace

std::filesystem::path HostFixture::build_dir() {
    return ECO2_TEST_BUILD_DIR;
}
std::filesystem::path HostFixture::source_dir() {
    return ECO2_TEST_SOURCE_DIR;
}

HostFixture::HostFixture()
    : config_file(build_dir() / "share" / "eco2" / "eco2.toml"),
      directory_(std::filesystem::temp_directory_path() / ("eco2-test-" + new_uuid())),
      fake_threads_(one_thread()) {
    std::filesystem::create_directories(directory_);
    fake_threads_.start();
    fake::FakeOptions options;
    options.latency.vision_ms = 5;
    options.latency.answer_ms = 5;
    fake_ = std::make_unique<fake::FakeProvider>(fake_threads_, options);
    fake_->start().value();
    environment["OPENAI_BASE_URL"] = "http://127.0.0.1:" + std::to_string(fake_->port()) + "/v1";
    environment["OPENAI_API_KEY"] = "test-key-0123456789";
}

HostFixture::~HostFixture() {
    stop_host();
    fake_->stop();
    fake_threads_.stop();
    std::error_code ec;
    std::filesystem::remove_all(directory_, ec);
}

Result<config::HostConfig> HostFixture::read_config(const std::filesystem::path& data_dir) {
    config::Overrides overrides;
    overrides.listen = "127.0.0.1:0";
    overrides.data_dir = data_dir;
    auto config = config::load_host_config(
        config_file,
        [this](std::string_view name) -> std::optional<std::string> {
            const auto found = environment.find(std::string(name));
            return found == environment.end() ? std::nullopt : std::optional(found->second);
        },
        overrides);
    if (config) {
        config.value().server.io_threads = 2;
    }
    return config;
}

Result<void> HostFixture::try_start_host() {
    auto config = read_config(data_dir());
    if (!config) {
        return config.error();
    }
    runtime::Layout layout;
    layout.plugin_dirs = {build_dir() / "plugins"};
    auto log = runtime::log_options(config.value());
    log.sink = [this](std::string_view line) {
        const std::lock_guard lock(log_mutex_);
        log_.emplace_back(line);
    };
    host_ = std::make_unique<runtime::Host>(std::move(config.value()), layout, std::move(log));
    const auto access = app::Access::make(*host_->config(), host_->log(), system_clock()).value();
    reloads_ = std::make_unique<app::Reloads>(*host_, access, [this](const std::optional<std::filesystem::path>& dir) {
        return read_config(dir.value_or(data_dir()));
    });
    api_ = std::make_unique<app::Api>(*host_, access);
    net::ServerOptions options;
    options.refuse = [this](const Error& error) { return api_->refuse(error); };
    server_ =
        std::make_unique<net::Server>(host_->threads(), std::move(options), [this](auto exchange) { api_->handle(exchange); });
    if (auto started = server_->start(); !started) {
        return started.error();
    }
    return host_->load(runtime::Host::Purpose::serve);
}

void HostFixture::start_host() {
    const auto started = try_start_host();
    ASSERT_TRUE(started) << started.error().text();
}

void HostFixture::stop_host() {
    if (host_ == nullptr) {
        return;
    }
    server_->stop();
    const auto stopped = host_->stop();
    EXPECT_TRUE(stopped) << stopped.error().text();
    server_.reset();
    api_.reset();
    reloads_.reset();
    host_.reset();
}

Result<runtime::ReloadReport> HostFixture::reload() {
    std::promise<Result<runtime::ReloadReport>> promise;
    reloads_->request([&](const auto& report) { promise.set_value(report); });
    return promise.get_future().get();
}

Reply HostFixture::request(std::string_view method, std::string_view path, std::string_view body, std::string_view headers) {
    return http(server_->port(), method, path, body, headers);
}

void HostFixture::fake(std::string_view behaviour) {
    const auto reply = http(fake_->port(), "POST", "/fake/behaviour", behaviour, {});
    ASSERT_EQ(reply.status, 200) << reply.body;
}

bool HostFixture::eventually(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

std::vector<std::string> HostFixture::log_lines() const {
    const std::lock_guard lock(log_mutex_);
    return log_;
}

}  // namespace eco2::test
