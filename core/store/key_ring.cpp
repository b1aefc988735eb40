#include "store/key_ring.hpp"

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "base/limits.hpp"
#include "base/random.hpp"

#include <pthread.h>

#include <utility>

namespace eco2::store {
namespace {

constexpr std::string_view kPrefix = "eco2_";
constexpr std::size_t kIdBytes = 8;
constexpr std::size_t kSecretBytes = 32;

}  // namespace

NewKey make_key(const Clock& clock) {
    NewKey made;
    const auto secret = random_hex(kSecretBytes);
    made.key.id = random_hex(kIdBytes);
    made.key.secret_hash = sha256_hex(secret);
    made.key.ending = secret.substr(secret.size() - 4);
    made.key.user_id = new_uuid();
    made.key.created_ns = clock.wall_ns();
    made.text = std::string(kPrefix) + made.key.id + "_" + secret;
    return made;
}

KeyRing::KeyRing(const std::filesystem::path& path, Log& log, const Clock& clock) : file_(path), log_(log), clock_(clock) {}

Result<std::unique_ptr<KeyRing>> KeyRing::open(const std::filesystem::path& path, Log& log, const Clock& clock) {
    std::unique_ptr<KeyRing> ring(new KeyRing(path, log, clock));
    if (auto prepared = ring->file_.prepare(); !prepared) {
        return prepared.error();
    }
    if (auto loaded = ring->load(); !loaded) {
        return loaded.error();
    }
    ring->watcher_ = std::thread([raw = ring.get()] { raw->watch(); });
    return ring;
}

KeyRing::~KeyRing() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    changed_.notify_one();
    if (watcher_.joinable()) {
        watcher_.join();
    }
}

Result<void> KeyRing::load() {
    // The version first: what is written in between is found by the next look.
    const auto version = file_.version();
    if (!version) {
        return version.error();
    }
    if (*version == version_) {
        return {};
    }
    auto all = file_.all();
    if (!all) {
        return all.error();
    }
    auto keys = std::make_shared<Keys>();
    for (auto& key : *all) {
        keys->emplace(key.id, std::move(key));
    }
    keys_.set(std::move(keys));
    version_ = *version;
    return {};
}

void KeyRing::watch() {
    ::pthread_setname_np(::pthread_self(), "eco2-keys");
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, limits::kKeyPollInterval, [this] { return is_stopping_; })) {
        lock.unlock();
        if (auto loaded = load(); !loaded) {
            // The keys that are known stay good: a locked file must not lock everybody out.
            log_.error("the API keys could not be read", {{"reason", loaded.error().detail}});
            version_ = -1;
        }
        lock.lock();
    }
}

Result<ApiKey> KeyRing::check(std::string_view text) const {
    const auto unknown = fail(Errc::unauthorized, "this API key is not known");
    if (text.size() != kPrefix.size() + 2 * kIdBytes + 1 + 2 * kSecretBytes || !text.starts_with(kPrefix)) {
        return unknown;
    }
    text.remove_prefix(kPrefix.size());
    const auto keys = keys_.get();
    const auto found = keys->find(std::string(text.substr(0, 2 * kIdBytes)));
    const auto hash = sha256_hex(text.substr(2 * kIdBytes + 1));
    if (found == keys->end() || text[2 * kIdBytes] != '_' || !equal_in_constant_time(hash, found->second.secret_hash)) {
        return unknown;
    }
    const auto& key = found->second;
    if (key.revoked_ns != 0) {
        return fail(Errc::unauthorized, "this API key was revoked");
    }
    if (key.expires_ns != 0 && key.expires_ns <= clock_.wall_ns()) {
        return fail(Errc::unauthorized, "this API key has expired");
    }
    return key;
}

}  // namespace eco2::store
