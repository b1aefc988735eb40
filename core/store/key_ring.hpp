#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/snapshot.hpp"
#include "store/key_file.hpp"

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

namespace eco2::store {

/// The API keys of a host that serves, in memory; a thread of its own looks once a second whether the file has changed.
///
/// Thread-safety: any thread; open and destruction: control thread.
class KeyRing {
public:
    /// Blocks. Errors: store_failed.
    static Result<std::unique_ptr<KeyRing>> open(const std::filesystem::path& path, Log& log, const Clock& clock);
    ~KeyRing();

    /// The key with this text. Errors: unauthorized (unknown, wrong secret, expired or revoked; said without telling which of
    /// the first two).
    Result<ApiKey> check(std::string_view text) const;

private:
    using Keys = std::unordered_map<std::string, ApiKey>;

    KeyRing(const std::filesystem::path& path, Log& log, const Clock& clock);
    Result<void> load();
    void watch();

    KeyFile file_;
    Log& log_;
    const Clock& clock_;
    Snapshot<Keys> keys_;
    std::int64_t version_ = -1;  // the watching thread's own, after open

    std::mutex mutex_;  // guards is_stopping_
    std::condition_variable changed_;
    bool is_stopping_ = false;
    std::thread watcher_;
};

/// A new key and its text, which is shown once and not kept.
struct NewKey {
    ApiKey key;
    std::string text;
};
NewKey make_key(const Clock& clock);

}  // namespace eco2::store
