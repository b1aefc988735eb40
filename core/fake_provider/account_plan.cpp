#include "fake_provider/account_plan.hpp"

#include "base/limits.hpp"
#include "fake_provider/known_names.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <unordered_set>
#include <utility>

namespace eco2::fake {
namespace {

namespace json = boost::json;

constexpr std::int64_t kLimitMax = 1'000'000'000'000;

bool set_number(std::int64_t& out, const json::value& value, std::int64_t low, std::int64_t high) {
    if (!value.is_int64() || value.get_int64() < low || value.get_int64() > high) {
        return false;
    }
    out = value.get_int64();
    return true;
}

Result<void> read_limit(std::int64_t& rpm, std::int64_t& tpm, std::string_view name, const json::value& value) {
    return set_number(name == "rpm" ? rpm : tpm, value, 1, kLimitMax) ? Result<void>{}
                                                                      : Result<void>{bad_key(name, "an integer from 1")};
}

Result<AccountPlan::Key> read_key(const json::value& value) {
    AccountPlan::Key out;
    if (value.is_string()) {
        out.key = std::string(value.get_string());
    } else if (const json::object* object = value.if_object()) {
        for (const auto& [name, member] : *object) {
            if (name == "key" && member.is_string()) {
                out.key = std::string(member.get_string());
            } else if (name == "rpm" || name == "tpm") {
                if (Result<void> read = read_limit(out.rpm, out.tpm, name, member); !read) {
                    return read.error();
                }
            } else {
                return unknown_key(name, "a key of an account", {"key", "rpm", "tpm"});
            }
        }
    }
    if (out.key.empty()) {
        return bad_key("keys", "a list of texts, or of objects with a \"key\"");
    }
    return out;
}

Result<AccountPlan::Account> read_account(std::string_view account, const json::value& value) {
    if (!value.is_object()) {
        return bad_key(account, "an account: an object");
    }
    AccountPlan::Account out;
    out.name = account;
    for (const auto& [name, member] : value.get_object()) {
        if (name == "rpm" || name == "tpm") {
            if (Result<void> read = read_limit(out.rpm, out.tpm, name, member); !read) {
                return read.error();
            }
        } else if (name != "keys") {
            return unknown_key(name, "an account", {"rpm", "tpm", "keys"});
        } else if (!member.is_array()) {
            return bad_key(name, "a list");
        } else {
            for (const json::value& entry : member.get_array()) {
                Result<AccountPlan::Key> key = read_key(entry);
                if (!key) {
                    return key.error();
                }
                out.keys.push_back(*std::move(key));
            }
        }
    }
    return out;
}

Result<void> check_keys(const AccountPlan& plan) {
    std::unordered_set<std::string_view> seen;
    bool has_open = false;
    for (const AccountPlan::Account& account : plan.accounts) {
        if (account.keys.empty() && std::exchange(has_open, true)) {
            return bad_key(account.name, "given \"keys\": only one account can take all others");
        }
        for (const AccountPlan::Key& key : account.keys) {
            if (!seen.insert(key.key).second) {
                return bad_key(key.key, "a key of one account only");
            }
        }
    }
    if (seen.size() + plan.accounts.size() > limits::kFakeAccountsMax) {
        return fail(Errc::limit_exceeded, "at most " + std::to_string(limits::kFakeAccountsMax) + " accounts and keys");
    }
    return {};
}

}  // namespace

Result<AccountPlan> read_accounts(const json::object& json) {
    AccountPlan out;
    for (const auto& [name, value] : json) {
        if (name == "accounts" && value.is_object()) {
            for (const auto& [account, limits] : value.get_object()) {
                Result<AccountPlan::Account> read = read_account(account, limits);
                if (!read) {
                    return read.error();
                }
                out.accounts.push_back(*std::move(read));
            }
        } else if (name == "accounts") {
            return bad_key(name, "an object of accounts");
        } else if (name == "window") {
            if (value != "fixed" && value != "sliding") {
                return bad_key(name, "fixed or sliding");
            }
            out.window = value == "fixed" ? WindowKind::fixed : WindowKind::sliding;
        } else if (name == "window_ms") {
            std::int64_t ms = 0;
            if (!set_number(ms, value, 1, limits::kFakeDelayMsMax)) {
                return bad_key(name, "from 1 to an hour");
            }
            out.window_ms = static_cast<int>(ms);
        } else {
            return unknown_key(name, "the limits", {"accounts", "window", "window_ms"});
        }
    }
    if (Result<void> good = check_keys(out); !good) {
        return good.error();
    }
    return out;
}

}  // namespace eco2::fake
