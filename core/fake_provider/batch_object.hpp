#pragma once

#include <boost/json/object.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The objects of OpenAI's Files and Batches APIs, as of 2026.
namespace eco2::fake {

/// What the Files API tells of a file. Times are seconds since 1970.
struct FileObject {
    std::string id;
    std::string file_name;
    std::string purpose;  // "batch", "batch_output"
    std::int64_t bytes = 0;
    std::int64_t created_at = 0;
    std::optional<std::int64_t> expires_at;
};

enum class BatchStatus { validating, failed, in_progress, finalizing, completed, expired, cancelling, cancelled };

std::string_view batch_status_name(BatchStatus status) noexcept;
bool is_over(BatchStatus status) noexcept;

/// Why a batch failed.
struct BatchError {
    std::string code;
    std::string message;
    std::string param;                 // empty: null
    std::optional<std::int64_t> line;  // of the input file, from 1
};

struct BatchCounts {
    std::int64_t total = 0;
    std::int64_t completed = 0;
    std::int64_t failed = 0;
    std::int64_t tokens_in = 0;
    std::int64_t tokens_out = 0;
};

/// What the Batches API tells of a batch. Times are seconds since 1970.
struct BatchObject {
    std::string id;
    std::string endpoint;
    std::string model;  // empty: not known before validation
    std::string input_file_id;
    BatchStatus status = BatchStatus::validating;
    std::vector<BatchError> errors;
    std::optional<std::string> output_file_id;
    std::optional<std::string> error_file_id;
    std::int64_t created_at = 0;
    std::int64_t expires_at = 0;
    std::optional<std::int64_t> in_progress_at;
    std::optional<std::int64_t> finalizing_at;
    std::optional<std::int64_t> completed_at;
    std::optional<std::int64_t> failed_at;
    std::optional<std::int64_t> expired_at;
    std::optional<std::int64_t> cancelling_at;
    std::optional<std::int64_t> cancelled_at;
    BatchCounts counts;
    std::optional<std::vector<std::pair<std::string, std::string>>> metadata;
};

boost::json::object to_object(const FileObject& file);
boost::json::object to_object(const BatchObject& batch);

}  // namespace eco2::fake
