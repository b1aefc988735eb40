#include "batch/plan/csv.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <utility>

namespace eco2::batch {
namespace {

std::string_view without_cr(std::string_view line) noexcept {
    if (line.ends_with('\r')) {
        line.remove_suffix(1);
    }
    return line;
}

}  // namespace

Result<CsvReader> CsvReader::open(const std::string& path, std::size_t row_bytes_max) {
    auto lines = LineReader::open(path, row_bytes_max);
    if (!lines) {
        return lines.error();
    }
    return CsvReader(std::move(*lines), row_bytes_max);
}

Result<bool> CsvReader::next(std::vector<std::string>& fields) {
    fields.clear();
    while (!is_over_) {
        const auto line = lines_.next();
        line_ = lines_.line();
        if (!line) {
            return line.error();
        }
        if (!*line) {
            is_over_ = true;
        } else if (!without_cr(**line).empty()) {
            auto read = read_row(**line, fields);
            return read ? Result<bool>(true) : read.error();
        }
    }
    return false;
}

Result<void> CsvReader::read_row(std::string_view text, std::vector<std::string>& fields) {
    row_bytes_ = text.size();
    std::string further;  // the line that a field in quotes ended on, where that is not the first
    for (;;) {
        auto& field = fields.emplace_back();
        if (text.starts_with('"')) {
            text.remove_prefix(1);
            if (auto read = read_quoted(text, field, further); !read) {
                return read;
            }
            if (!text.empty() && text.front() != ',' && text != "\r") {
                return fail(Errc::invalid_field,
                            "field " + std::to_string(fields.size()) +
                                " goes on behind its closing quote; write a quote inside a field twice");
            }
            text = text == "\r" ? std::string_view() : text;
        } else {
            const auto comma = std::min(text.find(','), text.size());
            const auto plain = comma == text.size() ? without_cr(text) : text.substr(0, comma);
            if (plain.find('"') != std::string_view::npos) {
                return fail(Errc::invalid_field,
                            "field " + std::to_string(fields.size()) +
                                " has a quote in it but does not begin with one; write it in quotes, and the quote twice");
            }
            field = plain;
            text.remove_prefix(comma);
        }
        if (text.empty()) {
            return {};
        }
        text.remove_prefix(1);
    }
}

Result<void> CsvReader::read_quoted(std::string_view& text, std::string& field, std::string& further) {
    const auto opened = lines_.line();
    for (;;) {
        const auto quote = text.find('"');
        field += text.substr(0, quote);
        if (quote != std::string_view::npos) {
            text.remove_prefix(quote + 1);
            if (!text.starts_with('"')) {
                return {};
            }
            field += '"';
            text.remove_prefix(1);
            continue;
        }
        field += '\n';
        const auto line = lines_.next();
        row_bytes_ += line && *line ? (*line)->size() + 1 : 0;
        if (!line && line.error().code == Errc::io_failed) {
            return line.error();
        }
        if (!line || !*line || row_bytes_ > row_bytes_max_) {
            is_over_ = true;  // what is data and what is text cannot be told any more
            return fail(
                Errc::invalid_field,
                "the quote that opens on line " + std::to_string(opened) + " is not closed" +
                    (line && !*line ? "" : " within the " + std::to_string(row_bytes_max_) + " bytes that a row may have") +
                    "; nothing behind it was read");
        }
        further = **line;
        text = further;
    }
}

}  // namespace eco2::batch
