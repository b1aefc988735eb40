#pragma once

#include "eco2/abi/batch_provider.h"
#include "eco2/plugin/delta_writer.hpp"
#include "eco2/plugin/generate_request.hpp"
#include "eco2/plugin/headers.hpp"
#include "eco2/plugin/host.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::plugin {
inline namespace draft_2 {

/// One line of a result file. Empty and 0: not told.
struct BatchAnswer {
    enum class Outcome : std::int32_t {
        answered = ECO2_BATCH_ANSWERED,
        failed = ECO2_BATCH_FAILED,
        expired = ECO2_BATCH_EXPIRED,
        cancelled = ECO2_BATCH_CANCELLED,
    };

    std::string custom_id;
    Outcome outcome = Outcome::failed;
    int http_status = 0;
    FinishReason finish = FinishReason::none;
    std::string upstream_request_id;
    std::string model;
    std::string text;
    std::string_view body_json;  // lifetime: of the line
    std::optional<Usage> usage;
    Failure failure;  // unless answered
};

enum class BatchStep : std::int32_t {
    upload = ECO2_BATCH_STEP_UPLOAD,
    list_files = ECO2_BATCH_STEP_LIST_FILES,
    delete_file = ECO2_BATCH_STEP_DELETE_FILE,
    download = ECO2_BATCH_STEP_DOWNLOAD,
    create = ECO2_BATCH_STEP_CREATE,
    retrieve = ECO2_BATCH_STEP_RETRIEVE,
    list = ECO2_BATCH_STEP_LIST,
    cancel = ECO2_BATCH_STEP_CANCEL,
};

/// What a step is to be done with; see ECO2_BATCH_STEP_* for what each reads. Lifetime: of the function it is handed to.
struct BatchAsk {
    BatchStep step = BatchStep::retrieve;
    bool has_key = false;  // whether a key stands behind ECO2_KEY_PLACEHOLDER
    std::string_view id;
    std::string_view file_name;
    std::string_view tag;
    std::string_view job;
    std::string_view page_after;
};

/// What a dialect wants sent. Header texts are views: of literals or of the dialect itself.
struct BatchRequest {
    std::string method = "GET";
    std::string url;
    HeaderList headers;  // a value may hold ECO2_KEY_PLACEHOLDER
    std::string body;
    std::string body_end;  // of an upload: the file's bytes stand between body and body_end
};

struct RemoteFile {
    std::string id;
    std::string name;
    std::int64_t bytes = -1;  // -1: not told; so are those that follow
    std::int64_t created_at_s = -1;
    std::int64_t expires_at_s = -1;
};

struct RemoteBatch {
    enum class State : std::int32_t {
        validating = ECO2_BATCH_STATE_VALIDATING,
        running = ECO2_BATCH_STATE_RUNNING,
        finalizing = ECO2_BATCH_STATE_FINALIZING,
        completed = ECO2_BATCH_STATE_COMPLETED,
        failed = ECO2_BATCH_STATE_FAILED,
        expired = ECO2_BATCH_STATE_EXPIRED,
        cancelling = ECO2_BATCH_STATE_CANCELLING,
        cancelled = ECO2_BATCH_STATE_CANCELLED,
    };
    struct Fault {
        std::string code;
        std::string message;
        std::int64_t line = 0;  // of the input, from 1; 0: not told
    };

    std::string id;
    State state = State::running;
    std::string state_word;  // the provider's own
    std::string tag;         // this and what follows: empty where it is not told
    std::string input_file;
    std::string output_file;
    std::string error_file;
    std::int64_t total = -1;  // requests; -1: not told; so are those that follow
    std::int64_t completed = -1;
    std::int64_t failed = -1;
    std::int64_t created_at_s = -1;
    std::int64_t expires_at_s = -1;
    std::vector<Fault> faults;
    std::optional<Usage> usage;  // of the whole batch
};

/// What the answer to a step says.
struct BatchReply {
    std::vector<RemoteFile> files;     // upload: one; list_files: newest first, each that is listed
    std::vector<RemoteBatch> batches;  // create, retrieve, cancel: one; list: newest first, each that is listed
    std::string next_page;             // empty: the last page
    std::optional<Failure> refusal;    // refused, or it cannot be read; then the rest means nothing
    /// The answer itself proves that nothing was done. Wrongly true: the host does it again, and somebody pays twice.
    bool is_proof_of_nothing = false;
};

/// A provider's Batch API (interface eco2.draft.batch_provider/0), written as functions over bytes.
///
/// Thread-safety: encode_line, read_line, write_step and read_reply run on many threads at once, none of them an I/O thread:
///                they may take as long as their bytes need.
class BatchDialect {
public:
    static constexpr std::string_view kInterfaceId = ECO2_BATCH_PROVIDER_ID;

    /// A JSON object; sdk/docs/abi.md names its members. Asked once.
    virtual std::string batch_capabilities() const = 0;
    /// A line without its end: exactly the body that a live call would send, never streamed. `request` is never streamed.
    virtual Result<std::string> encode_line(const GenerateRequest& request, std::string_view custom_id) = 0;
    /// Errors: it is no line of this provider's.
    virtual Result<BatchAnswer> read_line(std::string_view line) = 0;
    /// Errors: unsupported (a step that the upstream has not), invalid_argument (an ask that cannot be written).
    virtual Result<BatchRequest> write_step(const BatchAsk& ask) = 0;
    /// Of any status. The layer fills in the refusal's status.
    virtual BatchReply read_reply(BatchStep step, int http_status, const Headers& headers, std::string_view body) = 0;

    const void* table() const noexcept { return &table_; }

protected:
    explicit BatchDialect(const Host& host) noexcept;
    BatchDialect(const BatchDialect&) = delete;
    BatchDialect& operator=(const BatchDialect&) = delete;
    ~BatchDialect() = default;

private:
    const eco2_str* described() noexcept;

    eco2_batch_provider table_ = detail::sized<eco2_batch_provider>();
    std::string text_;
    eco2_str view_{};
};

}  // namespace draft_2
}  // namespace eco2::plugin

#include "eco2/plugin/detail/batch_table.hpp"
