#pragma once

#include "net/deadline_wheel.hpp"
#include "net/request_parser.hpp"
#include "net/server_worker.hpp"
#include "net/transport.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace eco2::net {

/// One client's connection: a state machine that owns no buffer while it waits.
///
/// Thread-safety: its worker's I/O thread.
/// Lifetime:      kept by the worker until it is closed, then by what is still under way (a wait, an exchange).
class ServerSession final : public std::enable_shared_from_this<ServerSession>, private Waker, private DeadlineUser {
public:
    ServerSession(std::shared_ptr<ServerWorker> worker, Transport transport, std::string peer);
    ~ServerSession();

    void start();
    void drain();
    void close() noexcept;

    // the exchange's side
    void respond(ServerResponse response);
    void stream(ServerResponse head, std::unique_ptr<BodySource> source, std::chrono::milliseconds keep_alive_interval);
    void stream_raw(std::unique_ptr<BodySource> source, bool resets);
    void on_client_gone(std::function<void()> callback);
    void on_exchange_dropped();

private:
    enum class State { handshaking, reading, handling, replying, streaming, lingering, closed };

    void wake() noexcept override;

    void handshake();
    void wait_readable();
    void wait_writable();
    void on_readable();
    void on_read(std::string_view bytes);
    void on_read_end(IoStatus status);
    void on_writable();

    void read_request(std::string_view bytes);
    std::size_t feed_parser(std::string_view bytes);
    void on_head_done(std::size_t unread);
    void dispatch();
    void refuse(const Error& error);

    void send(std::string_view bytes);
    void flush();
    void on_sent();
    void start_source(std::unique_ptr<BodySource> source);
    void pump();
    void count_source(std::string& data);
    void stay_quiet();
    void append_chunk(std::string& out, std::string_view data) const;
    void finish_reply();
    void linger();

    void set_deadline(std::chrono::milliseconds time_from_now);
    void on_deadline() override;

    std::shared_ptr<ServerWorker> worker_;
    Transport transport_;
    Deadline deadline_;

    std::string peer_;
    std::unique_ptr<RequestParser> parser_;  // while a request is being read
    std::string input_;                      // read and not yet parsed
    std::string output_;                     // not yet taken by the socket
    std::size_t output_sent_ = 0;
    std::unique_ptr<BodySource> source_;
    std::function<void()> gone_callback_;
    std::chrono::milliseconds quiet_interval_{0};
    std::int64_t source_bytes_left_ = -1;  // -1: not known
    std::size_t lingered_bytes_ = 0;

    State state_ = State::reading;
    bool keeps_alive_ = true;
    bool is_head_request_ = false;
    bool is_http_1_0_ = false;
    bool is_chunked_ = false;
    bool ends_with_reset_ = false;
    bool is_waiting_to_read_ = false;
    bool is_waiting_to_write_ = false;
    bool is_parsing_ = false;
    bool is_wake_posted_ = false;
    bool wants_pull_ = false;
    bool has_ended_ = false;
    bool has_peer_ended_ = false;
};

}  // namespace eco2::net
