#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::store {

/// An API key as it is kept: its secret only as a hash. Its text is `eco2_<id>_<secret>`.
struct ApiKey {
    std::string id;                      // 16 hex digits
    std::string name;                    // for people
    std::string secret_hash;             // SHA-256, hex
    std::string ending;                  // the secret's last four characters, to recognise it by
    std::string user_id;                 // whose runs it starts and sees
    bool is_for_users = false;           // an app's back end: x-user-id may name the user
    std::vector<std::string> scopes;     // run, read, chat; empty: all
    std::vector<std::string> pipelines;  // empty: all
    std::int64_t created_ns = 0;
    std::int64_t expires_ns = 0;  // 0: never
    std::int64_t revoked_ns = 0;  // 0: it is not

    // of the front door's requests
    std::vector<std::string> models = {};  // globs; empty: all
    std::int64_t requests_per_minute = 0;  // 0: no limit
    std::int64_t tokens_per_minute = 0;    // 0: no limit
    std::int64_t spend_max_picousd = 0;    // 10^-12 USD, of the key's whole life; 0: no limit
};

/// The SQLite file of API keys. The command line writes it; a host that serves looks whether it has changed.
///
/// Thread-safety: none. Errors: store_failed everywhere. Blocks: every function.
class KeyFile {
public:
    explicit KeyFile(const std::filesystem::path& path);
    ~KeyFile();

    /// Makes what is missing and brings an older file up to date: its keys with all scopes keep those that there were. A file
    /// whose schema is newer than this program is refused untouched.
    Result<void> prepare();
    Result<void> add(const ApiKey& key);
    /// Errors: also not_found.
    Result<void> revoke(const std::string& id, std::int64_t wall_ns);
    /// Oldest first.
    Result<std::vector<ApiKey>> all();
    /// Another number after another process has written the file.
    Result<std::int64_t> version();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace eco2::store
