#include "base/log.hpp"

namespace eco2 {
namespace {

class NullLog final : public Log {
public:
    bool enabled(LogLevel) const noexcept override { return false; }
    void write(LogLevel, std::string_view, std::span<const LogField>) noexcept override {}
};

}  // namespace

Log& null_log() noexcept {
    static NullLog log;
    return log;
}

}  // namespace eco2
