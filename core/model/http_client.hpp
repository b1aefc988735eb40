#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2 {

struct HttpHeader {
    std::string_view name;  // lower case in responses
    std::string_view value;
};

struct HttpRequest {
    std::string method = "POST";
    std::string url;                                           // absolute, http or https
    std::vector<std::pair<std::string, std::string>> headers;  // without host, content-length, connection
    std::string body;
    Clock::Monotonic deadline = Clock::Monotonic::max();
    std::size_t response_bytes_max = 0;  // 0: limits::kUpstreamBodyBytesMax
    /// For URLs that strangers name: connects straight, never by a proxy, to addresses that were checked after the look-up, and
    /// only where all of the name's are public; else ssrf_blocked, also where the name has none, so that inner names stay
    /// unknown.
    bool is_public_only = false;
};

/// What one exchange tells, on the I/O thread that started it; never from inside `start`, never two at once.
class HttpObserver {
public:
    enum class Flow { go_on, pause };

    virtual ~HttpObserver() = default;
    /// Once, first; not when the exchange fails before a head has come. Lifetime: the views are borrowed for the call.
    virtual void on_head(int status, const std::vector<HttpHeader>& headers) = 0;
    /// `pause` stops reading the socket until HttpCall::resume; what is already read (one buffer) may still come.
    virtual Flow on_body(std::string_view chunk) = 0;
    /// Exactly once, last. Null: the whole response has come. The observer may be destroyed from inside.
    /// Errors: provider_unreachable, provider_tls, provider_reset, provider_timeout (deadline), provider_bad_answer
    /// (not HTTP, or over a limit), ssrf_blocked (is_public_only), cancelled.
    virtual void on_done(const Error* error) = 0;
};

/// A started exchange. Destroying it before on_done cancels and silences the observer at once.
///
/// Thread-safety: the I/O thread that started it.
class HttpCall {
public:
    virtual ~HttpCall() = default;
    virtual void resume() = 0;
    virtual void cancel() = 0;  ///< closes the connection now; on_done(cancelled) follows, not from inside
};

/// The door to upstream HTTP: pooled, with TLS, proxy and limits. `net::HttpClient` is the real one.
///
/// Thread-safety: start from an I/O thread; the exchange stays on it.
class HttpClientDoor {
public:
    virtual ~HttpClientDoor() = default;
    /// Errors: bad_request (URL), limit_exceeded (too many open exchanges). `observer` must outlive on_done or the call.
    virtual Result<std::unique_ptr<HttpCall>> start(HttpRequest request, HttpObserver& observer) = 0;
};

}  // namespace eco2
