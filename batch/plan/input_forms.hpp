#pragma once

#include "batch/plan/input_reader.hpp"

#include <memory>
#include <string>

/// The readers behind InputReader::open, by form.
namespace eco2::batch {

/// A directory, a glob or a single photo. Errors: io_failed; invalid_field: no photo is there.
Result<std::unique_ptr<InputReader>> open_photos(const std::string& input);

/// Errors: io_failed; invalid_field: no head line, no column in it that is known, a column that was named and is not there.
Result<std::unique_ptr<InputReader>> open_csv(const std::string& input, const InputReader::Columns& columns);

/// JSONL of items, or, by its first line, of requests. Errors: io_failed; invalid_field: nothing in it.
Result<std::unique_ptr<InputReader>> open_jsonl(const std::string& input, const InputReader::Columns& columns);
Result<std::unique_ptr<InputReader>> open_requests(const std::string& input);

/// Whether a path has wild cards in it.
bool is_glob(const std::string& path) noexcept;
/// By its ending.
bool is_photo_name(const std::string& name);

}  // namespace eco2::batch
