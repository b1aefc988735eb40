#include "batch/jobs/job.hpp"

#include "batch/jobs/shard.hpp"

#include <array>

namespace eco2::batch {
namespace {

template <std::size_t N, class Enum>
std::string_view name_in(const std::array<std::string_view, N>& names, Enum value) noexcept {
    const auto index = static_cast<std::size_t>(value);
    return index < N ? names[index] : std::string_view("unknown");
}

}  // namespace

std::string_view name_of(JobState state) noexcept {
    static constexpr std::array<std::string_view, 6> kNames = {"planning", "open", "paused", "cancelling", "done", "cancelled"};
    return name_in(kNames, state);
}

std::string_view name_of(ItemState state) noexcept {
    static constexpr std::array<std::string_view, 4> kNames = {"waiting", "asked", "done", "failed"};
    return name_in(kNames, state);
}

std::string_view name_of(ShardState state) noexcept {
    static constexpr std::array<std::string_view, 15> kNames = {"planned",
                                                                "built",
                                                                "upload_intent",
                                                                "upload_ambiguous",
                                                                "uploaded",
                                                                "submit_intent",
                                                                "submit_ambiguous",
                                                                "submitted",
                                                                "running",
                                                                "downloading",
                                                                "ingesting",
                                                                "settled",
                                                                "limited",
                                                                "vanished",
                                                                "abandoned"};
    return name_in(kNames, state);
}

std::string_view name_of(RemoteBatch::State state) noexcept {
    static constexpr std::array<std::string_view, 8> kNames = {
        "validating", "running", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled"};
    return name_in(kNames, state);
}

std::string_view name_of(RetryClass retry) noexcept {
    static constexpr std::array<std::string_view, 7> kNames = {
        "none", "fix_body", "transient", "expired", "account", "content", "limit"};
    return name_in(kNames, retry);
}

std::vector<std::string> retry_classes() {
    std::vector<std::string> names;
    for (auto retry = RetryClass::fix_body; retry <= RetryClass::limit;
         retry = static_cast<RetryClass>(static_cast<int>(retry) + 1)) {
        names.emplace_back(name_of(retry));
    }
    names.emplace_back("vanished");
    return names;
}

}  // namespace eco2::batch
