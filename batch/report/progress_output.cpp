#include "batch/report/progress_output.hpp"

#include <sys/ioctl.h>

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace eco2::batch {

ProgressView::Mode progress_mode(bool is_terminal, bool wants_json, const char* term) {
    if (!is_terminal || wants_json) {
        return ProgressView::Mode::json;
    }
    const std::string_view name = term == nullptr ? "" : term;
    return name.empty() || name == "dumb" ? ProgressView::Mode::lines : ProgressView::Mode::block;
}

ProgressOutput::ProgressOutput(std::FILE* out, bool wants_json)
    : out_(out), view_(progress_mode(::isatty(::fileno(out)) == 1, wants_json, std::getenv("TERM"))) {}

Screen ProgressOutput::screen() const {
    Screen screen;
    winsize size{};
    if (::ioctl(::fileno(out_), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        screen.columns = size.ws_col;
        screen.rows = size.ws_row;
    }
    const char* no_color = std::getenv("NO_COLOR");
    screen.is_coloured = no_color == nullptr || *no_color == '\0';
    return screen;
}

void ProgressOutput::show(const JobProgress& progress, Clock::Monotonic now) {
    write(view_.show(progress, screen(), now));
}

void ProgressOutput::end(const JobProgress& progress) {
    write(view_.end(progress, screen()));
}

void ProgressOutput::write(const std::string& text) {
    if (!text.empty()) {
        std::fwrite(text.data(), 1, text.size(), out_);
        std::fflush(out_);
    }
}

}  // namespace eco2::batch
