#include "fake_provider/first_attempts.hpp"

#include "base/limits.hpp"

namespace eco2::fake {

bool FirstAttempts::is_first(std::string_view model) {
    if (seen_.size() >= limits::kFakeModelsSeenMax) {
        return false;
    }
    return seen_.emplace(model).second;
}

}  // namespace eco2::fake
