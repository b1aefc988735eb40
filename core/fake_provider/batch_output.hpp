#pragma once

#include "fake_provider/batch_faults.hpp"
#include "fake_provider/file_shelf.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::fake {

/// One line of an output or error file.
struct AnswerLine {
    std::string id;  // "batch_req_…"
    std::string custom_id;
    std::string outcome;  // the members behind custom_id: "response":…,"error":…
    std::string other;    // another outcome for the same line, for conflicting duplicates; empty: none
};

/// The lines of one of a batch's two files, in the order and with the flaws that were asked for.
///
/// Thread-safety: none.
/// Limits:        as many lines as the window has wait to be written, limits::kFakeShuffleBytesMax at most.
class BatchOutput {
public:
    using Begin = std::function<Result<std::unique_ptr<Draft>>()>;

    struct Style {
        int window = 0;  // lines that change places among themselves; 0: none
        std::uint64_t seed = 1;
        std::vector<BatchFault> faults;
    };
    /// `begin` makes the file, when there is a first line.
    BatchOutput(Style style, Begin begin) : style_(std::move(style)), begin_(std::move(begin)) {}

    /// Whether the next line needs its `other`.
    bool wants_other() const;
    /// Blocks: may write a disk. Errors: io_failed.
    Result<void> add(AnswerLine line);
    /// Writes what is buffered of the file. Blocks and errors alike.
    Result<void> flush() { return draft_ ? draft_->flush() : Result<void>{}; }
    /// The whole file; null: there was no line. Errors: io_failed.
    Result<std::unique_ptr<Draft>> close();

private:
    const BatchFault* fault_at(BatchFaultKind kind, std::int64_t line, std::int64_t width = 1) const;
    bool has(BatchFaultKind kind) const;
    Result<void> emit(const AnswerLine& line, std::int64_t number);
    Result<void> place(std::string text);
    Result<void> write_window();
    Result<void> write(const std::string& text);

    const Style style_;
    const Begin begin_;
    std::unique_ptr<Draft> draft_;
    std::int64_t added_ = 0;
    std::int64_t written_ = 0;
    std::uint64_t drawn_ = 0;
    std::optional<AnswerLine> held_;  // the first of a pair that changes answers
    std::vector<std::string> window_;
    std::size_t window_bytes_ = 0;
};

}  // namespace eco2::fake
