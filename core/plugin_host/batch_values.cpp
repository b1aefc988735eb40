#include "plugin_host/batch_values.hpp"

#include "base/text.hpp"
#include "plugin_host/abi_values.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

namespace eco2::plugin_host {
namespace {

constexpr std::size_t kIdBytesMax = 512;        // ids, names and tags go into a database and into paths
constexpr std::size_t kListedMax = 10'000;      // providers list a hundred at a time
constexpr std::size_t kBatchFaultsMax = 1'000;  // of one batch; the first ones say what is wrong

/// Reads members of the right type and remembers one that is not.
class Members {
public:
    explicit Members(const boost::json::object& object) : object_(object) {}

    void read(std::string_view name, std::int64_t& to) {
        take(name, to, [](std::int64_t value) { return value >= 0; });
    }
    void read(std::string_view name, double& to) {
        take(name, to, [](double value) { return value >= 0; });
    }
    void read(std::string_view name, bool& to) {
        take(name, to, [](bool) { return true; });
    }
    void read(std::string_view name, std::string& to) {
        const auto* value = object_.if_contains(name);
        const auto* text = value == nullptr ? nullptr : value->if_string();
        is_right_ = is_right_ && (value == nullptr || text != nullptr);
        if (text != nullptr) {
            to.assign(text->data(), text->size());
        }
    }
    void read(std::string_view name, std::chrono::seconds& to) {
        std::int64_t seconds = to.count();
        take(name, seconds, [](std::int64_t value) { return value > 0; });
        to = std::chrono::seconds(seconds);
    }
    bool are_right() const noexcept { return is_right_; }

private:
    template <class T, class Check>
    void take(std::string_view name, T& to, Check&& check) {
        const auto* value = object_.if_contains(name);
        if (value == nullptr) {
            return;
        }
        boost::system::error_code ec;
        T told{};
        if constexpr (std::is_same_v<T, bool>) {
            is_right_ = is_right_ && value->is_bool();
            told = value->is_bool() && value->get_bool();
        } else {
            told = value->to_number<T>(ec);
        }
        is_right_ = is_right_ && !ec && check(told);
        to = is_right_ ? told : to;
    }

    const boost::json::object& object_;
    bool is_right_ = true;
};

bool is_id(std::string_view text) {
    const bool is_plain = std::none_of(text.begin(), text.end(), [](char letter) {
        const auto byte = static_cast<unsigned char>(letter);
        return byte < 0x20 || byte == 0x7F;
    });
    return is_plain && text.size() <= kIdBytesMax && is_valid_utf8(text);
}

/// False: it is no id.
bool take_id(const eco2_str& from, std::string& to) {
    const auto text = text_of(from);
    if (!is_id(text)) {
        return false;
    }
    to = text;
    return true;
}

std::int64_t count_of(std::int64_t told) noexcept {
    return std::max<std::int64_t>(told, -1);
}

int http_status_of(std::int32_t told) noexcept {
    return told >= 100 && told < 600 ? told : 0;
}

BatchAnswer::Outcome outcome_of(std::int32_t told) noexcept {
    switch (told) {
        case ECO2_BATCH_ANSWERED: return BatchAnswer::Outcome::answered;
        case ECO2_BATCH_EXPIRED: return BatchAnswer::Outcome::expired;
        case ECO2_BATCH_CANCELLED: return BatchAnswer::Outcome::cancelled;
        default: return BatchAnswer::Outcome::failed;
    }
}

RemoteBatch::State state_of(std::int32_t told) noexcept {
    switch (told) {
        case ECO2_BATCH_STATE_VALIDATING: return RemoteBatch::State::validating;
        case ECO2_BATCH_STATE_FINALIZING: return RemoteBatch::State::finalizing;
        case ECO2_BATCH_STATE_COMPLETED: return RemoteBatch::State::completed;
        case ECO2_BATCH_STATE_FAILED: return RemoteBatch::State::failed;
        case ECO2_BATCH_STATE_EXPIRED: return RemoteBatch::State::expired;
        case ECO2_BATCH_STATE_CANCELLING: return RemoteBatch::State::cancelling;
        case ECO2_BATCH_STATE_CANCELLED: return RemoteBatch::State::cancelled;
        default: return RemoteBatch::State::running;
    }
}

CallError error_of(const eco2_error* error) {
    const AbiView<eco2_error> view(error);
    const eco2_status told = view ? view->status : ECO2_INTERNAL;
    return call_error_of(CallFamily::provider, told == ECO2_OK ? ECO2_INTERNAL : told, error);
}

constexpr eco2_remote_file kNoFile = {sizeof(eco2_remote_file), 0, {}, {}, -1, -1, -1};
constexpr eco2_remote_batch kNoBatch = {
    sizeof(eco2_remote_batch), 0, {}, {}, {}, {}, {}, {}, -1, -1, -1, -1, -1, nullptr, 0, nullptr};

bool take_file(const eco2_remote_file* from, RemoteFile& to) {
    const AbiView<eco2_remote_file> view(from, kNoFile);
    if (!view || !take_id(view->id, to.id) || to.id.empty()) {
        return false;
    }
    // People name files: a name that is none of ours need not be told as it is.
    to.name = is_id(text_of(view->name)) ? text_of(view->name) : std::string_view{};
    to.bytes = count_of(view->bytes);
    to.created_at_s = count_of(view->created_at_s);
    to.expires_at_s = count_of(view->expires_at_s);
    return true;
}

bool take_faults(const eco2_remote_batch& from, RemoteBatch& to) {
    if (from.fault_count > 0 && from.faults == nullptr) {
        return false;
    }
    for (std::size_t i = 0; i < std::min(from.fault_count, kBatchFaultsMax); ++i) {
        const AbiView<eco2_batch_fault> view(from.faults[i]);
        if (!view) {
            return false;
        }
        to.faults.push_back(
            {one_line(text_of(view->code)), one_line(text_of(view->message)), std::max<std::int64_t>(view->line, 0)});
    }
    return true;
}

bool take_batch(const eco2_remote_batch* from, RemoteBatch& to) {
    const AbiView<eco2_remote_batch> view(from, kNoBatch);
    if (!view || !take_id(view->id, to.id) || to.id.empty() || !take_id(view->input_file, to.input_file) ||
        !take_id(view->output_file, to.output_file) || !take_id(view->error_file, to.error_file)) {
        return false;
    }
    to.state = state_of(view->state);
    to.state_word = one_line(text_of(view->state_word));
    to.tag = is_id(text_of(view->tag)) ? text_of(view->tag) : std::string_view{};  // others' batches are listed too
    to.total = count_of(view->total);
    to.completed = count_of(view->completed);
    to.failed = count_of(view->failed);
    to.created_at_s = count_of(view->created_at_s);
    to.expires_at_s = count_of(view->expires_at_s);
    if (view->usage != nullptr) {
        to.usage = usage_of(*view->usage);
    }
    return take_faults(*view, to);
}

template <class Abi, class Value>
bool take_all(const Abi* const* from, std::size_t count, bool (*take)(const Abi*, Value&), std::vector<Value>& to) {
    if (count > kListedMax || (count > 0 && from == nullptr)) {
        return false;
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (!take(from[i], to.emplace_back())) {
            return false;
        }
    }
    return true;
}

/// A step that makes or names one thing tells of exactly that one.
bool has_what_was_asked(BatchStep step, const BatchReply& reply) {
    switch (step) {
        case BatchStep::upload: return reply.files.size() == 1;
        case BatchStep::create:
        case BatchStep::retrieve:
        case BatchStep::cancel: return reply.batches.size() == 1;
        default: return true;
    }
}

}  // namespace

std::optional<BatchCapabilities> batch_capabilities_of(std::string_view json) {
    boost::system::error_code ec;
    const auto value = boost::json::parse(json, ec);
    const auto* object = ec ? nullptr : value.if_object();
    if (object == nullptr) {
        return std::nullopt;
    }
    BatchCapabilities told;
    told.requests_max = 0;
    told.file_bytes_max = 0;
    told.price_factor = 1;
    told.has_tag = told.can_list = told.can_cancel = told.can_delete_files = false;
    told.takes_image_bytes = told.takes_image_urls = false;
    std::string expiry = "lost";
    Members members(*object);
    members.read("endpoint", told.endpoint);
    members.read("requests_max", told.requests_max);
    members.read("requests_min", told.requests_min);
    members.read("file_bytes_max", told.file_bytes_max);
    members.read("line_bytes_max", told.line_bytes_max);
    members.read("enqueued_tokens_max", told.enqueued_tokens_max);
    members.read("creations_per_hour_max", told.creations_per_hour_max);
    members.read("price_factor", told.price_factor);
    members.read("window_s", told.window);
    members.read("expiry", expiry);
    members.read("results_kept_s", told.results_kept);
    members.read("tag", told.has_tag);
    members.read("list", told.can_list);
    members.read("cancel", told.can_cancel);
    members.read("delete_files", told.can_delete_files);
    members.read("image_bytes", told.takes_image_bytes);
    members.read("image_urls", told.takes_image_urls);
    members.read("zero_retention", told.is_zero_retention);
    const bool is_known = expiry == "kept" || expiry == "lost" || expiry == "never";
    if (!members.are_right() || !is_known || told.endpoint.empty()) {
        return std::nullopt;
    }
    told.expiry = expiry == "kept"   ? BatchCapabilities::Expiry::kept
                  : expiry == "lost" ? BatchCapabilities::Expiry::lost
                                     : BatchCapabilities::Expiry::never;
    return told;
}

std::int32_t abi_step(BatchStep step) noexcept {
    switch (step) {
        case BatchStep::upload: return ECO2_BATCH_STEP_UPLOAD;
        case BatchStep::list_files: return ECO2_BATCH_STEP_LIST_FILES;
        case BatchStep::delete_file: return ECO2_BATCH_STEP_DELETE_FILE;
        case BatchStep::download: return ECO2_BATCH_STEP_DOWNLOAD;
        case BatchStep::create: return ECO2_BATCH_STEP_CREATE;
        case BatchStep::retrieve: return ECO2_BATCH_STEP_RETRIEVE;
        case BatchStep::list: return ECO2_BATCH_STEP_LIST;
        case BatchStep::cancel: return ECO2_BATCH_STEP_CANCEL;
    }
    return 0;
}

std::string_view read_line(eco2_str line, std::string& to) {
    const auto text = text_of(line);
    if (text.empty() || text.find_first_of("\r\n") != std::string_view::npos) {
        return "a line that is empty or has a line end";
    }
    if (!is_valid_utf8(text)) {
        return "a line that is not UTF-8";
    }
    to = text;
    return {};
}

std::string_view read_answer(const eco2_batch_answer* answer, BatchAnswer& to) {
    const AbiView<eco2_batch_answer> view(answer);
    if (!view) {
        return "no answer";
    }
    to.outcome = outcome_of(view->outcome);
    if ((to.outcome == BatchAnswer::Outcome::answered) != (view->error == nullptr)) {
        return "an answer's outcome and its error disagree";
    }
    for (const auto& text : {view->custom_id, view->upstream_request_id, view->model, view->text, view->body_json}) {
        if (!is_valid_utf8(text_of(text))) {
            return "an answer that is not UTF-8";
        }
    }
    to.custom_id = text_of(view->custom_id);
    to.request_id = one_line(text_of(view->upstream_request_id));
    to.model = one_line(text_of(view->model));
    to.text = text_of(view->text);
    to.body_json = text_of(view->body_json);
    to.finish = finish_of(view->finish_reason);
    to.http_status = http_status_of(view->http_status);
    if (view->usage != nullptr) {
        to.usage = usage_of(*view->usage);
    }
    if (view->error != nullptr) {
        to.error = error_of(view->error);
    }
    return {};
}

std::string_view read_reply(
    const eco2_batch_reply* reply, BatchStep step, int http_status, BatchReply& to, std::optional<BatchFault>& fault) {
    const AbiView<eco2_batch_reply> view(reply);
    if (!view) {
        return "no reply";
    }
    const bool claims_proof = (view->flags & ECO2_BATCH_NOTHING_DONE) != 0;
    const bool can_prove = http_status >= 400 && http_status < 500 && view->error != nullptr;
    if (claims_proof && !can_prove) {
        return "only a 4xx proves that nothing was done";
    }
    if (view->error != nullptr) {
        auto error = error_of(view->error);
        fault = BatchFault{.error = std::move(error.error),
                           .fault = error.fault,
                           .code = std::move(error.upstream_code),
                           .http_status = http_status,
                           .retry_after_ms = -1,
                           .is_proof_of_nothing = claims_proof};
        fault->retry_after_ms = fault->error.retry_after_ms;
        return {};
    }
    if (!take_all(view->files, view->file_count, &take_file, to.files) ||
        !take_all(view->batches, view->batch_count, &take_batch, to.batches) || !take_id(view->next_page, to.next_page)) {
        return "a reply with an entry that cannot be read";
    }
    return has_what_was_asked(step, to) ? std::string_view{} : "a reply without what the step asked for";
}

BatchFault batch_fault(Error error) {
    BatchFault fault;
    fault.error = std::move(error);
    return fault;
}

}  // namespace eco2::plugin_host
