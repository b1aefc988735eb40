#pragma once

#include "base/result.hpp"
#include "model/calls.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The door to a provider's Batch API: what a plugin knows of it, without I/O. Who sends the requests is the batch machine.
/// `plugin_host` implements it over the plugin ABI; tests bring their own.
namespace eco2 {

/// What a provider's Batch API can do. Limits: 0 means none is known.
struct BatchCapabilities {
    std::string endpoint;  // that lines are for, "/v1/chat/completions"
    std::int64_t requests_max = 50'000;
    std::int64_t requests_min = 0;
    std::int64_t file_bytes_max = 196'000'000;
    std::int64_t line_bytes_max = 0;
    std::int64_t enqueued_tokens_max = 0;  // prompt tokens of all batches under way, per model
    std::int64_t creations_per_hour_max = 0;
    double price_factor = 0.5;  // of the synchronous price
    std::chrono::seconds window{86'400};
    enum class Expiry { kept, lost, never };  // what an expired batch keeps of what was done
    Expiry expiry = Expiry::kept;
    std::chrono::seconds results_kept{30 * 86'400};
    bool has_tag = true;   // a batch carries our tag, and shows it
    bool can_list = true;  // batches and files
    bool can_cancel = true;
    bool can_delete_files = true;
    bool takes_image_bytes = true;
    bool takes_image_urls = true;
    bool is_zero_retention = false;  // false: batches are outside zero data retention
};

/// A file that the provider keeps for us.
struct RemoteFile {
    std::string id;
    std::string name;
    std::int64_t bytes = -1;         // -1: not told
    std::int64_t created_at_s = -1;  // since 1970; -1: not told
    std::int64_t expires_at_s = -1;
};

/// A batch as the provider tells of it.
struct RemoteBatch {
    enum class State { validating, running, finalizing, completed, failed, expired, cancelling, cancelled };
    struct Fault {
        std::string code;
        std::string message;
        std::int64_t line = 0;  // of the input, from 1; 0: not told
    };

    std::string id;
    State state = State::validating;
    std::string state_word;  // the provider's own; one that is not known reads as running
    std::string tag;         // empty: not told
    std::string input_file;
    std::string output_file;  // empty: not there (yet)
    std::string error_file;
    std::int64_t total = -1;  // requests; -1: not told
    std::int64_t completed = -1;
    std::int64_t failed = -1;
    std::int64_t created_at_s = -1;
    std::int64_t expires_at_s = -1;
    std::vector<Fault> faults;
    Usage usage;  // of the whole batch

    bool is_terminal() const noexcept {
        return state == State::completed || state == State::failed || state == State::expired || state == State::cancelled;
    }
};

/// One line of a result file.
struct BatchAnswer {
    enum class Outcome {
        answered,   // text, finish, usage, body
        failed,     // error; the request was tried
        expired,    // not tried: the window was over
        cancelled,  // not tried: the batch was cancelled
    };

    std::string custom_id;  // empty: the line has none
    Outcome outcome = Outcome::failed;
    std::string request_id;
    std::string model;  // that answered; empty: not told
    std::string text;
    FinishReason finish = FinishReason::none;
    Usage usage;
    int http_status = 0;
    std::string body_json;  // the response's body as it came; may be empty
    CallError error;        // unless answered
};

/// A step of the Batch API.
enum class BatchStep { upload, list_files, delete_file, download, create, retrieve, list, cancel };

/// What a step is to be done with; a step reads what it needs.
struct BatchAsk {
    BatchStep step = BatchStep::retrieve;
    std::string id;          // of the file (create, download, delete_file) or the batch (retrieve, cancel)
    std::string file_name;   // upload
    std::string tag;         // create: comes back in RemoteBatch::tag
    std::string job;         // create: for people, in the provider's console
    std::string page_after;  // list, list_files: as BatchReply::next_page; empty: the newest
};

/// One HTTP request that does a step. For an upload the file's bytes stand between `body` and `body_end`.
struct BatchRequest {
    std::string method;
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;  // secrets among them: never to be logged
    std::string body;
    std::string body_end;
};

/// What the answer to a step says.
struct BatchReply {
    std::vector<RemoteFile> files;     // upload: one; list_files: newest first
    std::vector<RemoteBatch> batches;  // create, retrieve, cancel: one; list: newest first
    std::string next_page;             // empty: the last page
};

/// Why a step was refused, or its answer cannot be read.
struct BatchFault {
    Error error;
    FaultClass fault = FaultClass::provider_fault;
    std::string code;  // the upstream's own word
    int http_status = 0;
    std::int64_t retry_after_ms = -1;
    /// The answer itself proves that nothing was done: a 4xx with an error that could be read.
    bool is_proof_of_nothing = false;
};

/// Thread-safety: any thread. Blocks: never; the work of some functions grows with their bytes.
class BatchProviderDoor {
public:
    virtual ~BatchProviderDoor() = default;
    virtual std::string_view name() const noexcept = 0;  ///< the instance's id
    virtual const BatchCapabilities& capabilities() const noexcept = 0;

    /// The request as one line of an input file, without a line end: exactly the body that a live call would send, but that it
    /// is never streamed. Equal requests give equal bytes. Errors: as of the live dialect (a request that this upstream cannot
    /// take).
    virtual Result<std::string> encode_line(const GenerateRequest& request, std::string_view custom_id) = 0;

    /// Reads a line of an output or error file. Errors: provider_bad_answer (not a line of this provider).
    virtual Result<BatchAnswer> read_line(std::string_view line) = 0;

    /// Errors: invalid_field (a step that this provider has not), bad_request (a key may not go there).
    virtual Result<BatchRequest> request(const BatchAsk& ask) = 0;

    using Headers = std::vector<std::pair<std::string, std::string>>;  // names in lower case
    /// Reads the answer to a step; `fault` is set where it is not a success.
    virtual std::optional<BatchReply> read_reply(
        BatchStep step, int http_status, const Headers& headers, std::string_view body, BatchFault& fault) = 0;
};

}  // namespace eco2
