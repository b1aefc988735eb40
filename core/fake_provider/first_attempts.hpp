#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

namespace eco2::fake {

/// Tells the first request of each model from later ones.
///
/// Thread-safety: none.
/// Limits:        limits::kFakeModelsSeenMax models; those beyond them have no first request.
class FirstAttempts {
public:
    bool is_first(std::string_view model);

private:
    std::unordered_set<std::string> seen_;
};

}  // namespace eco2::fake
