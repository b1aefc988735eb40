#pragma once

#include "batch/wire/poco_transport.hpp"
#include "support/raw_socket.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <utility>

namespace eco2::batch {

inline std::ostream& operator<<(std::ostream& out, WireResult::End end) {
    return out << (end == WireResult::End::answered ? "answered" : end == WireResult::End::not_sent ? "not_sent" : "broken");
}

}  // namespace eco2::batch

namespace eco2::test {

/// A provider on a thread of its own that does what the script says, connection by connection.
class Peer {
public:
    explicit Peer(std::function<void(RawListener&)> script)
        : port_(listener_.port()), thread_([this, script = std::move(script)] { script(listener_); }) {}
    ~Peer() { join(); }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    std::string url(const std::string& path = "/v1/x") const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
    unsigned short port() const noexcept { return port_; }
    /// Until the script has ended.
    void join() {
        if (thread_.joinable()) {
            thread_.join();
        }
    }
    bool has_connection_within(std::chrono::milliseconds time) { return listener_.has_connection_within(time); }

private:
    RawListener listener_;
    unsigned short port_;
    std::thread thread_;
};

/// The whole request: head, and as much as its content-length says.
inline std::string read_request(RawSocket& socket) {
    std::string all = socket.read_until("\r\n\r\n");
    const std::size_t at = all.find("content-length: ");
    const std::size_t size = at == std::string::npos ? 0 : std::stoul(all.substr(at + 16));
    const std::size_t whole = all.size() + size;
    while (all.size() < whole) {
        const std::string some = socket.read_some();
        if (some.empty()) {
            break;
        }
        all += some;
    }
    return all;
}

inline std::string text_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_file(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

inline void write_zeros(const std::string& path, std::uintmax_t size) {
    write_file(path, "");
    std::filesystem::resize_file(path, size);
}

/// Text in which each place differs from its neighbours, so that a byte too many or too few is seen.
inline std::string numbered(std::size_t size) {
    std::string text;
    for (std::size_t number = 0; text.size() < size; ++number) {
        text += std::to_string(number) + ',';
    }
    text.resize(size);
    return text;
}

class WireTest : public testing::Test {
protected:
    using WireResult = batch::WireResult;
    using End = batch::WireResult::End;
    using Options = batch::PocoTransport::Options;

    void make(Options options) {
        auto made = batch::PocoTransport::make(std::move(options));
        ASSERT_TRUE(made) << made.error().detail;
        transport_ = std::move(*made);
    }
    static Options quick() {
        Options options;
        options.connect_timeout = std::chrono::seconds(5);
        options.idle_timeout = std::chrono::seconds(5);
        return options;
    }
    static BatchRequest get(const std::string& url) { return {"GET", url, {{"authorization", "Bearer sk-1"}}, "", ""}; }
    static BatchRequest post(const std::string& url, const std::string& body = "{\"a\":1}") {
        return {"POST", url, {{"authorization", "Bearer sk-1"}, {"content-type", "application/json"}}, body, ""};
    }

    void SetUp() override { make(quick()); }

    TemporaryFolder folder_;
    std::unique_ptr<batch::PocoTransport> transport_;
};

}  // namespace eco2::test
