#include "store/known_grants.hpp"

#include <algorithm>
#include <utility>

namespace eco2::store {

KnownGrants::KnownGrants(std::size_t max) : half_(std::max<std::size_t>(max / 2, 1)) {}

std::string KnownGrants::key_of(const Grant& grant) {
    // The length keeps ("ab", "c") and ("a", "bc") apart whatever bytes they hold.
    return std::to_string(grant.user_id.size()) + ':' + grant.user_id + grant.code;
}

bool KnownGrants::contains(const std::string& key) const {
    return young_.contains(key) || old_.contains(key);
}

std::size_t KnownGrants::size() const noexcept {
    return young_.size() + old_.size();
}

KnownGrants::Keys KnownGrants::add(std::string key) {
    Keys forgotten;
    if (young_.size() >= half_) {
        forgotten = std::exchange(old_, std::exchange(young_, {}));
    }
    young_.insert(std::move(key));
    return forgotten;
}

void KnownGrants::clear() {
    young_.clear();
    old_.clear();
}

}  // namespace eco2::store
