#include "fake_provider/batch_settings.hpp"

#include "base/limits.hpp"
#include "fake_provider/json_keys.hpp"

#include <array>
#include <limits>
#include <span>

namespace eco2::fake {
namespace {

namespace json = boost::json;

template <std::int64_t BatchSettings::*member>
Result<void> read_phase(BatchSettings& out, std::string_view key, const json::value& value) {
    return read_integer<member, 0, limits::kFakeBatchPhaseMsMax>(out, key, value);
}

Result<void> read_enqueued(BatchSettings& out, std::string_view key, const json::value& value) {
    if (!value.is_object()) {
        return bad_key(key, "an object of models and tokens; \"default\" is every other model");
    }
    decltype(out.enqueued_tokens_max) read;
    for (const auto& [model, tokens] : value.get_object()) {
        if (!set_integer(read[std::string(model)], tokens, 0, std::numeric_limits<std::int64_t>::max())) {
            return bad_key(model, "a number of tokens from 0");
        }
    }
    out.enqueued_tokens_max = std::move(read);
    return {};
}

constexpr std::array kKeys{
    Key<BatchSettings>{"validating_ms", read_phase<&BatchSettings::validating_ms>},
    Key<BatchSettings>{"in_progress_ms", read_phase<&BatchSettings::in_progress_ms>},
    Key<BatchSettings>{"finalizing_ms", read_phase<&BatchSettings::finalizing_ms>},
    Key<BatchSettings>{"cancelling_ms", read_phase<&BatchSettings::cancelling_ms>},
    Key<BatchSettings>{"window_ms", read_integer<&BatchSettings::window_ms, 1, limits::kFakeBatchPhaseMsMax>},
    Key<BatchSettings>{"list_lag_ms", read_phase<&BatchSettings::list_lag_ms>},
    Key<BatchSettings>{"lines_max", read_integer<&BatchSettings::lines_max, 1, limits::kFakeBatchLinesMax>},
    Key<BatchSettings>{"bytes_max",
                       read_integer<&BatchSettings::bytes_max, 1, static_cast<std::int64_t>(limits::kFakeUploadBytesMax)>},
    Key<BatchSettings>{"creations_per_hour_max",
                       read_integer<&BatchSettings::creations_per_hour_max, 0, limits::kFakeBatchesMax>},
    Key<BatchSettings>{"discount", read_share<&BatchSettings::discount>},
    Key<BatchSettings>{"shuffle", read_flag<&BatchSettings::shuffle>},
    Key<BatchSettings>{"shuffle_window", read_integer<&BatchSettings::shuffle_window, 2, 100'000>},
    Key<BatchSettings>{"counts_expired", read_flag<&BatchSettings::counts_expired>},
    Key<BatchSettings>{"enqueued_tokens_max", read_enqueued},
};

}  // namespace

std::int64_t BatchSettings::enqueued_max(std::string_view model) const {
    auto found = enqueued_tokens_max.find(model);
    found = found == enqueued_tokens_max.end() ? enqueued_tokens_max.find("default") : found;
    return found == enqueued_tokens_max.end() ? -1 : found->second;
}

Result<BatchSettings> read_batch_settings(BatchSettings settings, const json::object& json) {
    if (Result<void> read = read_keys(settings, json, std::span(kKeys), "batch", {"faults"}); !read) {
        return read.error();
    }
    return settings;
}

}  // namespace eco2::fake
