#include "net/server.hpp"

#include "base/io_thread.hpp"
#include "base/limits.hpp"
#include "net/server_worker.hpp"

#include <boost/asio/io_context.hpp>

#include <netdb.h>

#include <cstring>
#include <future>
#include <utility>

namespace eco2::net {
using boost::asio::ip::tcp;
namespace {

Result<tcp::endpoint> resolve(const std::string& host, unsigned short port) {
    boost::system::error_code ec;
    const auto address = boost::asio::ip::make_address(host, ec);
    if (!ec) {
        return tcp::endpoint(address, port);
    }
    assert_may_block();
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    const int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
    if (status != 0) {
        return fail(Errc::io_failed, "cannot listen on " + host + ":" + std::to_string(port) + ": " + ::gai_strerror(status));
    }
    tcp::endpoint endpoint;
    endpoint.resize(found->ai_addrlen);
    std::memcpy(endpoint.data(), found->ai_addr, found->ai_addrlen);
    endpoint.port(port);
    ::freeaddrinfo(found);
    return endpoint;
}

}  // namespace

std::string_view ServerRequest::header(std::string_view name) const noexcept {
    for (const auto& [key, value] : headers) {
        if (key == name) {
            return value;
        }
    }
    return {};
}

ServerOptions::ServerOptions()
    : head_bytes_max(limits::kRequestHeadBytesMax),
      body_bytes_max(limits::kRequestBodyBytesMax),
      head_timeout(limits::kRequestHeadTimeout),
      body_timeout(limits::kRequestBodyTimeout),
      idle_timeout(limits::kConnectionIdleTimeout),
      write_stall_timeout(limits::kWriteStallTimeout),
      connections_max(limits::kConnectionsMax) {}

class Server::Impl {
public:
    Impl(IoThreads& threads, ServerOptions options, Handler handler)
        : threads_(threads), shared_(std::make_shared<ServerShared>()) {
        shared_->options = std::move(options);
        shared_->handler = std::move(handler);
    }

    ~Impl() { stop(); }

    Result<void> start() {
        if (const ServerTls* tls = shared_->options.tls.get()) {
            auto context = make_server_context(tls->certificate_file, tls->key_file);
            if (!context) {
                return context.error();
            }
            shared_->tls = std::move(*context);
        }
        auto endpoint = resolve(shared_->options.host, shared_->options.port);
        if (!endpoint) {
            return endpoint.error();
        }
        for (std::size_t i = 0; i < threads_.size(); ++i) {
            auto worker = std::make_shared<ServerWorker>(threads_, i, shared_);
            // Our acceptors share the port (SO_REUSEPORT); alone, that would also let a second server of the same user take
            // half of the first one's connections, unnoticed.
            auto listening = i == 0 ? worker->check_free(*endpoint) : Result<void>();
            if (listening) {
                listening = worker->listen(*endpoint);
            }
            if (!listening) {
                workers_.clear();
                return listening;
            }
            port_ = worker->local_endpoint().port();
            endpoint->port(port_);
            shared_->workers.push_back(worker);
            workers_.push_back(std::move(worker));
        }
        on_each_worker([](ServerWorker& worker) { worker.accept(); });
        return {};
    }

    unsigned short port() const noexcept { return port_; }
    std::size_t connection_count() const noexcept { return shared_->connection_count; }

    void drain() {
        shared_->is_draining = true;
        on_each_worker([](ServerWorker& worker) { worker.drain(); });
    }

    void stop() {
        shared_->is_draining = true;
        on_each_worker([](ServerWorker& worker) { worker.close_all(); });
        workers_.clear();
    }

private:
    // Runs `action` on every worker's thread and waits. Where the threads have stopped, nothing else can touch the workers.
    void on_each_worker(const std::function<void(ServerWorker&)>& action) {
        if (!threads_.is_running()) {
            for (const auto& worker : workers_) {
                action(*worker);
            }
            return;
        }
        assert_may_block();
        std::vector<std::future<void>> done;
        for (std::size_t i = 0; i < workers_.size(); ++i) {
            auto promise = std::make_shared<std::promise<void>>();
            done.push_back(promise->get_future());
            threads_.post_to(static_cast<int>(i), [&action, promise, worker = workers_[i]](TaskFate) {
                action(*worker);
                promise->set_value();
            });
        }
        for (auto& each : done) {
            each.wait();
        }
    }

    IoThreads& threads_;
    std::shared_ptr<ServerShared> shared_;
    std::vector<std::shared_ptr<ServerWorker>> workers_;
    unsigned short port_ = 0;
};

Server::Server(IoThreads& threads, ServerOptions options, Handler handler)
    : impl_(std::make_unique<Impl>(threads, std::move(options), std::move(handler))) {}
Server::~Server() = default;

Result<void> Server::start() {
    return impl_->start();
}
unsigned short Server::port() const noexcept {
    return impl_->port();
}
void Server::drain() {
    impl_->drain();
}
std::size_t Server::connection_count() const noexcept {
    return impl_->connection_count();
}
void Server::stop() {
    impl_->stop();
}

}  // namespace eco2::net
