#pragma once

#include "fake_provider/batch_line.hpp"
#include "fake_provider/batch_object.hpp"
#include "fake_provider/file_shelf.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

namespace eco2::fake {

/// Reads a batch's whole input before anything is executed: one bad line fails the batch.
///
/// Thread-safety: none.
/// Limits:        limits::kFakeBatchErrorsMax errors are told; custom_ids are told apart by 64 bits each.
class BatchValidator {
public:
    struct Bounds {
        std::int64_t lines_max = 0;
        std::int64_t bytes_max = 0;
    };
    BatchValidator(std::shared_ptr<const DiskFile> input, std::string endpoint, Dialect dialect, Bounds bounds);

    /// Reads a slice more. True: it has seen enough. Blocks: reads a disk. Errors: io_failed.
    Result<bool> step(const Slice& slice);

    // once it has seen enough
    const std::vector<BatchError>& errors() const noexcept { return errors_; }
    std::int64_t lines() const noexcept { return lines_; }
    std::int64_t prompt_tokens() const noexcept { return prompt_tokens_; }
    const std::string& model() const noexcept { return model_; }

private:
    Result<bool> read(const Slice& slice);
    void take(std::string_view line);
    void add_error(BatchError error, std::int64_t line);
    bool ends();

    LineReader reader_;
    const std::string endpoint_;
    const Dialect dialect_;
    const Bounds bounds_;
    const std::int64_t bytes_;
    std::unordered_set<std::uint64_t> ids_;
    std::vector<BatchError> errors_;
    std::string model_;
    std::int64_t lines_ = 0;
    std::int64_t prompt_tokens_ = 0;
};

}  // namespace eco2::fake
