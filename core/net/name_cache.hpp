#pragma once

#include "base/executor.hpp"
#include "base/result.hpp"

#include <boost/asio/ip/address.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace eco2::net {

/// Host names to addresses: by getaddrinfo on the blocking pool, remembered for a while. Equal questions at one time are one.
///
/// Thread-safety: one I/O thread.
/// Limits:        limits::kNamesKeptMax names, limits::kNameLifetime.
class NameCache {
public:
    using Addresses = std::vector<boost::asio::ip::address>;
    using Answer = std::function<void(const Result<Addresses>&)>;

    explicit NameCache(Executor& executor);
    ~NameCache();

    /// `answer` is called once, at once for a literal address or a known name, else later.
    /// Errors: provider_unreachable.
    void resolve(const std::string& host, Answer answer);

private:
    struct State;
    void look_up(const std::string& host);

    Executor& executor_;
    std::shared_ptr<State> state_;  // shared with look-ups that are under way
};

}  // namespace eco2::net
