#pragma once

#include "fake_provider/file_shelf.hpp"
#include "net/server.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace eco2::fake {

/// A part of a file as a body, or behind a head as the bytes of a connection; a piece is read when the one before it has left.
///
/// Thread-safety: the session's I/O thread, which reads the disk in pieces of 256 KiB.
class FileBody final : public net::BodySource {
public:
    /// `begin` to `end` (behind the last byte) of `file`.
    FileBody(std::string head, std::shared_ptr<const DiskFile> file, std::int64_t begin, std::int64_t end)
        : head_(std::move(head)), file_(std::move(file)), at_(begin), end_(end) {}

    void set_waker(net::Waker* waker) override { waker_ = waker; }
    Pull pull(std::string& out) override;
    void on_quiet(std::string&) override {}
    void on_client_gone() noexcept override {}

private:
    std::string head_;
    std::shared_ptr<const DiskFile> file_;
    std::int64_t at_;
    const std::int64_t end_;
    net::Waker* waker_ = nullptr;
};

}  // namespace eco2::fake
