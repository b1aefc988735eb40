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
    std::string id;         // the user's own, any text; else a photo's name in its folder, or "row-7" (rows count from 1)
    std::string photo;      // absolute path of a local photo; empty: none
    std::string image_url;  // empty: none
    std::string question;   // empty: the pipeline's default
    std::string user_id;    // a UUID: rewards are granted to it; empty: they are computed only
    std::string language;   // empty: the job's
    std::string label;      // expected class, for `eco2 eval`; empty: none
    std::string body;       // of a request in OpenAI's form, as it came; the others are then empty
    std::string model;      // of `body`
    std::string endpoint;   // of `body`: "/v1/chat/completions"
    std::int64_t line = 0;  // of the input file, from 1; the file's place in a directory
};

enum class InputKind { photos, csv, jsonl, requests };

/// Reads an input item by item, in order, in bounded memory:
///
/// * a directory, a glob (`*`, `?`, `[...]` in any part of the path, no `**`) or a single photo. Files come by name, in byte
///   order. A directory's folders are not read: "photos/*/*.jpg" reads them. Hidden files and what is no photo by its ending
///   (jpg, jpeg, png, webp) are left out and counted. A photo's id is its path behind the directory or the glob's fixed part.
/// * CSV (RFC 4180, UTF-8 with or without a mark; LF, CRLF; line ends in quotes; blank lines are passed over) with a head line,
///   whose names are trimmed and may be in capitals. Columns that are not known are ignored, and told.
/// * JSONL of flat objects of strings; an id may be a whole number. Null is as if not there, an unknown key is refused.
/// * OpenAI's batch JSONL (`custom_id`, `method`, `url`, `body`), told by its first line. It is held to what the provider would
///   fail the whole batch for: blank lines, another method than POST, `stream`, a body without its model or its input.
///
/// Photos that an input file names are relative to that file, and must be there. Each item has a photo, an image_url or a
/// question, and not both of the first two.
///
/// Thread-safety: none. Blocks: reads files.
/// Limits:        a line, or a CSV's row, of limits::kBatchLineBytesMax; ids, labels and languages of
///                limits::kBatchItemIdBytesMax; questions of limits::kQuestionBytesMax; limits::kBatchItemsMax photos.
class InputReader {
public:
    /// Where a CSV or JSONL has its own names. Empty: the known ones (id; image, photo or path; image_url or url; question,
    /// text or user_input; user_id; language; label).
    struct Columns {
        std::string id, photo, image_url, question, user_id, language, label;
    };

    /// Errors: io_failed, invalid_field (nothing there; a head line that names no known column, with the nearest known one).
    static Result<std::unique_ptr<InputReader>> open(const std::string& input, const Columns& columns = {});
    virtual ~InputReader() = default;

    virtual InputKind kind() const noexcept = 0;
    /// The next item; none: the end. Errors: invalid_field with "INPUT:LINE: what is wrong; what is allowed" (of photos: the
    /// path); io_failed. The same reader may go on behind an error, so that several can be told at once; behind one that leaves
    /// nothing to go on with (the disk, a quote that is never closed) comes the end.
    virtual Result<std::optional<InputItem>> next() = 0;
    /// Bytes or files read so far, and of how many; for a progress bar.
    virtual std::int64_t done() const noexcept = 0;
    virtual std::int64_t total() const noexcept = 0;
    /// Files of a directory that are no photos.
    virtual std::int64_t left_out() const noexcept { return 0; }
    /// Names in a CSV's head line that mean nothing here.
    virtual std::vector<std::string> ignored_columns() const { return {}; }
};

/// What must hold over all items, beyond the single one: ids are unique; all requests are for one model and one endpoint.
/// Told with both lines. Of an id it keeps a hash of 128 bits and the line: 42 MB for a million items.
///
/// Thread-safety: none. Limits: limits::kBatchItemsMax.
class InputCheck {
public:
    InputCheck();
    ~InputCheck();
    /// Blocks: looks at the photo's size and time. Errors: invalid_field: "line 7: the id \"a\" stands on line 3 already";
    /// limit_exceeded. The item then does not count, and further ones may follow.
    Result<void> add(const InputItem& item);
    /// Over all items in order: changes when one is added, removed, moved or edited. Of local photos: path, size and time of
    /// change. 64 hex digits: SHA-256 over each item's fields (but `line`), each behind its length in eight bytes.
    std::string fingerprint() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace eco2::batch
