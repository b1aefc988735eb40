#pragma once

#include "base/result.hpp"
#include "fake_provider/batch_desk.hpp"
#include "fake_provider/chat_request.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

/// What clients of the Files and Batches APIs send, read as OpenAI reads it.
namespace eco2::fake {

/// The body of POST /v1/batches.
std::variant<BatchOrder, ApiFault> read_batch_order(std::string_view body);

/// The form of POST /v1/files. Lifetime: `bytes` is a view into the body.
struct Upload {
    std::string_view bytes;
    std::string file_name;
    std::int64_t life_seconds = 0;
};
std::variant<Upload, ApiFault> read_upload(std::string_view body, std::string_view content_type);

/// The query of a list.
struct Page {
    std::string after;
    std::size_t limit = 0;
    std::string purpose;  // files
    bool is_ascending = false;
};
std::variant<Page, ApiFault> read_page(std::string_view query, std::size_t limit_default, std::size_t limit_max);

/// A value of a query, as it stands there; nullopt: it is not there.
std::optional<std::string_view> query_value(std::string_view query, std::string_view name) noexcept;

/// What a Range header asks of `bytes` bytes: begin and end (behind the last). nullopt: nothing that could be given.
struct ByteRange {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    bool is_part = false;
};
std::optional<ByteRange> read_range(std::string_view header, std::int64_t bytes);

}  // namespace eco2::fake
