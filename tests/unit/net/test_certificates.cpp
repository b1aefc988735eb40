#include "unit/net/test_certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

namespace eco2::test {
namespace {

struct Free {
    void operator()(X509* certificate) const { X509_free(certificate); }
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
using CertificatePtr = std::unique_ptr<X509, Free>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Free>;

constexpr long kDay = 24 * 3600;

struct Wish {
    const char* name;
    const char* alternative_names;  // null: a CA
    long days_from;
    long days_to;
};

void add_extension(X509* certificate, int kind, const char* value) {
    const std::unique_ptr<X509_EXTENSION, Free> extension(X509V3_EXT_conf_nid(nullptr, nullptr, kind, value));
    X509_add_ext(certificate, extension.get(), -1);
}

CertificatePtr make(const Wish& wish, EVP_PKEY* key, X509* issuer) {
    CertificatePtr certificate(X509_new());
    static long serial = 1;
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), wish.days_from * kDay);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), wish.days_to * kDay);
    X509_set_pubkey(certificate.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()),
                               "CN",
                               MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(wish.name),
                               -1,
                               -1,
                               0);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer != nullptr ? issuer : certificate.get()));
    if (wish.alternative_names != nullptr) {
        add_extension(certificate.get(), NID_subject_alt_name, wish.alternative_names);
    } else {
        add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
        add_extension(certificate.get(), NID_key_usage, "critical,keyCertSign,digitalSignature");
    }
    X509_sign(certificate.get(), key, EVP_sha256());
    return certificate;
}

void write(const std::string& path, X509* certificate, X509* issuer) {
    FILE* file = std::fopen(path.c_str(), "w");
    PEM_write_X509(file, certificate);
    if (issuer != nullptr) {
        PEM_write_X509(file, issuer);
    }
    std::fclose(file);
}

}  // namespace

TestCertificates::TestCertificates() {
    std::string name = (std::filesystem::temp_directory_path() / "eco2_tls_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
        std::abort();
    }
    folder_ = name;
    const KeyPtr ca_key(EVP_EC_gen("P-256"));
    const CertificatePtr ca = make({"eco2 test CA", nullptr, -1, 10}, ca_key.get(), nullptr);
    const CertificatePtr other = make({"another CA", nullptr, -1, 10}, ca_key.get(), nullptr);
    write(path("ca.pem"), ca.get(), nullptr);
    write(path("other_ca.pem"), other.get(), nullptr);
    const char* here = "DNS:localhost,IP:127.0.0.1";
    write(path("good.pem"), make({"good", here, -1, 10}, ca_key.get(), ca.get()).get(), ca.get());
    write(path("wrong_name.pem"), make({"localhost", "DNS:elsewhere.example", -1, 10}, ca_key.get(), ca.get()).get(), ca.get());
    write(path("expired.pem"), make({"expired", here, -10, -1}, ca_key.get(), ca.get()).get(), ca.get());
    FILE* file = std::fopen(path("key.pem").c_str(), "w");
    PEM_write_PrivateKey(file, ca_key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
}

TestCertificates::~TestCertificates() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

}  // namespace eco2::test
