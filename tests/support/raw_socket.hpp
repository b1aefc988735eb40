#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace eco2::test {

/// A blocking client or peer socket that knows nothing of HTTP. Every wait ends after five seconds.
class RawSocket {
public:
    RawSocket() = default;
    explicit RawSocket(int fd) : fd_(fd) {}
    ~RawSocket() { close(); }
    RawSocket(RawSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), ahead_(std::move(other.ahead_)) {}
    RawSocket& operator=(RawSocket&& other) noexcept;

    static RawSocket connect(unsigned short port);

    bool is_open() const noexcept { return fd_ >= 0; }
    int fd() const noexcept { return fd_; }
    /// False: the peer has closed.
    bool send(std::string_view bytes);
    /// Some bytes; empty: closed, reset or nothing came in time.
    std::string read_some();
    std::string read_some_within(std::chrono::milliseconds time);
    std::string read_to_end();
    /// Reads until `mark` has come (or the end).
    std::string read_until(std::string_view mark);
    /// One response with Content-Length or chunks (raw).
    std::string read_response();
    /// True where the peer closes or resets within `time`, whatever comes before.
    bool is_closed_within(std::chrono::milliseconds time);
    void shutdown_send();
    void reset();  // closes with RST
    void close();

private:
    int fd_ = -1;
    std::string ahead_;
};

/// Listens on 127.0.0.1, port chosen by the system.
class RawListener {
public:
    RawListener();
    ~RawListener();
    RawListener(const RawListener&) = delete;
    RawListener& operator=(const RawListener&) = delete;

    unsigned short port() const noexcept { return port_; }
    /// Not open where none came within five seconds, or after close.
    RawSocket accept();
    bool has_connection_within(std::chrono::milliseconds time);

private:
    int fd_ = -1;
    unsigned short port_ = 0;
};

}  // namespace eco2::test
