#include "batch/wire/outgoing.hpp"

#include "base/text.hpp"
#include "batch/limits.hpp"

#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace eco2::batch {
namespace {

bool is_token(std::string_view text) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return c > ' ' && c < 127 &&
               std::string_view("\"(),/:;<=>?@[\\]{}").find(static_cast<char>(c)) == std::string_view::npos;
    });
}

bool is_one_line(std::string_view text) noexcept {
    return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
}

Error unreadable(const std::string& path, const std::string& why) {
    return fail(Errc::io_failed, "cannot read " + path + ": " + why);
}

std::string errno_text() {
    return std::generic_category().message(errno);
}

}  // namespace

Outgoing::~Outgoing() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

Result<void> Outgoing::open_file(const std::filesystem::path& file) {
    path_ = file.string();
    fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0 || ::fstat(fd_, &opened_) != 0) {
        return unreadable(path_, errno_text());
    }
    if (!S_ISREG(opened_.st_mode)) {
        return unreadable(path_, "not a file");
    }
    file_size_ = opened_.st_size;
    return {};
}

Result<void> Outgoing::set_head(const std::string& authority,
                                const std::string& target,
                                const std::vector<std::pair<std::string, std::string>>& more) {
    if (!is_token(request_.method)) {
        return fail(Errc::bad_request, "the request's method cannot be sent: " + shorten(request_.method, 40));
    }
    head_ = request_.method + " " + target + " HTTP/1.1\r\nhost: " + authority + "\r\nconnection: close\r\n";
    std::vector<std::string> ours = {"host", "connection", "keep-alive", "transfer-encoding", "content-length", "expect"};
    for (const auto& [name, value] : more) {
        head_.append(name).append(": ").append(value).append("\r\n");
        ours.push_back(name);
    }
    for (const auto& [name, value] : request_.headers) {
        if (!is_token(name) || !is_one_line(value)) {
            return fail(Errc::bad_request, "the request's field " + shorten(name, 40) + " cannot be sent: it has a line break");
        }
        if (std::find(ours.begin(), ours.end(), to_lower_ascii(name)) == ours.end()) {
            head_.append(name).append(": ").append(value).append("\r\n");
        }
    }
    const auto length = static_cast<std::int64_t>(request_.body.size() + request_.body_end.size()) + file_size_;
    if (length > 0 || (request_.method != "GET" && request_.method != "DELETE" && request_.method != "HEAD")) {
        head_ += "content-length: " + std::to_string(length) + "\r\n";
    }
    head_ += "\r\n";
    return {};
}

Result<std::string_view> Outgoing::next() {
    while (part_ != Part::over) {
        if (part_ == Part::file && piece_at_ == piece_.size() && file_at_ < file_size_) {
            if (const auto read = read_piece(); !read) {
                return read.error();
            }
        }
        if (const std::string_view rest = rest_of_part(); !rest.empty()) {
            return rest;
        }
        part_ = static_cast<Part>(static_cast<int>(part_) + 1);
        part_at_ = 0;
    }
    return std::string_view();
}

std::string_view Outgoing::rest_of_part() const noexcept {
    switch (part_) {
        case Part::head: return std::string_view(head_).substr(part_at_);
        case Part::body: return std::string_view(request_.body).substr(part_at_);
        case Part::file: return std::string_view(piece_).substr(piece_at_);
        case Part::body_end: return std::string_view(request_.body_end).substr(part_at_);
        case Part::over: break;
    }
    return {};
}

void Outgoing::note_sent(std::size_t bytes) noexcept {
    (part_ == Part::file ? piece_at_ : part_at_) += bytes;
}

Result<void> Outgoing::read_piece() {
    piece_.resize(std::min(limits::kBatchFilePieceBytes, static_cast<std::size_t>(file_size_ - file_at_)));
    piece_at_ = 0;
    std::size_t filled = 0;
    while (filled < piece_.size()) {
        const ssize_t got = ::read(fd_, piece_.data() + filled, piece_.size() - filled);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return unreadable(path_, errno_text());
        }
        if (got == 0) {
            return unreadable(path_, "it became shorter while it was sent");
        }
        filled += static_cast<std::size_t>(got);
    }
    file_at_ += static_cast<std::int64_t>(filled);
    if (file_at_ == file_size_ && has_changed()) {
        return unreadable(path_, "it was changed while it was sent");
    }
    return {};
}

bool Outgoing::has_changed() const noexcept {
    struct stat now {};
    return ::fstat(fd_, &now) != 0 || now.st_size != opened_.st_size || now.st_mtim.tv_sec != opened_.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != opened_.st_mtim.tv_nsec;
}

}  // namespace eco2::batch
