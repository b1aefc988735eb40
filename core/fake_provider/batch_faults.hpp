#pragma once

#include "base/result.hpp"
#include "fake_provider/batch_settings.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::fake {

/// A request of the Files or the Batches API.
enum class BatchStep { upload, list_files, file, content, delete_file, create, retrieve, list, cancel };

std::string_view batch_step_name(BatchStep step) noexcept;

/// What can go wrong with batches. The first group is of a request, the second of a batch, from its creation on.
enum class BatchFaultKind {
    lost_reply,  // done, then the connection ends without a reply
    reset,       // the same, but nothing is done
    status,      // an error answer; done when `executed`
    half_body,   // done, 200 with its whole length, then the connection ends within the body
    silence,     // done when `executed`, never a byte
    not_found,   // 404, as if the id were unknown, while the file or batch is younger than `for_ms`; else for ever
    truncate,    // content: 200, a clean end, but the file seems to end early

    null_output,    // over, but without ids of its files for so many `polls`
    empty_ids,      // ids that are not there are "", not null; those that are there too, for so many `polls`
    only_errors,    // every line fails
    token_limit,    // fails as if too many tokens were enqueued
    invalid,        // fails validation at the line `line`
    expire,         // only `share` of the lines is done when the window ends
    ignore_cancel,  // a cancel is taken, and the batch completes all the same
    lines,          // lines fail by `shares`
    crlf,           // the files' lines end in CRLF
    blank_line,     // an empty line behind the output's line `line`
    no_final_newline,
    duplicate_line,   // `count` output lines from `line` on come twice; `conflicting`: with another answer
    unknown_line,     // `count` more lines, with a custom_id that nobody sent
    line_without_id,  // `count` lines lose their custom_id
    drop_line,        // `count` lines are missing: executed, billed, counted, and not in the file
    swap_answers,     // `count` pairs of lines change answers
};

std::string_view batch_fault_name(BatchFaultKind kind) noexcept;

/// How a line can fail, by share.
enum class LineFault { none, limited, failed, image_timeout, length, refusal, wrong_schema, huge };

/// One entry of "faults".
struct BatchFault {
    BatchFaultKind kind = BatchFaultKind::lost_reply;
    std::optional<BatchStep> on;  // which request; none: it is of a batch
    int times = 1;                // requests or batches that it is good for; 0: all
    int status = 500;
    std::string error_code;
    std::string message;
    std::string retry_after;       // header value; empty: none
    bool executed = false;         // status, silence
    bool with_rst = true;          // the connection ends with RST, else FIN; "reset" on the wire
    std::int64_t for_ms = -1;      // not_found: -1 for ever
    std::int64_t bytes = -1;       // truncate, half_body: what is sent, -1: half; lines: of a huge answer
    std::int64_t last_bytes = -1;  // truncate: what is missing at the end
    std::string file;              // content: "input", "output" or "error"; empty: each
    int polls = 3;                 // 0: for ever
    double share = 0.5;
    std::int64_t line = 1;  // of the file, from 1
    int count = 1;
    bool conflicting = false;
    std::vector<std::pair<LineFault, double>> shares;  // of lines
};

/// {"on":"create","fault":"lost_reply",…}. Errors: invalid_field, with the key's name and what to write.
Result<BatchFault> read_batch_fault(const boost::json::object& json);

/// What is known of a request when its fault is chosen.
struct BatchFacts {
    BatchStep step = BatchStep::upload;
    std::optional<std::chrono::milliseconds> age = {};  // of the file or batch that it names; none: there is none
    std::string_view file = {};                         // content: as BatchFault::file
};

/// Settings and faults, which change while the provider runs.
///
/// Thread-safety: any thread.
/// Limits:        limits::kFakeBatchFaultsMax entries.
class BatchRules {
public:
    struct State {
        BatchSettings settings;
        std::optional<std::vector<BatchFault>> faults;  // none: as they are
    };
    explicit BatchRules(State first) : first_(std::move(first)) { reset(); }

    /// Reads a "batch" object and changes nothing. Errors: invalid_field, limit_exceeded.
    Result<State> read(const boost::json::object& json) const;
    void set(State state);
    /// Back to what it started with.
    void reset();

    BatchSettings settings() const;
    /// The first entry that fits; it is then used up by one.
    std::optional<BatchFault> take(const BatchFacts& facts);
    /// What a batch that is being created gets; each entry is used up by one.
    std::vector<BatchFault> take_for_batch();
    std::size_t faults_left() const;

private:
    const State first_;
    mutable std::mutex mutex_;  // guards what follows
    BatchSettings settings_;
    std::vector<BatchFault> faults_;
};

}  // namespace eco2::fake
