#pragma once

#include "base/result.hpp"
#include "batch/jobs/job.hpp"
#include "batch/report/output_file.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace eco2::batch {

/// What has become of one item.
struct ResultRow {
    enum class Status { done, failed, cancelled };

    std::string id;
    std::int64_t line = 0;  // of the input: rows come in its order
    Status status = Status::done;
    std::string result_json;  // one JSON value; empty: none
    std::string error_code;   // empty: none
    std::string error_detail;
    std::string label;  // as the input has it; empty: none
};

/// How one stage of an item was come by.
struct LineageStage {
    std::string stage;
    std::string shard;  // empty: no batch was asked
    int attempt = 1;
    std::string request_id;  // the provider's; empty: not told
    std::string model;
    std::string price_version;
    std::int64_t input_tokens = 0;
    std::int64_t output_tokens = 0;
    std::int64_t cost_picousd = 0;
    bool is_cached = false;
};

/// What the manifest says of the job besides its files.
struct ExportManifest {
    std::string job;
    std::string input;
    std::string fingerprint;
    std::string price_version;
    Money money;
    std::vector<std::string> shards;  // a JSON object each
};

struct ExportedFile {
    std::string name;
    std::int64_t bytes = 0;
    std::string sha256;
};

/// Writes the results of a job into a folder, in bounded memory:
///
/// * `results.jsonl`, a line an item in the input's order: `{"id":...,"status":"done","result":{...}}` or
///   `{"id":...,"status":"failed","error":{"code":...,"message":...}}`; `label` after the status where the item has one; a
///   failed item's `result` where there is one. Of a job of OpenAI's requests `response`, the body as it came, in place of
///   `result`. Nothing stands there that differs between a run that crashed and one that did not: the same rows give the same
///   bytes.
/// * `results.csv`: id, status, error_code, error_message, label (where any row has one), then a column for each value inside
/// the
///   results, named by its way in results.jsonl ("result.rule.category"), in the order in which they first come; lists as JSON.
///   Null and absent are empty cells. Beyond limits::kBatchCsvColumnsMax columns no further ones are made, and rows with more
///   have their whole result in a last column `result_json` (or `response_json`). UTF-8 without a mark, lines end in LF. A text
///   that a spreadsheet would take for a formula (= + - @ TAB CR at its start) has an apostrophe before it, ids too; numbers
///   are as they are.
/// * `lineage.jsonl`, a line an item: its stages, with shard, attempt, model and exact cost.
/// * `manifest.json`: job, input, counts, money, shards, and each file's bytes and SHA-256. It is the last to appear: files
/// that it
///   describes are whole.
///
/// Files are written under temporary names and renamed when all of them are on the disk, so that a full disk or a crash before
/// that leaves the folder's files as they were. A crash between two renames leaves whole files and an old manifest; to write
/// the export again is the cure.
///
/// Thread-safety: none; one writer a folder, of all processes.
/// Errors of all: io_failed with the path; it stays, nothing more is renamed then, and temporaries go with the writer.
class ResultWriter {
public:
    enum class Form { result, response };

    /// Makes the folder where there is none, and removes what a crash has left in it. Blocks.
    /// Errors: io_failed (another writer is at it). Lifetime: `calls` outlives the writer.
    static Result<std::unique_ptr<ResultWriter>> open(const std::filesystem::path& folder,
                                                      Form form,
                                                      FileCalls& calls = FileCalls::real());
    ~ResultWriter();

    /// Blocks. Errors: internal (a result that is not JSON or nested too deep, a row out of order); nothing was written then,
    /// and the row may be added as a failed one.
    Result<void> add(const ResultRow& row, std::span<const LineageStage> stages);

    /// Makes the export durable and visible; the writer is then over. Blocks: reads the results again, for the CSV.
    Result<std::vector<ExportedFile>> commit(const ExportManifest& manifest);

private:
    class Impl;
    explicit ResultWriter(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace eco2::batch
