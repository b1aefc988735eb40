#pragma once

#include "eco2/abi/provider.h"
#include "eco2/plugin/delta_writer.hpp"
#include "eco2/plugin/generate_request.hpp"
#include "eco2/plugin/headers.hpp"
#include "eco2/plugin/host.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace eco2::plugin {
inline namespace draft_2 {

/// What a dialect wants sent. Header texts are views: of literals, of the request or of the dialect itself.
struct HttpRequest {
    std::string method = "POST";
    std::string url;
    HeaderList headers;  // a value may hold ECO2_KEY_PLACEHOLDER
    std::string body;
    std::uint64_t response_bytes_max = 0;  // 0: the host's limit; of a stream 256 MiB
};

/// Turns one response into deltas. Used by one thread at a time; sees only responses with a 2xx status.
class Decoder {
public:
    virtual ~Decoder() = default;

    virtual void on_head(int status, const Headers& headers) {
        (void)status;
        (void)headers;
    }
    /// The next bytes, cut anywhere. A failure ends the call.
    virtual Result<void> feed(std::string_view bytes, DeltaWriter& out) = 0;
    /// The response has come whole. A failure: it ended before its answer did.
    virtual Result<FinishReason> finish(DeltaWriter& out) = 0;
    /// True once a streamed answer is whole by its own word. Whatever the connection does afterwards does not matter; what may
    /// still come, its usage for one, has a second.
    virtual bool has_ended() const noexcept { return false; }
};

/// A provider whose upstream speaks HTTP (interface eco2.draft.provider/0), written as functions over bytes.
///
/// The layer sends the request through the host, collects the body of an error response (64 KiB at most), passes pauses and
/// cancellation on, reports limits and the upstream's request id, and completes each call exactly once. Upstream faults that
/// the host reports (reset, TLS, silence) are passed on with the class provider_fault.
///
/// Thread-safety: encode, decoder, classify_error and read_* run on many threads at once.
class HttpDialect {
public:
    static constexpr std::string_view kInterfaceId = ECO2_PROVIDER_ID;

    /// Errors: end the call before anything was sent.
    virtual Result<HttpRequest> encode(const GenerateRequest& request) = 0;
    virtual std::unique_ptr<Decoder> decoder(const GenerateRequest& request) = 0;
    /// What a response outside 2xx means. `body` may be cut at 64 KiB. The layer fills in the status.
    virtual Failure classify_error(int status, const Headers& headers, std::string_view body) = 0;
    virtual RateLimits read_limits(const Headers& headers) { return wire::read_rate_limits(headers); }
    virtual std::string_view read_request_id(const Headers& headers) { return headers.find("x-request-id"); }

    const void* table() const noexcept { return &table_; }

protected:
    explicit HttpDialect(const Host& host) noexcept;
    HttpDialect(const HttpDialect&) = delete;
    HttpDialect& operator=(const HttpDialect&) = delete;
    ~HttpDialect() = default;

private:
    eco2_status start(const eco2_generate_request* request, const eco2_sink* sink, const eco2_call** out) noexcept;

    eco2_provider table_ = detail::sized<eco2_provider>();
    Host host_;
};

}  // namespace draft_2
}  // namespace eco2::plugin

#include "eco2/plugin/detail/http_call.hpp"
