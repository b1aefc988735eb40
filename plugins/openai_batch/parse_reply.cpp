#include "openai/errors.hpp"
#include "openai_batch/faults.hpp"
#include "openai_batch/steps.hpp"

#include "eco2/plugin/json.hpp"
#include "eco2/plugin/upstream_errors.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

namespace eco2::openai_batch {

using plugin::BatchReply;
using plugin::BatchStep;
using plugin::Failure;
using plugin::json_array;
using plugin::json_member;
using plugin::json_text;
using plugin::RemoteBatch;
using plugin::RemoteFile;

namespace {

using Json = boost::json::value;

struct StateName {
    std::string_view name;
    RemoteBatch::State state;
};

constexpr std::array kStates{
    StateName{"validating", RemoteBatch::State::validating},
    StateName{"in_progress", RemoteBatch::State::running},
    StateName{"finalizing", RemoteBatch::State::finalizing},
    StateName{"completed", RemoteBatch::State::completed},
    StateName{"failed", RemoteBatch::State::failed},
    StateName{"expired", RemoteBatch::State::expired},
    StateName{"cancelling", RemoteBatch::State::cancelling},
    StateName{"canceling", RemoteBatch::State::cancelling},
    StateName{"cancelled", RemoteBatch::State::cancelled},
    StateName{"canceled", RemoteBatch::State::cancelled},
};

std::string text_of(const Json* object, std::string_view name) {
    return std::string(json_text(json_member(object, name)).value_or(""));
}

std::int64_t number_of(const Json* object, std::string_view name, std::int64_t unless_told = -1) {
    return plugin::json_integer(json_member(object, name)).value_or(unless_told);
}

RemoteBatch::State state_named(std::string_view name) {
    const auto* const found =
        std::find_if(kStates.begin(), kStates.end(), [&](const StateName& row) { return row.name == name; });
    return found == kStates.end() ? RemoteBatch::State::running : found->state;
}

std::vector<RemoteBatch::Fault> faults_of(const Json* errors) {
    std::vector<RemoteBatch::Fault> faults;
    const boost::json::array* listed = json_array(json_member(errors, "data"));
    listed = listed == nullptr ? json_array(errors) : listed;
    for (std::size_t index = 0; listed != nullptr && index < listed->size(); ++index) {
        const Json* const entry = &(*listed)[index];
        faults.push_back(
            {text_of(entry, "code"), text_of(entry, "message"), std::max<std::int64_t>(0, number_of(entry, "line", 0))});
    }
    return faults;
}

std::optional<plugin::Usage> usage_of(const Json* usage) {
    if (usage == nullptr || !usage->is_object()) {
        return std::nullopt;
    }
    return plugin::Usage{number_of(usage, "input_tokens"),
                         number_of(usage, "output_tokens"),
                         number_of(json_member(usage, "input_tokens_details"), "cached_tokens"),
                         number_of(json_member(usage, "output_tokens_details"), "reasoning_tokens"),
                         false};
}

std::optional<RemoteFile> file_of(const Json& json) {
    RemoteFile file;
    file.id = text_of(&json, "id");
    file.name = text_of(&json, "filename");
    file.bytes = number_of(&json, "bytes");
    file.created_at_s = number_of(&json, "created_at");
    file.expires_at_s = number_of(&json, "expires_at");
    return file.id.empty() ? std::nullopt : std::optional(std::move(file));
}

std::optional<RemoteBatch> batch_of(const Json& json) {
    RemoteBatch batch;
    batch.id = text_of(&json, "id");
    batch.state_word = text_of(&json, "status");
    batch.state = state_named(batch.state_word);
    batch.tag = text_of(json_member(&json, "metadata"), kTagName);
    batch.input_file = text_of(&json, "input_file_id");
    batch.output_file = text_of(&json, "output_file_id");
    batch.error_file = text_of(&json, "error_file_id");
    const Json* const counts = json_member(&json, "request_counts");
    batch.total = number_of(counts, "total");
    batch.completed = number_of(counts, "completed");
    batch.failed = number_of(counts, "failed");
    batch.created_at_s = number_of(&json, "created_at");
    batch.expires_at_s = number_of(&json, "expires_at");
    batch.faults = faults_of(json_member(&json, "errors"));
    batch.usage = usage_of(json_member(&json, "usage"));
    return batch.id.empty() ? std::nullopt : std::optional(std::move(batch));
}

/// Reads {"data": [...], "has_more", "last_id"}. False: it is none, or an entry cannot be read.
template <class Item>
bool read_list(const Json& json, std::optional<Item> (*read)(const Json&), std::vector<Item>& to, std::string& next_page) {
    const boost::json::array* const listed = json_array(json_member(&json, "data"));
    if (listed == nullptr) {
        return false;
    }
    for (const Json& entry : *listed) {
        std::optional<Item> item = read(entry);
        if (!item) {
            return false;
        }
        to.push_back(*std::move(item));
    }
    const Json* const has_more = json_member(&json, "has_more");
    if (has_more != nullptr && has_more->is_bool() && has_more->get_bool() && !to.empty()) {
        next_page = to.back().id;  // which is "last_id", where that is sent
    }
    return true;
}

template <class Item>
bool read_one(std::optional<Item> item, std::vector<Item>& to) {
    if (item) {
        to.push_back(*std::move(item));
    }
    return !to.empty();
}

bool read_success(BatchStep step, const Json& json, BatchReply& reply) {
    switch (step) {
        case BatchStep::upload: return read_one(file_of(json), reply.files);
        case BatchStep::list_files: return read_list(json, &file_of, reply.files, reply.next_page);
        case BatchStep::list: return read_list(json, &batch_of, reply.batches, reply.next_page);
        case BatchStep::create:
        case BatchStep::retrieve:
        case BatchStep::cancel: return read_one(batch_of(json), reply.batches);
        default: return true;
    }
}

BatchReply refused(Failure failure, bool is_proof) {
    BatchReply reply;
    reply.refusal = std::move(failure);
    reply.is_proof_of_nothing = is_proof;
    return reply;
}

}  // namespace

BatchReply parse_reply(
    BatchStep step, int http_status, const plugin::Headers& headers, std::string_view body, std::int64_t wall_now_ns) {
    if (http_status < 200 || http_status >= 300) {
        return refused(corrected(openai::classify_response(http_status, headers, body, wall_now_ns)),
                       is_proof_of_nothing(http_status, body));
    }
    if (step == BatchStep::delete_file || step == BatchStep::download) {
        return {};  // it is done; nothing that is told of it matters
    }
    plugin::JsonDocument<> document;
    if (!document.parse(plugin::without_byte_order_mark(body))) {
        return refused(openai::malformed("the answer to a step of the Batch API is not JSON"), false);
    }
    const Json* const error = json_member(&document.value(), "error");
    if (error != nullptr && !error->is_null()) {
        return refused(corrected(openai::classify_in_stream(*error)), false);
    }
    BatchReply reply;
    if (!read_success(step, document.value(), reply)) {
        return refused(openai::malformed("the answer to a step of the Batch API is not what was asked for"), false);
    }
    return reply;
}

}  // namespace eco2::openai_batch
