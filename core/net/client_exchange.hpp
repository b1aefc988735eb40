#pragma once

#include "model/http_client.hpp"
#include "net/client_worker.hpp"
#include "net/deadline_wheel.hpp"
#include "net/response_parser.hpp"
#include "net/upstream_connection.hpp"
#include "net/upstream_url.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace eco2::net {

/// One request on its way: get a connection, write, read, tell. A state machine that owns no buffer while it waits
/// for its answer to begin.
///
/// Thread-safety: its worker's I/O thread.
/// Lifetime:      shared by the caller's handle and by what is under way; the connection knows it while it is used.
class ClientExchange final : public std::enable_shared_from_this<ClientExchange>,
                             private ConnectionUser,
                             private ResponseSink,
                             private DeadlineUser {
public:
    ClientExchange(std::shared_ptr<ClientWorker> worker, HttpRequest request, UpstreamUrl url, HttpObserver& observer);
    ~ClientExchange();

    void start();
    void resume();
    void cancel();
    /// The handle is gone: no word any more.
    void abandon();

private:
    using Steady = std::chrono::steady_clock;
    enum class State { finding_name, connecting, asking_proxy, securing, exchanging, done };

    void begin();
    std::string pool_key() const;
    void find_name();
    void on_addresses(const Result<NameCache::Addresses>& addresses);
    void connect_next();
    bool connect_to(const boost::asio::ip::address& address);
    void on_connected();
    void ask_proxy();
    void read_proxy_answer();
    void secure();
    void shake_hands();
    void on_ready();

    void make_head();
    void write();
    void on_write_failed();
    void read();
    void wait_for_more();
    bool on_bytes(std::string_view bytes);
    void on_read_end(IoStatus status);
    void complete();
    void again();
    void forget_request();
    bool was_stale() const noexcept;
    void start_over();

    void on_readable() override;
    void on_writable() override;
    bool on_response_head(int status, const std::vector<HttpHeader>& headers) override;
    bool on_response_body(std::string_view bytes) override;

    void fail_with(Errc code, std::string detail);
    void finish(const Error* error);
    void drop_connection() noexcept;
    void give_up_place() noexcept;

    void on_deadline() override;

    std::shared_ptr<ClientWorker> worker_;
    HttpObserver* observer_;
    HttpRequest request_;
    UpstreamUrl url_;
    const Proxy* proxy_ = nullptr;
    std::shared_ptr<UpstreamConnection> connection_;
    std::unique_ptr<ResponseParser> parser_;
    Deadline deadline_;  // of the connecting or of the whole

    NameCache::Addresses addresses_;  // still to be tried
    std::string last_failure_;
    std::string output_;  // head, not wholly written
    std::size_t head_sent_ = 0;
    std::size_t body_sent_ = 0;
    std::string proxy_answer_;

    State state_ = State::finding_name;
    bool has_place_ = true;  // counts among the open exchanges
    bool is_reused_ = false;
    bool is_paused_ = false;
    bool is_written_ = false;
    bool is_write_broken_ = false;
    bool is_resume_posted_ = false;
    bool is_answering_ = false;  // the head has come
};

}  // namespace eco2::net
