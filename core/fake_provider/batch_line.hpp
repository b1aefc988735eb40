#pragma once

#include "fake_provider/batch_object.hpp"
#include "fake_provider/chat_request.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace eco2::fake {

/// How much is done before other work has its turn: some milliseconds, of small lines and of large ones.
struct Slice {
    std::size_t lines_max = 256;
    std::size_t bytes_max = 4 * 1024 * 1024;  // read and written; the line that passes it is done
};

/// One line of a batch's input that can be executed.
struct BatchLine {
    std::string custom_id;
    std::string model;
    std::uint64_t content = 0;                    // hash of the body as it stands in the line
    std::variant<ChatRequest, ApiFault> request;  // a fault is the line's own answer
};

/// nullopt: no batches are made for this endpoint.
std::optional<Dialect> dialect_of_endpoint(std::string_view endpoint) noexcept;
/// The endpoints that there are, for an error's text.
std::string_view batch_endpoints() noexcept;

/// Reads a line as the Batch API validates it, but for what needs the other lines. The error has no line number yet.
/// `dialect`: of `endpoint`.
std::variant<BatchLine, BatchError> read_batch_line(std::string_view line, std::string_view endpoint, Dialect dialect);

/// What tells one text from another: 64 bits, the same in every run of one build.
std::uint64_t text_hash(std::string_view text) noexcept;

}  // namespace eco2::fake
