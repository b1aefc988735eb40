#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "observe/redactor.hpp"

#include <functional>
#include <memory>
#include <string_view>

namespace eco2::observe {

/// The log: one line a call on stderr, `{"ts":"2026-01-02T03:04:05.678Z","level":"info","msg":"...","field":"..."}` or text for
/// people.
///
/// Secrets are redacted, bytes that are not UTF-8 become U+FFFD, line breaks are escaped: a line is always one whole line.
///
/// Thread-safety: any thread. Blocks: never; a thread of its own ("eco2-log") writes, warnings and errors at once, the rest
/// within limits::kLogFlushInterval, and all of it when the log is destroyed. A line that stderr does not take is dropped and
/// counted. Limits:        limits::kLogValueBytesMax of the message and of each value; limits::kLogBufferBytesMax unwritten.
class JsonLog final : public Log {
public:
    struct Options {
        LogLevel level = LogLevel::info;
        bool is_text = false;
        Redactor redactor;
        const Clock* clock = &system_clock();
        /// Takes each line instead of stderr, without its line break; any thread, one line at a time. Empty: stderr.
        std::function<void(std::string_view line)> sink;
    };

    explicit JsonLog(Options options);
    ~JsonLog() override;

    /// For lines that are written from now on; any thread.
    void set_style(LogLevel level, bool is_text) noexcept;
    void set_redactor(std::shared_ptr<const Redactor> redactor) noexcept;

    bool enabled(LogLevel level) const noexcept override;
    void write(LogLevel level, std::string_view message, std::span<const LogField> fields) noexcept override;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace eco2::observe
