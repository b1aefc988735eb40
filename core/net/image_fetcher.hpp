#pragma once

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "model/http_client.hpp"
#include "net/url_guard.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace eco2::net {

/// Gets photos from URLs that strangers name. What comes is bytes: what they are is told by their content alone.
///
/// Every URL on the way, the first and each redirect's target, passes `rules`, and connects to public addresses only (unless
/// rules.allow_private). No cookies, no credentials, no proxy.
///
/// Thread-safety: fetch from an I/O thread; the fetch stays on it.
/// Lifetime:      client and clock outlive the fetcher; the fetcher and its client outlive the fetches.
/// Limits:        Options; limits::kImageRedirectsMax redirects.
class ImageFetcher {
public:
    struct Options {
        UrlRules rules;
        std::size_t bytes_max = limits::kImageBytesMax;                   // of the body, told or untold
        std::chrono::milliseconds time_max = limits::kImageFetchTimeMax;  // for all redirects together
    };

    /// A fetch under way. Destroying it cancels it, and `done` will not be called.
    class Fetch {
    public:
        virtual ~Fetch() = default;
    };

    using Done = std::function<void(Result<std::string>)>;

    ImageFetcher(Options options, HttpClientDoor& client, const Clock& clock);

    /// `done` runs at most once, later and never from inside; it may destroy the fetch.
    /// Errors, at once or by `done`: those of check_image_url; ssrf_blocked (a private address, or no address: always in the
    /// same words); image_unreachable; image_too_large; limit_exceeded (too many exchanges).
    Result<std::unique_ptr<Fetch>> fetch(std::string_view url, Clock::Monotonic deadline, Done done);

private:
    const Options options_;
    HttpClientDoor& client_;
    const Clock& clock_;
};

}  // namespace eco2::net
