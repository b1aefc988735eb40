#pragma once

#include "batch/plan/line_reader.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::batch {

/// Reads rows of a CSV file: fields between commas, a field in quotes may hold commas, line ends and, doubled, quotes.
///
/// Lines end in LF or CRLF. A blank line is no row.
///
/// Thread-safety: none. Blocks: reads the file.
/// Source:        RFC 4180, strictly: a quote inside a field that does not begin with one is refused.
class CsvReader {
public:
    /// Errors: as LineReader::open.
    static Result<CsvReader> open(const std::string& path, std::size_t row_bytes_max);

    /// False: there is no further row.
    /// Errors: invalid_field (a stray quote; the next call goes on with the next line), limit_exceeded (likewise), io_failed,
    ///         and invalid_field for a quote that is not closed: the next call is then the end.
    Result<bool> next(std::vector<std::string>& fields);

    /// Where the row that `next` read last begins, from 1.
    std::int64_t line() const noexcept { return line_; }
    std::int64_t done() const noexcept { return lines_.done(); }
    std::int64_t total() const noexcept { return lines_.total(); }

private:
    CsvReader(LineReader lines, std::size_t row_bytes_max) : lines_(std::move(lines)), row_bytes_max_(row_bytes_max) {}
    Result<void> read_row(std::string_view text, std::vector<std::string>& fields);
    /// `text` behind the opening quote; left behind the closing one.
    Result<void> read_quoted(std::string_view& text, std::string& field, std::string& further);

    LineReader lines_;
    std::size_t row_bytes_max_;
    std::size_t row_bytes_ = 0;
    std::int64_t line_ = 0;
    bool is_over_ = false;
};

}  // namespace eco2::batch
