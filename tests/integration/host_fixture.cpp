#include "host_fixture.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"
#include "config/host_config.hpp"
#include "unit/net/raw_socket.hpp"

#include <cstdlib>
#include <optional>

namespace eco2::test {
namespace {

std::string unchunked(std::string_view body) {
    std::string out;
    while (!body.empty()) {
        const auto line = body.find("\r\n");
        const auto size = std::strtoul(std::string(body.substr(0, line)).c_str(), nullptr, 16);
        if (line == std::string_view::npos || size == 0 || line + 2 + size > body.size()) {
            break;
        }
        out += body.substr(line + 2, size);
        body.remove_prefix(line + 2 + size + 2);
    }
    return out;
}

net::IoThreads::Options one_thread() {
    net::IoThreads::Options options;
    options.io_threads = 1;
    return options;
}

}  // namespace

std::vector<std::string> Reply::frames() const {
    std::vector<std::string> out;
    std::string_view rest = body;
    while (!rest.empty()) {
        const auto end = rest.find("\n\n");
        const auto frame = rest.substr(0, end);
        constexpr std::string_view kData = "data: ";
        if (frame.starts_with(kData)) {
            out.emplace_back(frame.substr(kData.size()));
        }
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
    }
    return out;
}

Reply http(
    unsigned short port, std::string_view method, std::string_view path, std::string_view body, std::string_view headers) {
    auto socket = RawSocket::connect(port);
    std::string text = std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    text += headers;
    if (!body.empty()) {
        text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    }
    socket.send(text + "\r\n" + std::string(body));
    const std::string answer = socket.read_to_end();
    Reply reply;
    const auto end = answer.find("\r\n\r\n");
    if (end == std::string::npos) {
        return reply;
    }
    reply.head = answer.substr(0, end);
    reply.status = std::atoi(reply.head.c_str() + std::string_view("HTTP/1.1 ").size());
    reply.body = answer.substr(end + 4);
    if (to_lower_ascii(reply.head).find("transfer-encoding: chunked") != std::string::npos) {
        reply.body = unchunked(reply.body);
    }
    return reply;
}

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

Result<void> HostFixture::try_start_host() {
    config::Overrides overrides;
    overrides.listen = "127.0.0.1:0";
    overrides.data_dir = data_dir();
    auto config = config::load_host_config(
        config_file,
        [this](std::string_view name) -> std::optional<std::string> {
            const auto found = environment.find(std::string(name));
            return found == environment.end() ? std::nullopt : std::optional(found->second);
        },
        overrides);
    if (!config) {
        return config.error();
    }
    config.value().server.io_threads = 2;
    runtime::Layout layout;
    layout.plugin_dirs = {build_dir() / "plugins"};
    auto log = runtime::log_options(config.value());
    log.sink = [this](std::string_view line) {
        const std::lock_guard lock(log_mutex_);
        log_.emplace_back(line);
    };
    host_ = std::make_unique<runtime::Host>(std::move(config.value()), layout, std::move(log));
    api_ = std::make_unique<app::Api>(*host_);
    net::ServerOptions options;
    options.refuse = &app::Api::refuse;
    server_ =
        std::make_unique<net::Server>(host_->threads(), std::move(options), [this](auto exchange) { api_->handle(exchange); });
    if (auto started = server_->start(); !started) {
        return started.error();
    }
    return host_->load();
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
    host_.reset();
}

Reply HostFixture::request(std::string_view method, std::string_view path, std::string_view body, std::string_view headers) {
    return http(server_->port(), method, path, body, headers);
}

void HostFixture::fake(std::string_view behaviour) {
    const auto reply = http(fake_->port(), "POST", "/fake/behaviour", behaviour, {});
    ASSERT_EQ(reply.status, 200) << reply.body;
}

std::vector<std::string> HostFixture::log_lines() const {
    const std::lock_guard lock(log_mutex_);
    return log_;
}

}  // namespace eco2::test
