#pragma once

#include <initializer_list>
#include <span>
#include <string_view>

namespace eco2 {

enum class LogLevel { debug = 1, info = 2, warn = 3, error = 4 };

struct LogField {
    std::string_view name;
    std::string_view value;
};

/// The door to the log: one structured line a call. `observe::JsonLog` is the real one.
///
/// Thread-safety: any thread. Blocks: never longer than a buffered write.
class Log {
public:
    virtual ~Log() = default;
    virtual bool enabled(LogLevel level) const noexcept = 0;
    virtual void write(LogLevel level, std::string_view message, std::span<const LogField> fields) noexcept = 0;

    void debug(std::string_view message, std::initializer_list<LogField> fields = {}) { log(LogLevel::debug, message, fields); }
    void info(std::string_view message, std::initializer_list<LogField> fields = {}) { log(LogLevel::info, message, fields); }
    void warn(std::string_view message, std::initializer_list<LogField> fields = {}) { log(LogLevel::warn, message, fields); }
    void error(std::string_view message, std::initializer_list<LogField> fields = {}) { log(LogLevel::error, message, fields); }

private:
    void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
        if (enabled(level)) {
            write(level, message, std::span(fields.begin(), fields.size()));
        }
    }
};

/// Drops everything. Lifetime: static.
Log& null_log() noexcept;

}  // namespace eco2
