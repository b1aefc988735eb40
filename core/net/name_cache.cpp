#include "net/name_cache.hpp"

#include "base/io_thread.hpp"
#include "base/limits.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <netdb.h>

#include <cstring>
#include <utility>

namespace eco2::net {
namespace {

using Steady = std::chrono::steady_clock;
using boost::asio::ip::address;

address to_address(const sockaddr& from) {
    if (from.sa_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(from);
        boost::asio::ip::address_v6::bytes_type bytes;
        std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
        return boost::asio::ip::address_v6(bytes, v6.sin6_scope_id);
    }
    return boost::asio::ip::address_v4(ntohl(reinterpret_cast<const sockaddr_in&>(from).sin_addr.s_addr));
}

Result<NameCache::Addresses> ask_system(const std::string& host) {
    assert_may_block();
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* found = nullptr;
    const int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
    if (status != 0) {
        return fail(Errc::provider_unreachable, "cannot find the address of " + host + ": " + ::gai_strerror(status));
    }
    NameCache::Addresses out;
    for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
        if (each->ai_family == AF_INET || each->ai_family == AF_INET6) {
            out.push_back(to_address(*each->ai_addr));
        }
    }
    ::freeaddrinfo(found);
    return out;
}

}  // namespace

struct NameCache::State {
    struct Known {
        Addresses addresses;
        Steady::time_point until;
    };

    void remember(const std::string& host, const Addresses& addresses) {
        if (known.size() >= limits::kNamesKeptMax) {
            std::erase_if(known, [now = Steady::now()](const auto& each) { return each.second.until <= now; });
        }
        if (known.size() < limits::kNamesKeptMax) {
            known.insert_or_assign(host, Known{addresses, Steady::now() + limits::kNameLifetime});
        }
    }

    void tell(const std::string& host, const Result<Addresses>& result) {
        if (result) {
            remember(host, *result);
        }
        const auto node = waiting.extract(host);
        if (node) {
            for (const Answer& answer : node.mapped()) {
                answer(result);
            }
        }
    }

    std::unordered_map<std::string, Known> known;
    std::unordered_map<std::string, std::vector<Answer>> waiting;
};

NameCache::NameCache(Executor& executor) : executor_(executor), state_(std::make_shared<State>()) {}
NameCache::~NameCache() = default;

void NameCache::resolve(const std::string& host, Answer answer) {
    boost::system::error_code ec;
    const address literal = boost::asio::ip::make_address(host, ec);
    if (!ec) {
        return answer(Addresses{literal});
    }
    const auto known = state_->known.find(host);
    if (known != state_->known.end() && known->second.until > Steady::now()) {
        return answer(known->second.addresses);
    }
    auto& waiting = state_->waiting[host];
    waiting.push_back(std::move(answer));
    if (waiting.size() == 1) {
        look_up(host);
    }
}

void NameCache::look_up(const std::string& host) {
    auto result = std::make_shared<Result<Addresses>>(fail(Errc::provider_unreachable, "the host is stopping"));
    const bool is_accepted = executor_.run_blocking(
        [host, result](TaskFate fate) {
            if (fate == TaskFate::due) {
                *result = ask_system(host);
            }
        },
        [host, result, state = state_](TaskFate) { state->tell(host, *result); });
    if (!is_accepted) {
        *result = fail(Errc::provider_unreachable, "cannot look up " + host + ": too much blocking work is waiting");
        executor_.post([host, result, state = state_](TaskFate) { state->tell(host, *result); });
    }
}

}  // namespace eco2::net
