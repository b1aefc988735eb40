#include "fake_provider/batch_output.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "fake_provider/script.hpp"

#include <algorithm>
#include <utility>

namespace eco2::fake {
namespace {

constexpr std::uint64_t kShufflePurpose = 4;

std::string text_of(const AnswerLine& line, bool has_id) {
    std::string out = "{\"id\": \"" + line.id + "\", ";
    if (has_id) {
        out += "\"custom_id\": " + json_quote(line.custom_id) + ", ";
    }
    out += line.outcome;
    out += '}';
    return out;
}

}  // namespace

const BatchFault* BatchOutput::fault_at(BatchFaultKind kind, std::int64_t line, std::int64_t width) const {
    for (const BatchFault& fault : style_.faults) {
        if (fault.kind == kind && line >= fault.line && line < fault.line + fault.count * width) {
            return &fault;
        }
    }
    return nullptr;
}

bool BatchOutput::has(BatchFaultKind kind) const {
    return std::any_of(
        style_.faults.begin(), style_.faults.end(), [kind](const BatchFault& fault) { return fault.kind == kind; });
}

bool BatchOutput::wants_other() const {
    const BatchFault* fault = fault_at(BatchFaultKind::duplicate_line, added_ + 1);
    return fault != nullptr && fault->conflicting;
}

Result<void> BatchOutput::add(AnswerLine line) {
    const std::int64_t number = ++added_;
    if (held_) {
        std::swap(held_->custom_id, line.custom_id);
        const AnswerLine first = *std::exchange(held_, std::nullopt);
        if (Result<void> done = emit(first, number - 1); !done) {
            return done;
        }
        return emit(line, number);
    }
    const BatchFault* swap = fault_at(BatchFaultKind::swap_answers, number, 2);
    if (swap != nullptr && (number - swap->line) % 2 == 0) {
        held_ = std::move(line);
        return {};
    }
    return emit(line, number);
}

Result<void> BatchOutput::emit(const AnswerLine& line, std::int64_t number) {
    if (fault_at(BatchFaultKind::drop_line, number) != nullptr) {
        return {};
    }
    const bool has_id = fault_at(BatchFaultKind::line_without_id, number) == nullptr;
    if (Result<void> placed = place(text_of(line, has_id)); !placed) {
        return placed;
    }
    if (const BatchFault* twice = fault_at(BatchFaultKind::duplicate_line, number)) {
        AnswerLine again = line;
        again.outcome = twice->conflicting && !line.other.empty() ? line.other : line.outcome;
        if (Result<void> placed = place(text_of(again, true)); !placed) {
            return placed;
        }
    }
    if (fault_at(BatchFaultKind::unknown_line, number) != nullptr) {
        AnswerLine unknown = line;
        unknown.custom_id = "fake-unknown-" + std::to_string(number);
        unknown.id += "-unknown";
        return place(text_of(unknown, true));
    }
    return {};
}

Result<void> BatchOutput::place(std::string text) {
    if (style_.window == 0) {
        return write(text);
    }
    window_bytes_ += text.size();
    window_.push_back(std::move(text));
    const bool is_full =
        window_.size() >= static_cast<std::size_t>(style_.window) || window_bytes_ >= limits::kFakeShuffleBytesMax;
    return is_full ? write_window() : Result<void>{};
}

Result<void> BatchOutput::write_window() {
    for (std::size_t left = window_.size(); left > 1; --left) {
        const double drawn = dice(style_.seed, ++drawn_, kShufflePurpose);
        std::swap(window_[left - 1], window_[static_cast<std::size_t>(drawn * static_cast<double>(left))]);
    }
    for (const std::string& text : window_) {
        if (Result<void> written = write(text); !written) {
            return written;
        }
    }
    window_.clear();
    window_bytes_ = 0;
    return {};
}

Result<void> BatchOutput::write(const std::string& text) {
    if (!draft_) {
        Result<std::unique_ptr<Draft>> draft = begin_();
        if (!draft) {
            return draft.error();
        }
        draft_ = *std::move(draft);
    }
    const std::string_view line_end = has(BatchFaultKind::crlf) ? "\r\n" : "\n";
    // A line's end is written with the next line, since the last may have none.
    std::string out;
    out.reserve(text.size() + 4);
    if (written_ > 0) {
        out += line_end;
    }
    if (written_ > 0 && fault_at(BatchFaultKind::blank_line, written_) != nullptr) {
        out += line_end;
    }
    out += text;
    ++written_;
    return draft_->append(out);
}

Result<std::unique_ptr<Draft>> BatchOutput::close() {
    if (held_) {
        const AnswerLine alone = *std::exchange(held_, std::nullopt);
        if (Result<void> done = emit(alone, added_); !done) {
            return done.error();
        }
    }
    if (Result<void> written = write_window(); !written) {
        return written.error();
    }
    if (draft_ && !has(BatchFaultKind::no_final_newline)) {
        std::string end = has(BatchFaultKind::crlf) ? "\r\n" : "\n";
        end += fault_at(BatchFaultKind::blank_line, written_) != nullptr ? end : "";
        if (Result<void> written = draft_->append(end); !written) {
            return written.error();
        }
    }
    return std::move(draft_);
}

}  // namespace eco2::fake
