#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::batch {

/// The file that a download goes on with: what it holds is a beginning of what the provider has.
///
/// Thread-safety: none. Blocks: writes, and syncs at the end.
class DownloadFile {
public:
    using Headers = std::vector<std::pair<std::string, std::string>>;  // names in lower case

    /// What a response's head means for the file.
    enum class Use {
        takes_body,   // 200 (the file has been emptied) or 206 (the body follows what it holds)
        is_whole,     // 416: there is nothing behind what it holds
        not_for_it,   // another status: the file is left alone
        cannot_take,  // `detail` says why
    };

    DownloadFile() = default;
    ~DownloadFile();
    DownloadFile(const DownloadFile&) = delete;
    DownloadFile& operator=(const DownloadFile&) = delete;

    // Of the following false: `detail` says why; a fault of the disk unless the provider's answer is at fault.
    /// Looks what is there; a file that is not there yet is made when bytes come for it.
    bool open(const std::filesystem::path& file);
    Use begin(int status, const Headers& headers);
    bool write(std::string_view bytes);
    /// The response has come whole. Makes the file and its name durable.
    bool finish();

    std::int64_t size() const noexcept { return size_; }
    const std::string& detail() const noexcept { return detail_; }
    bool is_disk_fault() const noexcept { return is_disk_fault_; }

private:
    Use begin_part(const Headers& headers);
    bool create();
    bool empty_it();
    bool refuse(std::string why);
    bool disk_fault(const char* what);

    int fd_ = -1;
    std::filesystem::path path_;
    std::int64_t size_ = 0;
    std::int64_t size_promised_ = -1;  // by Content-Range, after this response; -1: none is
    std::int64_t size_of_all_ = -1;
    std::string detail_;
    bool is_disk_fault_ = false;
};

}  // namespace eco2::batch
