#pragma once

#include "base/result.hpp"
#include "model/batch_provider.hpp"

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::batch {

/// The bytes of one request in order: head, body, and for an upload the file and what stands behind it.
///
/// Thread-safety: none. Lifetime: `request` outlives this. Blocks: reads the file.
class Outgoing {
public:
    explicit Outgoing(const BatchRequest& request) : request_(request) {}
    ~Outgoing();
    Outgoing(const Outgoing&) = delete;
    Outgoing& operator=(const Outgoing&) = delete;

    /// Before `set_head`. Errors: io_failed.
    Result<void> open_file(const std::filesystem::path& file);
    /// `target` as the request line has it; `more` are fields of the transport's own, which win over the request's. One request
    /// a connection: asks the peer to close. Errors: bad_request: a field or the method cannot stand in a head.
    Result<void> set_head(const std::string& authority,
                          const std::string& target,
                          const std::vector<std::pair<std::string, std::string>>& more);

    /// The bytes to send next, the same until `note_sent`; empty: all have been sent.
    /// Errors: io_failed: the file cannot be read, or has changed since it was opened (told before its last bytes are handed
    /// out, so that no request with a mixture of both is ever whole).
    Result<std::string_view> next();
    void note_sent(std::size_t bytes) noexcept;
    std::int64_t file_bytes_sent() const noexcept { return file_at_ - static_cast<std::int64_t>(piece_.size() - piece_at_); }

private:
    enum class Part { head, body, file, body_end, over };

    std::string_view rest_of_part() const noexcept;
    Result<void> read_piece();
    bool has_changed() const noexcept;

    const BatchRequest& request_;
    std::string head_;
    int fd_ = -1;
    struct stat opened_ {};
    std::string path_;
    std::int64_t file_size_ = 0;
    std::int64_t file_at_ = 0;  // read so far
    std::string piece_;         // of the file
    std::size_t piece_at_ = 0;
    Part part_ = Part::head;
    std::size_t part_at_ = 0;
};

}  // namespace eco2::batch
