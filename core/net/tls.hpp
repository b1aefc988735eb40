#pragma once

#include "base/result.hpp"

#include <memory>
#include <string>

struct ssl_st;
struct ssl_ctx_st;

namespace eco2::net {

struct SslFree {
    void operator()(ssl_st* ssl) const noexcept;
    void operator()(ssl_ctx_st* context) const noexcept;
};
using SslPtr = std::unique_ptr<ssl_st, SslFree>;
using SslContextPtr = std::unique_ptr<ssl_ctx_st, SslFree>;

/// TLS 1.2 or newer for accepting. Blocks: reads files. Errors: io_failed, with the file.
Result<SslContextPtr> make_server_context(const std::string& certificate_file, const std::string& key_file);

/// TLS 1.2 or newer for connecting, with verification against `ca_file` (empty: the system's certificates).
/// Blocks: reads files. Errors: io_failed, with the file.
Result<SslContextPtr> make_client_context(const std::string& ca_file);

/// The accepting side of one connection; null where memory is short.
SslPtr make_server_ssl(ssl_ctx_st& context);

/// The connecting side: SNI, host name or address check, ALPN http/1.1.
SslPtr make_client_ssl(ssl_ctx_st& context, const std::string& host);

/// Why the last TLS call of this thread failed, for people; a refused certificate first.
std::string tls_error_text(const ssl_st* ssl);

}  // namespace eco2::net
