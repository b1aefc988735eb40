#include "fake_provider/batch_object.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <array>

namespace eco2::fake {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 8> kStatusNames{
    "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"};

template <class Value>
json::value or_null(const std::optional<Value>& value) {
    return value ? json::value(*value) : json::value(nullptr);
}

json::value text_or_null(const std::string& text) {
    return text.empty() ? json::value(nullptr) : json::value(text);
}

json::value errors_of(const BatchObject& batch) {
    if (batch.errors.empty()) {
        return nullptr;
    }
    json::array data;
    for (const BatchError& error : batch.errors) {
        data.push_back(json::object{{"code", error.code},
                                    {"line", or_null(error.line)},
                                    {"message", error.message},
                                    {"param", text_or_null(error.param)}});
    }
    return json::object{{"object", "list"}, {"data", std::move(data)}};
}

json::value metadata_of(const BatchObject& batch) {
    if (!batch.metadata) {
        return nullptr;
    }
    json::object out;
    for (const auto& [key, value] : *batch.metadata) {
        out[key] = value;
    }
    return out;
}

json::object usage_of(const BatchCounts& counts) {
    return {{"input_tokens", counts.tokens_in},
            {"input_tokens_details", json::object{{"cached_tokens", 0}}},
            {"output_tokens", counts.tokens_out},
            {"output_tokens_details", json::object{{"reasoning_tokens", 0}}},
            {"total_tokens", counts.tokens_in + counts.tokens_out}};
}

}  // namespace

std::string_view batch_status_name(BatchStatus status) noexcept {
    return kStatusNames[static_cast<std::size_t>(status)];
}

bool is_over(BatchStatus status) noexcept {
    switch (status) {
        case BatchStatus::failed:
        case BatchStatus::completed:
        case BatchStatus::expired:
        case BatchStatus::cancelled: return true;
        default: return false;
    }
}

json::object to_object(const FileObject& file) {
    return {{"object", "file"},
            {"id", file.id},
            {"purpose", file.purpose},
            {"filename", file.file_name},
            {"bytes", file.bytes},
            {"created_at", file.created_at},
            {"expires_at", or_null(file.expires_at)},
            {"status", "processed"},
            {"status_details", nullptr}};
}

json::object to_object(const BatchObject& batch) {
    return {
        {"id", batch.id},
        {"object", "batch"},
        {"endpoint", batch.endpoint},
        {"model", text_or_null(batch.model)},
        {"errors", errors_of(batch)},
        {"input_file_id", batch.input_file_id},
        {"completion_window", "24h"},
        {"status", batch_status_name(batch.status)},
        {"output_file_id", or_null(batch.output_file_id)},
        {"error_file_id", or_null(batch.error_file_id)},
        {"created_at", batch.created_at},
        {"in_progress_at", or_null(batch.in_progress_at)},
        {"expires_at", batch.expires_at},
        {"finalizing_at", or_null(batch.finalizing_at)},
        {"completed_at", or_null(batch.completed_at)},
        {"failed_at", or_null(batch.failed_at)},
        {"expired_at", or_null(batch.expired_at)},
        {"cancelling_at", or_null(batch.cancelling_at)},
        {"cancelled_at", or_null(batch.cancelled_at)},
        {"request_counts",
         json::object{{"total", batch.counts.total}, {"completed", batch.counts.completed}, {"failed", batch.counts.failed}}},
        {"usage", usage_of(batch.counts)},
        {"metadata", metadata_of(batch)}};
}

}  // namespace eco2::fake
