#pragma once

#include "app/api.hpp"
#include "app/reloads.hpp"
#include "fake_provider/fake_provider.hpp"
#include "net/server.hpp"
#include "runtime/host.hpp"
#include "support/http_request.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::test {

/// A whole host in this process: the shipped configuration and plugins, real sockets, and a fake provider behind it.
class HostFixture : public ::testing::Test {
protected:
    HostFixture();
    ~HostFixture() override;

    /// Environment variables that the configuration sees; set before start_host.
    std::map<std::string, std::string> environment;
    /// Another configuration file than the shipped one.
    std::filesystem::path config_file;

    /// Loads everything and starts listening.
    void start_host();
    Result<void> try_start_host();
    void stop_host();
    /// As `eco2 reload`: reads config_file and environment anew.
    Result<runtime::ReloadReport> reload();

    /// Sends one request and reads the whole reply. `headers` are whole lines with their CRLF.
    Reply request(std::string_view method, std::string_view path, std::string_view body = {}, std::string_view headers = {});
    Reply scan(std::string_view body) { return request("POST", "/api/v1/scan/classify/completion", body); }
    Reply classify(std::string_view body) { return request("POST", "/api/v1/scan/classify", body); }

    /// POST /fake/behaviour.
    void fake(std::string_view behaviour);
    fake::FakeStats fake_stats() const { return fake_->stats(); }

    /// Waits until `condition` holds; false after five seconds.
    static bool eventually(const std::function<bool()>& condition);

    std::filesystem::path data_dir() const { return directory_ / "data"; }
    unsigned short port() const { return server_->port(); }
    std::vector<std::string> log_lines() const;

    static std::filesystem::path build_dir();
    static std::filesystem::path source_dir();

    const std::filesystem::path directory_;  // of this test, removed afterwards
    std::unique_ptr<runtime::Host> host_;

private:
    Result<config::HostConfig> read_config(const std::filesystem::path& data_dir);

    net::IoThreads fake_threads_;
    std::unique_ptr<fake::FakeProvider> fake_;
    std::unique_ptr<app::Reloads> reloads_;
    std::unique_ptr<app::Api> api_;
    std::unique_ptr<net::Server> server_;
    mutable std::mutex log_mutex_;
    std::vector<std::string> log_;
};

inline const std::string kUrlBody = R"({"image_url":"https://images.example.com/a.jpg"})";

}  // namespace eco2::test
