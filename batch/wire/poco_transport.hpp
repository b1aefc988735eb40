#pragma once

#include "base/result.hpp"
#include "batch/limits.hpp"
#include "batch/wire/transport.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace eco2::batch {

/// The wire over blocking sockets and TLS of Poco.
///
/// Every exchange has a connection of its own, which is closed after it: there is no pooled connection whose death could leave
/// it open whether a request was read, and nothing is ever sent twice. A batch asks a few times a minute, so the handshakes
/// do not count.
///
/// How it ends:
/// * `not_sent`: the request's first byte was not offered to the system. The URL or the file cannot be used; look-up, connect,
///   the proxy or TLS failed or took too long; a hook said no.
/// * `answered`: a whole response, whatever its status; redirects are not followed, 1xx are passed over. Also where it came
///   before all of the request was sent, unless it then claims success.
/// * `broken`: all else; `status` and `headers` may then tell of the response that broke off.
///
/// A download asks for identity and takes nothing else. 206 must begin where the file ends; 200 empties the file first; 416
/// whose total is the file's size is told as 200. Any other 416 is told as it is: the file is longer than the provider's, or is
/// of something else, and is to be removed. `may_go_on` is told how much the file holds. Faults of the file are `is_disk_full`
/// with the reason in `detail`; it keeps what came, unless a sync failed: then it is emptied, since what it holds cannot be
/// relied on.
///
/// Thread-safety: none; one thread at a time.
/// Blocks:        as long as Options let it; the look-up of a name as long as the system's resolver does.
/// Limits:        less than 1 MB of memory beyond the request and the body of the answer, whatever the file's size.
class PocoTransport final : public Transport {
public:
    struct Options {
        std::string ca_file;      // empty: the system's certificates
        std::string https_proxy;  // "http://[user:password@]host[:port]"; empty: none
        std::string no_proxy;  // as `net::ProxyRules` has it: names, ".domain" with its hosts, "*"; loopback is always straight
        std::chrono::milliseconds connect_timeout = limits::kBatchConnectTimeout;  // TCP, proxy and TLS together
        std::chrono::milliseconds idle_timeout = limits::kBatchIdleTimeout;        // no byte came or went
        std::chrono::milliseconds call_time_max = limits::kBatchCallTimeMax;       // of `call`, without connecting
        std::size_t reply_bytes_max = limits::kBatchReplyBytesMax;                 // of a body that is kept in memory
    };

    /// Blocks: reads files. Errors: config_invalid (proxy; the password is never told), io_failed (CA file).
    static Result<std::unique_ptr<PocoTransport>> make(Options options);
    ~PocoTransport() override;

    WireResult call(const BatchRequest& request, const Hooks& hooks) override;
    WireResult upload(const BatchRequest& request, const std::filesystem::path& file, const Hooks& hooks) override;
    WireResult download(const BatchRequest& request, const std::filesystem::path& file, const Hooks& hooks) override;

private:
    struct Parts;
    struct Task;
    explicit PocoTransport(std::unique_ptr<Parts> parts);
    WireResult run(const Task& task);
    void run_into(WireResult& result, const Task& task);

    const std::unique_ptr<Parts> parts_;
};

}  // namespace eco2::batch
