#pragma once

#include "base/result.hpp"
#include "fake_provider/rate_window.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace eco2::fake {

/// Limits of accounts and of their keys, for one window; 0: none.
struct AccountPlan {
    struct Key {
        std::string key;
        std::int64_t rpm = 0;
        std::int64_t tpm = 0;
    };
    struct Account {
        std::string name;
        std::int64_t rpm = 0;
        std::int64_t tpm = 0;
        std::vector<Key> keys;  // none: the account takes any key
    };
    std::vector<Account> accounts;  // none: everybody is let in
    WindowKind window = WindowKind::fixed;
    int window_ms = 60'000;  // what counts as a minute
};

/// {"accounts":{"a":{"rpm":500,"tpm":100000,"keys":["k1",{"key":"k2","rpm":100}]}},"window":"fixed","window_ms":60000}
/// Errors: invalid_field, limit_exceeded. A key belongs to one account.
Result<AccountPlan> read_accounts(const boost::json::object& json);

}  // namespace eco2::fake
