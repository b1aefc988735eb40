#include "routing/trail.hpp"

#include "base/limits.hpp"

#include <chrono>

namespace eco2::routing {

void Trail::add(Clock::Monotonic now, std::string_view who, std::string_view what) {
    constexpr std::string_view kMore = "; ...";
    if (text_.ends_with(kMore)) {
        return;
    }
    if (text_.size() + who.size() + what.size() > limits::kTrailBytesMax) {
        text_ += kMore;
        return;
    }
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now - start_).count();
    if (!text_.empty()) {
        text_ += "; ";
    }
    text_ += std::to_string(passed);
    text_ += "ms ";
    text_ += who;
    text_ += ": ";
    text_ += what;
}

}  // namespace eco2::routing
