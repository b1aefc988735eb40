#pragma once

#include "model/batch_provider.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace eco2::batch {

/// How an exchange with the provider ended, as far as it matters for whether the other side has acted.
struct WireResult {
    enum class End {
        answered,  // a whole HTTP response: status, headers, body
        not_sent,  // proof that nothing was done: name look-up, connect or TLS failed, or `may_send` said no
        broken,    // anything else: the other side may or may not have acted
    };

    End end = End::broken;
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
    std::string body;                                          // of a download: only where the status is not 200 or 206
    std::string detail;                                        // not answered: why, for people; no secrets
    bool was_stopped = false;                                  // the caller's own `may_go_on` or `may_send` ended it
    bool is_disk_full = false;                                 // download: the disk, not the provider, failed
};

/// The door to the wire for whole, blocking exchanges; `PocoTransport` is the real one, tests bring their own.
///
/// Thread-safety: none; one thread at a time.
class Transport {
public:
    struct Hooks {
        /// Asked once, after the connection stands and before the first byte of the request leaves; false: nothing is sent.
        std::function<bool()> may_send = {};
        /// Bytes moved so far, of the file; asked at least once a second while bytes move or are waited for. False: break off.
        std::function<bool(std::int64_t bytes)> may_go_on = {};
    };

    virtual ~Transport() = default;
    virtual WireResult call(const BatchRequest& request, const Hooks& hooks) = 0;
    /// Sends the file between the request's two parts, streamed from disk; content-length is known beforehand.
    virtual WireResult upload(const BatchRequest& request, const std::filesystem::path& file, const Hooks& hooks) = 0;
    /// Appends the response's body to `file`, from its present size on (Range: bytes=N-). A server that ignores the range makes
    /// it begin anew. The file is fsynced before `answered` is returned. A response that ends before its content-length, or
    /// chunked without its last chunk, is `broken`; what came of it stays in the file for the next try.
    virtual WireResult download(const BatchRequest& request, const std::filesystem::path& file, const Hooks& hooks) = 0;
};

}  // namespace eco2::batch
