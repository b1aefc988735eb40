#include "net/tls.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>

namespace eco2::net {
namespace {

std::string last_error_text() {
    const unsigned long code = ERR_peek_last_error();
    if (code == 0) {
        return "no reason given";
    }
    const char* reason = ERR_reason_error_string(code);
    return reason != nullptr ? reason : "error " + std::to_string(code);
}

SslContextPtr make_context(const SSL_METHOD* method) {
    SslContextPtr context(SSL_CTX_new(method));
    if (context) {
        SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
        SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
        // A waiting connection must not hold 34 KiB of record buffers.
        SSL_CTX_set_mode(context.get(),
                         SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    }
    return context;
}

bool is_address(const std::string& host) {
    std::array<unsigned char, 16> bytes{};
    return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

int select_http_1_1(
    SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned int in_size, void*) {
    static constexpr std::array<unsigned char, 9> kProtocols = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    unsigned char* selected = nullptr;
    if (SSL_select_next_proto(&selected, out_size, kProtocols.data(), kProtocols.size(), in, in_size) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *out = selected;
    return SSL_TLSEXT_ERR_OK;
}

int pass_on_session(SSL* ssl, SSL_SESSION* session) {
    static_cast<SslSessionSink*>(SSL_get_app_data(ssl))->on_tls_session(SslSessionPtr(session));
    return 1;  // it is ours now
}

}  // namespace

void SslFree::operator()(ssl_st* ssl) const noexcept {
    SSL_free(ssl);
}
void SslFree::operator()(ssl_ctx_st* context) const noexcept {
    SSL_CTX_free(context);
}

void SslFree::operator()(ssl_session_st* session) const noexcept {
    SSL_SESSION_free(session);
}

Result<SslContextPtr> make_server_context(const std::string& certificate_file, const std::string& key_file) {
    ERR_clear_error();
    SslContextPtr context = make_context(TLS_server_method());
    if (!context) {
        return fail(Errc::io_failed, "cannot set up TLS: " + last_error_text());
    }
    if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1) {
        return fail(Errc::io_failed, "cannot use the certificate file " + certificate_file + ": " + last_error_text());
    }
    if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context.get()) != 1) {
        return fail(Errc::io_failed, "cannot use the key file " + key_file + ": " + last_error_text());
    }
    SSL_CTX_set_alpn_select_cb(context.get(), select_http_1_1, nullptr);
    return context;
}

Result<SslContextPtr> make_client_context(const std::string& ca_file) {
    ERR_clear_error();
    SslContextPtr context = make_context(TLS_client_method());
    if (!context) {
        return fail(Errc::io_failed, "cannot set up TLS: " + last_error_text());
    }
    const bool has_roots = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get()) == 1
                                           : SSL_CTX_load_verify_locations(context.get(), ca_file.c_str(), nullptr) == 1;
    if (!has_roots) {
        return fail(Errc::io_failed, "cannot use the CA file " + ca_file + ": " + last_error_text());
    }
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context.get(), pass_on_session);
    return context;
}

SslPtr make_server_ssl(ssl_ctx_st& context) {
    SslPtr ssl(SSL_new(&context));
    if (ssl) {
        SSL_set_accept_state(ssl.get());
    }
    return ssl;
}

SslPtr make_client_ssl(ssl_ctx_st& context, const std::string& host, SslSessionSink& sink, ssl_session_st* session) {
    static constexpr std::array<unsigned char, 9> kProtocols = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    SslPtr ssl(SSL_new(&context));
    if (!ssl || SSL_set_alpn_protos(ssl.get(), kProtocols.data(), kProtocols.size()) != 0) {
        return nullptr;
    }
    SSL_set_connect_state(ssl.get());
    SSL_set_app_data(ssl.get(), &sink);
    if (session != nullptr) {
        SSL_set_session(ssl.get(), session);
    }
    if (is_address(host)) {
        if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str()) != 1) {
            return nullptr;
        }
        return ssl;
    }
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (SSL_set1_host(ssl.get(), host.c_str()) != 1 || SSL_set_tlsext_host_name(ssl.get(), host.c_str()) != 1) {
        return nullptr;
    }
    return ssl;
}

bool is_tls_cut_off(const ssl_st* ssl) noexcept {
    const unsigned long code = ERR_peek_last_error();
    const bool has_ended = code == 0 || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    return has_ended && SSL_get_verify_result(ssl) == X509_V_OK;
}

std::string tls_error_text(const ssl_st* ssl) {
    const long verdict = ssl != nullptr ? SSL_get_verify_result(ssl) : X509_V_OK;
    if (verdict != X509_V_OK) {
        return X509_verify_cert_error_string(verdict);
    }
    return last_error_text();
}

}  // namespace eco2::net
