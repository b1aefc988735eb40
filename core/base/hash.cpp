#include "base/hash.hpp"

#include "base/io_thread.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <system_error>

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <vector>

namespace eco2 {
namespace {

EVP_MD_CTX* context_of(void* context) noexcept {
    return static_cast<EVP_MD_CTX*>(context);
}

}  // namespace

void Sha256::Free::operator()(void* context) const noexcept {
    EVP_MD_CTX_free(context_of(context));
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    reset();
}

void Sha256::reset() {
    EVP_DigestInit_ex(context_of(context_.get()), EVP_sha256(), nullptr);
}

void Sha256::update(std::string_view bytes) {
    EVP_DigestUpdate(context_of(context_.get()), bytes.data(), bytes.size());
}

std::array<unsigned char, 32> Sha256::digest() const {
    const std::unique_ptr<void, Free> copy(EVP_MD_CTX_new());
    EVP_MD_CTX_copy_ex(context_of(copy.get()), context_of(context_.get()));
    std::array<unsigned char, 32> digest{};
    EVP_DigestFinal_ex(context_of(copy.get()), digest.data(), nullptr);
    return digest;
}

std::string Sha256::hex() const {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out;
    for (const unsigned char byte : digest()) {
        out += kHex[byte >> 4U];
        out += kHex[byte & 0xFU];
    }
    return out;
}

std::string sha256_hex(std::string_view bytes) {
    Sha256 hash;
    hash.update(bytes);
    return hash.hex();
}

Result<std::string> sha256_hex_of_fd(int fd) {
    assert_may_block();
    Sha256 hash;
    std::vector<char> buffer(256 * 1024);
    off_t offset = 0;
    for (;;) {
        const auto got = ::pread(fd, buffer.data(), buffer.size(), offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail(Errc::io_failed, "cannot read the file to hash it: " + std::generic_category().message(errno));
        }
        if (got == 0) {
            return hash.hex();
        }
        hash.update({buffer.data(), static_cast<std::size_t>(got)});
        offset += got;
    }
}

bool equal_in_constant_time(std::string_view left, std::string_view right) noexcept {
    return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace eco2
