#pragma once

#include "fake_provider/batch_desk.hpp"
#include "fake_provider/batch_requests.hpp"
#include "fake_provider/control.hpp"
#include "fake_provider/file_shelf.hpp"
#include "fake_provider/movable_clock.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace eco2::fake {

/// A request to the Files or the Batches API.
struct BatchAsk {
    std::string_view method;
    std::string_view path;  // without /v1
    std::string_view query;
    std::string_view body;
    /// An upload whose file is not in the body, which is then the form without the file's bytes: they are on a disk.
    const std::filesystem::path* file = nullptr;
    std::string_view content_type;
    std::string_view range;
    std::string_view authorization;
    std::string_view api_key;
};

/// Its answer, and what goes wrong on its way.
struct BatchReply {
    int status = 200;
    Headers headers;
    std::string body;
    std::shared_ptr<const DiskFile> file;  // in place of the body
    ByteRange range;                       // of the file
    std::optional<BatchFault> fault;       // lost_reply, reset, silence, half_body: in place of the answer

    /// Of the body, as a content-length tells it.
    std::int64_t bytes() const noexcept { return file ? range.end - range.begin : static_cast<std::int64_t>(body.size()); }
    /// How much of the body is sent before the connection ends; less than `bytes` where half_body cuts it.
    std::int64_t bytes_sent() const noexcept;
};

/// The Files and Batches APIs without sockets.
///
/// Thread-safety: any thread. Blocks: an upload writes a disk; so may opening content; nothing else.
class BatchApi {
public:
    /// Lifetime: `control` and `clock` outlive it.
    BatchApi(Control& control, MovableClock& clock);

    /// Whether a path is one of ours.
    static bool owns(std::string_view path) noexcept;
    static bool is_upload(std::string_view method, std::string_view path) noexcept;

    BatchReply answer(const BatchAsk& ask);

    BatchDesk& desk() noexcept { return desk_; }
    const FileShelf& shelf() const noexcept { return shelf_; }
    const BatchBill& bill() const noexcept { return bill_; }
    /// Forgets files, batches and what they have cost.
    void reset();

private:
    struct Route {
        BatchStep step = BatchStep::upload;
        std::string_view id;
    };
    static std::optional<Route> route_of(std::string_view method, std::string_view path) noexcept;

    BatchFacts facts_of(const Route& route, std::string& kind);
    /// `truncated`: how a file's content seems to end early; null: it does not.
    BatchReply act(const Route& route, const BatchAsk& ask, const BatchFault* truncated = nullptr);
    BatchReply upload(const BatchAsk& ask);
    static Result<void> write_upload(Draft& draft, const Upload& upload, const BatchAsk& ask);
    BatchReply list_files(const BatchAsk& ask);
    BatchReply content(std::string_view id, std::string_view range, const BatchFault* truncated);
    BatchReply create(const BatchAsk& ask);
    BatchReply list(const BatchAsk& ask);
    BatchReply show(std::string_view id, bool is_poll);
    BatchReply cancel(std::string_view id);
    BatchReply error(const ApiFault& fault);
    BatchReply sealed(BatchReply reply);
    std::int64_t now_ms() const { return clock_.wall_ns() / 1'000'000; }

    Control& control_;
    MovableClock& clock_;
    FileShelf shelf_;
    BatchBill bill_;
    BatchDesk desk_;
    std::atomic<std::uint64_t> request_number_ = 0;
};

}  // namespace eco2::fake
