#include "net/client_worker.hpp"

#include "base/limits.hpp"
#include "net/upstream_connection.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace eco2::net {
namespace {

using Steady = std::chrono::steady_clock;

}  // namespace

ClientWorker::ClientWorker(IoThreads& threads, std::size_t index, std::shared_ptr<const ClientShared> shared)
    : context_(threads.context(index)),
      deadlines_(threads.deadlines(index)),
      shared_(std::move(shared)),
      names_(threads),
      sweep_timer_(context_),
      read_buffer_(std::make_unique<char[]>(limits::kSocketReadBytes)) {}

ClientWorker::~ClientWorker() = default;

std::shared_ptr<UpstreamConnection> ClientWorker::take_idle(const std::string& pool_key) {
    const auto found = pools_.find(pool_key);
    if (found == pools_.end()) {
        return nullptr;
    }
    Pool& pool = found->second;
    while (!pool.empty()) {
        auto connection = pool.back().connection;
        pool.pop_back();
        counters_.idle.fetch_sub(1, std::memory_order_relaxed);
        // The loop may not have seen yet that the peer has closed it.
        if (connection->is_quiet()) {
            counters_.reused.fetch_add(1, std::memory_order_relaxed);
            return connection;
        }
        connection->close();
    }
    pools_.erase(found);
    return nullptr;
}

void ClientWorker::give_back(std::shared_ptr<UpstreamConnection> connection) {
    Pool& pool = pools_[connection->pool_key()];
    if (is_closed_ || pool.size() >= shared_->options.idle_per_origin_max) {
        connection->close();
        return;
    }
    connection->set_user(nullptr);
    connection->drop_buffer();
    connection->wait_readable();
    pool.push_back({std::move(connection), Steady::now()});
    counters_.idle.fetch_add(1, std::memory_order_relaxed);
    arm_sweep();
}

void ClientWorker::on_idle_readable(const std::shared_ptr<UpstreamConnection>& connection) {
    // TLS may have had news of its own (tickets); anything else unasked-for spoils the connection.
    if (connection->is_quiet()) {
        connection->wait_readable();
        return;
    }
    connection->close();
    const auto found = pools_.find(connection->pool_key());
    if (found == pools_.end()) {
        return;
    }
    Pool& pool = found->second;
    const auto at = std::find_if(pool.begin(), pool.end(), [&](const Idle& idle) { return idle.connection == connection; });
    if (at != pool.end()) {
        drop(pool, at);
    }
}

void ClientWorker::drop(Pool& pool, Pool::iterator at) {
    at->connection->close();
    pool.erase(at);
    counters_.idle.fetch_sub(1, std::memory_order_relaxed);
}

void ClientWorker::close() {
    is_closed_ = true;
    sweep_timer_.cancel();
    for (auto& [key, pool] : pools_) {
        while (!pool.empty()) {
            drop(pool, pool.begin());
        }
    }
    pools_.clear();
}

void ClientWorker::arm_sweep() {
    if (is_sweep_armed_) {
        return;
    }
    is_sweep_armed_ = true;
    sweep_timer_.expires_after(std::max(shared_->options.idle_timeout / 8, std::chrono::milliseconds(10)));
    sweep_timer_.async_wait([self = shared_from_this()](const boost::system::error_code& ec) {
        self->is_sweep_armed_ = false;
        if (!ec) {
            self->sweep();
        }
    });
}

void ClientWorker::sweep() {
    const auto oldest = Steady::now() - shared_->options.idle_timeout;
    for (auto each = pools_.begin(); each != pools_.end();) {
        Pool& pool = each->second;
        while (!pool.empty() && pool.front().since <= oldest) {
            drop(pool, pool.begin());
        }
        each = pool.empty() ? pools_.erase(each) : std::next(each);
    }
    if (!pools_.empty()) {
        arm_sweep();
    }
}

ssl_session_st* ClientWorker::session_for(const std::string& pool_key) const noexcept {
    const auto found = sessions_.find(pool_key);
    return found == sessions_.end() ? nullptr : found->second.get();
}

void ClientWorker::keep_session(const std::string& pool_key, SslSessionPtr session) {
    if (sessions_.size() < limits::kTlsSessionsKeptMax || sessions_.contains(pool_key)) {
        sessions_.insert_or_assign(pool_key, std::move(session));
    }
}

}  // namespace eco2::net
