#include "observe/json_log.hpp"

#include "base/limits.hpp"
#include "base/snapshot.hpp"
#include "base/text.hpp"
#include "observe/utf8.hpp"

#include <spdlog/details/null_mutex.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>

#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace eco2::observe {
namespace {

// Looked at for secrets before it is cut to what is shown, so that no half of a secret is left at the cut.
constexpr std::size_t kLookedAt = 4 * limits::kLogValueBytesMax;

std::string_view level_name(LogLevel level) noexcept {
    switch (level) {
        case LogLevel::debug: return "debug";
        case LogLevel::info: return "info";
        case LogLevel::warn: return "warn";
        case LogLevel::error: return "error";
    }
    return "info";
}

std::string timestamp(std::int64_t wall_ns) {
    constexpr std::int64_t kNsPerSecond = 1'000'000'000;
    const auto seconds = static_cast<std::time_t>(wall_ns / kNsPerSecond);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 32> date{};
    const std::size_t length = std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    std::array<char, 8> fraction{};
    std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(wall_ns % kNsPerSecond / 1'000'000));
    return std::string(date.data(), length) + fraction.data();
}

/// Hands lines to a function; base_sink holds its lock meanwhile.
class FunctionSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit FunctionSink(std::function<void(std::string_view)> take) : take_(std::move(take)) {}

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        take_(std::string_view(message.payload.data(), message.payload.size()));
    }
    void flush_() override {}

    std::function<void(std::string_view)> take_;
};

/// Collects lines and has a thread of its own write them to stderr, many at once: a write costs an I/O thread a system call,
/// and one into a pipe that nobody reads would hold it up for good.
class BackgroundSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
    BackgroundSink() {
        // Shared with the thread, which is left behind when it hangs in a write at the end.
        std::thread([state = state_] { write_lines(*state); }).detach();
    }
    ~BackgroundSink() override {
        std::unique_lock lock(state_->mutex);
        state_->is_stopping = true;
        state_->changed.notify_all();
        if (!state_->changed.wait_for(lock, limits::kLogFlushAtExit, [this] { return state_->is_done; })) {
            state_->lines.clear();
        }
    }

private:
    struct State {
        std::mutex mutex;  // guards what follows
        std::condition_variable changed;
        std::string lines;
        std::size_t dropped = 0;
        bool is_urgent = false;
        bool is_stopping = false;
        bool is_done = false;
    };

    void sink_it_(const spdlog::details::log_msg& message) override {
        const std::lock_guard lock(state_->mutex);
        if (state_->lines.size() + message.payload.size() > limits::kLogBufferBytesMax) {
            ++state_->dropped;
            return;
        }
        const bool is_first = state_->lines.empty();
        const bool is_urgent = message.level >= spdlog::level::warn;
        state_->lines.append(message.payload.data(), message.payload.size());
        state_->lines += '\n';
        state_->is_urgent |= is_urgent;
        if (is_first || is_urgent) {
            state_->changed.notify_all();
        }
    }
    void flush_() override {}

    static void write_lines(State& state) {
        pthread_setname_np(pthread_self(), "eco2-log");
        std::unique_lock lock(state.mutex);
        while (!state.is_stopping || !state.lines.empty()) {
            state.changed.wait(lock, [&] { return state.is_stopping || !state.lines.empty(); });
            state.changed.wait_for(lock, limits::kLogFlushInterval, [&] { return state.is_stopping || state.is_urgent; });
            state.is_urgent = false;
            std::string lines = std::exchange(state.lines, {});
            if (state.dropped > 0) {
                lines += R"({"level":"warn","msg":"log lines dropped: nobody reads stderr","count":")" +
                         std::to_string(std::exchange(state.dropped, 0)) + "\"}\n";
            }
            lock.unlock();
            write_all(lines);
            lock.lock();
        }
        state.is_done = true;
        state.changed.notify_all();
    }

    static void write_all(std::string_view text) {
        while (!text.empty()) {
            const auto written = ::write(STDERR_FILENO, text.data(), text.size());
            if (written < 0 && errno == EINTR) {
                continue;
            }
            if (written <= 0) {
                return;  // a log that cannot be written is lost, the host goes on
            }
            text.remove_prefix(static_cast<std::size_t>(written));
        }
    }

    const std::shared_ptr<State> state_ = std::make_shared<State>();
};

spdlog::sink_ptr make_sink(std::function<void(std::string_view)> take) {
    if (take) {
        return std::make_shared<FunctionSink>(std::move(take));
    }
    return std::make_shared<BackgroundSink>();
}

bool is_reserved(std::string_view name) noexcept {
    return name == "ts" || name == "level" || name == "msg";
}

}  // namespace

class JsonLog::Impl {
public:
    // The logger is not registered with spdlog: a plugin that links the same shared spdlog can change what is.
    explicit Impl(Options options)
        : level_(options.level),
          is_text_(options.is_text),
          redactor_(std::make_shared<const Redactor>(std::move(options.redactor))),
          clock_(*options.clock),
          logger_("eco2", make_sink(std::move(options.sink))) {
        logger_.set_pattern("%v");
        logger_.set_level(spdlog::level::trace);
        logger_.set_error_handler([](const std::string&) {});
    }

    void set_style(LogLevel level, bool is_text) noexcept {
        level_ = level;
        is_text_ = is_text;
    }
    void set_redactor(std::shared_ptr<const Redactor> redactor) noexcept { redactor_.set(std::move(redactor)); }

    bool enabled(LogLevel level) const noexcept { return level >= level_; }

    void write(LogLevel level, std::string_view message, std::span<const LogField> fields) {
        const std::string line = is_text_ ? text_line(level, message, fields) : json_line(level, message, fields);
        const auto urgency = level >= LogLevel::warn ? spdlog::level::warn : spdlog::level::info;
        logger_.log(urgency, spdlog::string_view_t(line.data(), line.size()));
    }

private:
    std::string shown(std::string_view text) const {
        const std::string safe = valid_utf8(redactor_.get()->redact(text.substr(0, kLookedAt)));
        return shorten(safe, limits::kLogValueBytesMax);
    }

    std::string json_line(LogLevel level, std::string_view message, std::span<const LogField> fields) const {
        std::string line = R"({"ts":")" + timestamp(clock_.wall_ns()) + R"(","level":")";
        line += level_name(level);
        line += R"(","msg":)" + json_quote(shown(message));
        for (const LogField& field : fields) {
            const std::string name = (is_reserved(field.name) ? "field_" : "") + valid_utf8(field.name);
            line += "," + json_quote(name) + ":" + json_quote(shown(field.value));
        }
        return line + "}";
    }

    std::string text_line(LogLevel level, std::string_view message, std::span<const LogField> fields) const {
        std::string line = timestamp(clock_.wall_ns()) + " ";
        line += level_name(level);
        line.append(level_name(level).size() < 5 ? "  " : " ");
        append_json_escaped(line, shown(message));
        for (const LogField& field : fields) {
            const std::string value = shown(field.value);
            const bool is_plain = !value.empty() && value.find_first_of(" =\"\\") == std::string::npos;
            line += " " + valid_utf8(field.name) + "=";
            const std::string quoted = json_quote(value);
            line += is_plain && quoted.size() == value.size() + 2 ? value : quoted;
        }
        return line;
    }

    std::atomic<LogLevel> level_;
    std::atomic<bool> is_text_;
    Snapshot<Redactor> redactor_;
    const Clock& clock_;
    spdlog::logger logger_;
};

JsonLog::JsonLog(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
JsonLog::~JsonLog() = default;

void JsonLog::set_style(LogLevel level, bool is_text) noexcept {
    impl_->set_style(level, is_text);
}

void JsonLog::set_redactor(std::shared_ptr<const Redactor> redactor) noexcept {
    impl_->set_redactor(std::move(redactor));
}

bool JsonLog::enabled(LogLevel level) const noexcept {
    return impl_->enabled(level);
}

void JsonLog::write(LogLevel level, std::string_view message, std::span<const LogField> fields) noexcept {
    try {
        impl_->write(level, message, fields);
    } catch (...) {
        // Out of memory, or a sink that fails: the line is lost, the caller goes on.
    }
}

}  // namespace eco2::observe
