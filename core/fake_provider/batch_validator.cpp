#include "fake_provider/batch_validator.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"

#include <optional>
#include <utility>

namespace eco2::fake {

BatchValidator::BatchValidator(std::shared_ptr<const DiskFile> input, std::string endpoint, Dialect dialect, Bounds bounds)
    : reader_(input), endpoint_(std::move(endpoint)), dialect_(dialect), bounds_(bounds), bytes_(input->bytes()) {
    if (bytes_ > bounds_.bytes_max) {
        errors_.push_back({"file_too_large",
                           "The batch input file has " + std::to_string(bytes_) + " bytes, more than the maximum of " +
                               std::to_string(bounds_.bytes_max) + ". Split it into several batches.",
                           "input_file_id",
                           std::nullopt});
    }
}

Result<bool> BatchValidator::step(const Slice& slice) {
    if (bytes_ > bounds_.bytes_max) {
        return true;
    }
    Result<bool> done = read(slice);
    reader_.rest();
    return done;
}

Result<bool> BatchValidator::read(const Slice& slice) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < slice.lines_max && bytes < slice.bytes_max; ++i) {
        const Result<std::optional<std::string_view>> line = reader_.next();
        if (!line && line.error().code == Errc::limit_exceeded) {
            add_error({"line_too_long", line.error().detail, "", std::nullopt}, reader_.line() + 1);
            return true;
        }
        if (!line) {
            return line.error();
        }
        if (!*line) {
            return ends();
        }
        if (++lines_ > bounds_.lines_max) {
            errors_ = {{"too_many_requests",
                        "The batch input file contains more than the maximum of " + std::to_string(bounds_.lines_max) +
                            " requests. Split it into several batches.",
                        "input_file_id",
                        std::nullopt}};
            return true;
        }
        bytes += (*line)->size();
        take(**line);
        if (errors_.size() >= limits::kFakeBatchErrorsMax) {
            return true;
        }
    }
    return false;
}

void BatchValidator::take(std::string_view line) {
    auto read = read_batch_line(line, endpoint_, dialect_);
    if (BatchError* error = std::get_if<BatchError>(&read)) {
        return add_error(std::move(*error), lines_);
    }
    const BatchLine& good = std::get<BatchLine>(read);
    if (!ids_.insert(text_hash(good.custom_id)).second) {
        return add_error({"duplicate_custom_id",
                          "The custom_id '" + shorten(good.custom_id, limits::kFakeNameBytesMax) +
                              "' is a duplicate of another request's. Each request of a batch needs its own.",
                          "custom_id",
                          std::nullopt},
                         lines_);
    }
    if (model_.empty()) {
        model_ = good.model;
    } else if (model_ != good.model) {
        return add_error(
            {"mismatched_model",
             "The model '" + shorten(good.model, limits::kFakeNameBytesMax) + "' does not match the rest of the batch, '" +
                 shorten(model_, limits::kFakeNameBytesMax) + "'. Each batch must contain requests for a single model.",
             "body.model",
             std::nullopt},
            lines_);
    }
    if (const ChatRequest* request = std::get_if<ChatRequest>(&good.request)) {
        prompt_tokens_ += request->prompt_tokens;
    }
}

void BatchValidator::add_error(BatchError error, std::int64_t line) {
    error.line = line;
    errors_.push_back(std::move(error));
}

bool BatchValidator::ends() {
    if (lines_ == 0) {
        errors_.push_back({"empty_file",
                           "The batch input file is empty. It must contain at least one request.",
                           "input_file_id",
                           std::nullopt});
    }
    return true;
}

}  // namespace eco2::fake
