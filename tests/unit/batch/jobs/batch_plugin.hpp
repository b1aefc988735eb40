#pragma once

#include "base/clock.hpp"
#include "model/batch_provider.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace eco2::batch {

/// The real plugin for OpenAI's batches, linked into the test, behind the host's own door.
///
/// Lifetime: the clock outlives it.
class BatchPlugin {
public:
    /// `config`: further members of the instance's configuration, `"requests_max":5`.
    BatchPlugin(const Clock& clock, std::string_view id, const std::string& config);
    ~BatchPlugin();

    BatchProviderDoor& door();

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace eco2::batch
