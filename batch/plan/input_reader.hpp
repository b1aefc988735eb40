#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::batch {

/// One item as the user gave it.
struct InputItem {
    std::string id;         // the user's own, any text; made from the file's name or the row where there is none
    std::string photo;      // absolute path of a local photo; empty: none
    std::string image_url;  // empty: none
    std::string question;   // empty: the pipeline's default
    std::string user_id;    // a UUID: rewards are granted to it; empty: they are computed only
    std::string language;   // empty: the job's
    std::string label;      // expected class, for `eco2 eval`; empty: none
    std::string body;       // of a request in OpenAI's form, as it came; the others are then empty
    std::string model;      // of `body`
    std::int64_t line = 0;  // of the input file, from 1; the file's place in a directory
};

enum class InputKind { photos, csv, jsonl, requests };

/// Reads an input item by item, in order, in bounded memory: a directory or a glob of photos (by name, in byte order; hidden
/// files and what is no photo by its ending are left out and counted), a CSV with a head line, JSONL of objects, or OpenAI's
/// batch JSONL (`custom_id`, `method`, `url`, `body`), which is told by its first line.
///
/// Thread-safety: none. Blocks: reads files.
/// Limits:        a line of limits::kBatchLineBytesMax; ids of limits::kBatchItemIdBytesMax.
class InputReader {
public:
    /// `id_column` and the like: where a CSV or JSONL has its own names. Empty: the known ones (id, image or photo, image_url
    /// or url, question or text, user_id, language, label).
    struct Columns {
        std::string id, photo, image_url, question, user_id, language, label;
    };

    /// Errors: io_failed, invalid_field (nothing there; a head line that names no known column, with the nearest known one).
    static Result<std::unique_ptr<InputReader>> open(const std::string& input, const Columns& columns = {});
    virtual ~InputReader() = default;

    virtual InputKind kind() const noexcept = 0;
    /// The next item; none: the end. Errors: invalid_field with "INPUT:LINE: what is wrong; what is allowed". The same reader
    /// may go on behind an error, so that several can be told at once.
    virtual Result<std::optional<InputItem>> next() = 0;
    /// Bytes or files read so far, and of how many; for a progress bar.
    virtual std::int64_t done() const noexcept = 0;
    virtual std::int64_t total() const noexcept = 0;
    /// Files of a directory that are no photos.
    virtual std::int64_t left_out() const noexcept { return 0; }
};

/// What must hold over all items, beyond the single one: ids are unique; all requests are for one model and one endpoint.
/// Told with both lines. Keeps a hash an item (16 bytes).
class InputCheck {
public:
    InputCheck();
    ~InputCheck();
    /// Errors: invalid_field: "line 7: the id \"a\" stands on line 3 already".
    Result<void> add(const InputItem& item);
    /// Over all items in order: changes when one is added, removed, moved or edited. Of local photos: path, size and time of
    /// change. 64 hex digits.
    std::string fingerprint() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace eco2::batch
