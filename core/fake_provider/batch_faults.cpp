#include "fake_provider/batch_faults.hpp"

#include "base/limits.hpp"
#include "base/nearest.hpp"
#include "fake_provider/behaviour.hpp"
#include "fake_provider/json_keys.hpp"

#include <boost/json/array.hpp>

#include <array>
#include <limits>
#include <span>
#include <utility>

namespace eco2::fake {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 9> kStepNames{
    "upload", "list_files", "file", "content", "delete_file", "create", "retrieve", "list", "cancel"};

constexpr std::array<std::string_view, 23> kFaultNames{
    "lost_reply",     "reset",         "status",          "half_body",   "silence",     "not_found",
    "truncate",       "null_output",   "empty_ids",       "only_errors", "token_limit", "invalid",
    "expire",         "ignore_cancel", "lines",           "crlf",        "blank_line",  "no_final_newline",
    "duplicate_line", "unknown_line",  "line_without_id", "drop_line",   "swap_answers"};
constexpr auto kFirstOfBatch = BatchFaultKind::null_output;

constexpr std::array<std::pair<std::string_view, LineFault>, 7> kLineFaults{{{"429", LineFault::limited},
                                                                             {"500", LineFault::failed},
                                                                             {"image_timeout", LineFault::image_timeout},
                                                                             {"length", LineFault::length},
                                                                             {"refusal", LineFault::refusal},
                                                                             {"wrong_schema", LineFault::wrong_schema},
                                                                             {"huge", LineFault::huge}}};
constexpr double kRounding = 1e-9;  // shares are decimal fractions

/// The place of a text in `names`; the error proposes the nearest, or tells all.
template <std::size_t size>
Result<std::size_t> read_name(const std::array<std::string_view, size>& names, std::string_view key, const json::value& value) {
    std::string name;
    set_text(name, value);
    const auto* const found = std::find(names.begin(), names.end(), name);
    if (found != names.end()) {
        return static_cast<std::size_t>(found - names.begin());
    }
    const std::vector<std::string> known(names.begin(), names.end());
    if (const std::string near = nearest(name, known); !near.empty()) {
        return bad_key(key, "a known name; did you mean \"" + near + "\"?");
    }
    std::string all;
    for (const std::string& each : known) {
        all += " " + each;
    }
    return bad_key(key, "one of:" + all);
}

Result<void> read_kind(BatchFault& out, std::string_view key, const json::value& value) {
    const Result<std::size_t> place = read_name(kFaultNames, key, value);
    if (!place) {
        return place.error();
    }
    out.kind = static_cast<BatchFaultKind>(*place);
    return {};
}

Result<void> read_step(BatchFault& out, std::string_view key, const json::value& value) {
    const Result<std::size_t> place = read_name(kStepNames, key, value);
    if (!place) {
        return place.error();
    }
    out.on = static_cast<BatchStep>(*place);
    return {};
}

Result<void> read_status(BatchFault& out, std::string_view key, const json::value& value) {
    if (!set_integer(out.status, value, 0, 999) || !is_playable_status(out.status)) {
        return bad_key(key, "an error status that providers send, such as 429, 500, 502 or 504");
    }
    return {};
}

Result<void> read_file(BatchFault& out, std::string_view key, const json::value& value) {
    if (set_text(out.file, value) && (out.file == "input" || out.file == "output" || out.file == "error")) {
        return {};
    }
    return bad_key(key, "input, output or error");
}

Result<void> read_shares(BatchFault& out, std::string_view key, const json::value& value) {
    if (!value.is_object()) {
        return bad_key(key, "an object of failures and shares, such as {\"429\":0.1}");
    }
    double sum = 0;
    for (const auto& [name, share] : value.get_object()) {
        const auto* const found =
            std::find_if(kLineFaults.begin(), kLineFaults.end(), [&name = name](const auto& row) { return row.first == name; });
        if (found == kLineFaults.end()) {
            std::vector<std::string> known;
            for (const auto& row : kLineFaults) {
                known.emplace_back(row.first);
            }
            return unknown_key(name, "shares", known);
        }
        if (!share.is_number() || share.to_number<double>() < 0 || share.to_number<double>() > 1) {
            return bad_key(name, "a share from 0 to 1");
        }
        sum += share.to_number<double>();
        out.shares.emplace_back(found->second, share.to_number<double>());
    }
    return sum > 1 + kRounding ? Result<void>{bad_key(key, "shares that sum to no more than 1")} : Result<void>{};
}

constexpr std::int64_t kMany = 1'000'000'000'000;

constexpr std::array kKeys{
    Key<BatchFault>{"fault", read_kind},
    Key<BatchFault>{"on", read_step},
    Key<BatchFault>{"times", read_integer<&BatchFault::times, 0, 1'000'000>},
    Key<BatchFault>{"status", read_status},
    Key<BatchFault>{"error_code", read_text<&BatchFault::error_code>},
    Key<BatchFault>{"message", read_text<&BatchFault::message>},
    Key<BatchFault>{"retry_after", read_retry_after<&BatchFault::retry_after>},
    Key<BatchFault>{"executed", read_flag<&BatchFault::executed>},
    Key<BatchFault>{"reset", read_flag<&BatchFault::with_rst>},
    Key<BatchFault>{"for_ms", read_integer<&BatchFault::for_ms, 0, limits::kFakeBatchPhaseMsMax>},
    Key<BatchFault>{"bytes", read_integer<&BatchFault::bytes, 0, kMany>},
    Key<BatchFault>{"last_bytes", read_integer<&BatchFault::last_bytes, 0, kMany>},
    Key<BatchFault>{"file", read_file},
    Key<BatchFault>{"polls", read_integer<&BatchFault::polls, 0, 1'000'000>},
    Key<BatchFault>{"share", read_share<&BatchFault::share>},
    Key<BatchFault>{"line", read_integer<&BatchFault::line, 1, limits::kFakeBatchLinesMax>},
    Key<BatchFault>{"count", read_integer<&BatchFault::count, 1, 1'000'000>},
    Key<BatchFault>{"conflicting", read_flag<&BatchFault::conflicting>},
    Key<BatchFault>{"shares", read_shares},
};

/// What does not go together.
Result<void> check(const BatchFault& fault, const json::object& json) {
    const std::string name(batch_fault_name(fault.kind));
    if (fault.kind == BatchFaultKind::lines && fault.bytes > static_cast<std::int64_t>(limits::kFakeHugeBodyBytesMax)) {
        return bad_key("bytes", "at most " + std::to_string(limits::kFakeHugeBodyBytesMax) + " for the answer to a line");
    }
    if (!json.contains("fault")) {
        return bad_key("fault", "there: what goes wrong");
    }
    if (fault.kind >= kFirstOfBatch) {
        return fault.on ? Result<void>{bad_key("on", "left out: " + name + " is of a batch, from its creation on")}
                        : Result<void>{};
    }
    if (!fault.on) {
        return bad_key("on", "there: the request that " + name + " hits");
    }
    if (fault.kind == BatchFaultKind::truncate && fault.on != BatchStep::content) {
        return bad_key("on", "content: nothing else can be truncated");
    }
    if (!fault.file.empty() && fault.on != BatchStep::content) {
        return bad_key("file", "left out: only content is of one file");
    }
    return {};
}

bool fits(const BatchFault& fault, const BatchFacts& facts) {
    if (fault.on != facts.step || (!fault.file.empty() && fault.file != facts.file)) {
        return false;
    }
    const bool has_grown_up = fault.kind == BatchFaultKind::not_found && fault.for_ms >= 0 && facts.age &&
                              *facts.age >= std::chrono::milliseconds(fault.for_ms);
    return !has_grown_up;
}

}  // namespace

std::string_view batch_step_name(BatchStep step) noexcept {
    return kStepNames[static_cast<std::size_t>(step)];
}

std::string_view batch_fault_name(BatchFaultKind kind) noexcept {
    return kFaultNames[static_cast<std::size_t>(kind)];
}

Result<BatchFault> read_batch_fault(const json::object& json) {
    BatchFault out;
    if (Result<void> read = read_keys(out, json, std::span(kKeys), "a batch fault"); !read) {
        return read.error();
    }
    if (Result<void> good = check(out, json); !good) {
        return good.error();
    }
    // Who hides an id for a time means every look at it; who counts says so.
    if (out.kind == BatchFaultKind::not_found && !json.contains("times")) {
        out.times = 0;
    }
    return out;
}

Result<BatchRules::State> BatchRules::read(const json::object& json) const {
    json::object own = json;
    own.erase("faults");
    Result<BatchSettings> settings = read_batch_settings(this->settings(), own);
    if (!settings) {
        return settings.error();
    }
    State out{*std::move(settings), std::nullopt};
    const json::value* list = json.if_contains("faults");
    if (list == nullptr) {
        return out;
    }
    if (!list->is_array()) {
        return bad_key("faults", "a list of batch faults");
    }
    if (list->get_array().size() > limits::kFakeBatchFaultsMax) {
        return fail(Errc::limit_exceeded,
                    "\"faults\" holds at most " + std::to_string(limits::kFakeBatchFaultsMax) + " entries; use \"times\"");
    }
    out.faults.emplace();
    for (const json::value& entry : list->get_array()) {
        if (!entry.is_object()) {
            return bad_key("faults", "a list of batch faults");
        }
        Result<BatchFault> fault = read_batch_fault(entry.get_object());
        if (!fault) {
            return fault.error();
        }
        out.faults->push_back(*std::move(fault));
    }
    return out;
}

void BatchRules::set(State state) {
    const std::lock_guard lock(mutex_);
    settings_ = std::move(state.settings);
    if (state.faults) {
        faults_ = *std::move(state.faults);
    }
}

void BatchRules::reset() {
    const std::lock_guard lock(mutex_);
    settings_ = first_.settings;
    faults_ = first_.faults.value_or(std::vector<BatchFault>());
}

BatchSettings BatchRules::settings() const {
    const std::lock_guard lock(mutex_);
    return settings_;
}

std::optional<BatchFault> BatchRules::take(const BatchFacts& facts) {
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(faults_.begin(), faults_.end(), [&](const BatchFault& fault) { return fits(fault, facts); });
    if (found == faults_.end()) {
        return std::nullopt;
    }
    BatchFault out = *found;
    if (found->times > 0 && --found->times == 0) {
        faults_.erase(found);
    }
    return out;
}

std::vector<BatchFault> BatchRules::take_for_batch() {
    std::vector<BatchFault> out;
    const std::lock_guard lock(mutex_);
    std::erase_if(faults_, [&](BatchFault& fault) {
        if (fault.on) {
            return false;
        }
        out.push_back(fault);
        return fault.times > 0 && --fault.times == 0;
    });
    return out;
}

std::size_t BatchRules::faults_left() const {
    const std::lock_guard lock(mutex_);
    return faults_.size();
}

}  // namespace eco2::fake
