#pragma once

#include "base/result.hpp"

#include <memory>
#include <string>

struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;

namespace eco2::net {

struct SslFree {
    void operator()(ssl_st* ssl) const noexcept;
    void operator()(ssl_ctx_st* context) const noexcept;
    void operator()(ssl_session_st* session) const noexcept;
};
using SslPtr = std::unique_ptr<ssl_st, SslFree>;
using SslContextPtr = std::unique_ptr<ssl_ctx_st, SslFree>;
using SslSessionPtr = std::unique_ptr<ssl_session_st, SslFree>;

/// Hears of every session that a connecting side may resume later, on the connection's thread.
class SslSessionSink {
public:
    virtual void on_tls_session(SslSessionPtr session) = 0;

protected:
    ~SslSessionSink() = default;
};

/// TLS 1.2 or newer for accepting. Blocks: reads files. Errors: io_failed, with the file.
Result<SslContextPtr> make_server_context(const std::string& certificate_file, const std::string& key_file);

/// TLS 1.2 or newer for connecting, with verification against `ca_file` (empty: the system's certificates).
/// Blocks: reads files. Errors: io_failed, with the file.
Result<SslContextPtr> make_client_context(const std::string& ca_file);

/// The accepting side of one connection; null where memory is short.
SslPtr make_server_ssl(ssl_ctx_st& context);

/// The connecting side: SNI, host name or address check, ALPN http/1.1; resumes `session` where it is not null.
/// Lifetime: `sink` outlives the result.
SslPtr make_client_ssl(ssl_ctx_st& context, const std::string& host, SslSessionSink& sink, ssl_session_st* session);

/// Whether the last TLS failure of this thread is the peer's closing, not a refusal by either side.
bool is_tls_cut_off(const ssl_st* ssl) noexcept;

/// Why the last TLS call of this thread failed, for people; a refused certificate first.
std::string tls_error_text(const ssl_st* ssl);

}  // namespace eco2::net
