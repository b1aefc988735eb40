#include "app/scan_view.hpp"

#include "base/text.hpp"

#include <boost/json/value.hpp>

#include <array>
#include <string_view>

namespace eco2::app {
namespace {

namespace json = boost::json;

constexpr std::size_t kOutputBytesMax = 240;  // of an output that has no words of its own: three lines of a terminal

std::string text_at(const json::value& value, std::string_view key) {
    const auto* object = value.if_object();
    const auto* inner = object == nullptr ? nullptr : object->if_contains(key);
    return inner != nullptr && inner->is_string() ? std::string(inner->get_string()) : std::string();
}

/// The strings of an array or of an object's values, without nulls.
std::vector<std::string> texts_at(const json::value& value, std::string_view key) {
    std::vector<std::string> out;
    const auto* object = value.if_object();
    const auto* inner = object == nullptr ? nullptr : object->if_contains(key);
    const auto add = [&](const json::value& item) {
        if (item.is_string()) {
            out.emplace_back(item.get_string());
        }
    };
    if (inner != nullptr && inner->is_array()) {
        for (const auto& item : inner->get_array()) {
            add(item);
        }
    } else if (inner != nullptr && inner->is_object()) {
        for (const auto& [name, item] : inner->get_object()) {
            add(item);
        }
    }
    return out;
}

std::string seconds(std::chrono::nanoseconds duration) {
    std::array<char, 32> text{};
    const int size = std::snprintf(text.data(), text.size(), "%.2f s", static_cast<double>(duration.count()) / 1e9);
    return std::string(text.data(), static_cast<std::size_t>(size));
}

std::string class_text(const json::value& vision) {
    const auto* object = vision.if_object();
    const auto* names = object == nullptr ? nullptr : object->if_contains("classification");
    if (names == nullptr) {
        return {};
    }
    std::string out = text_at(*names, "major_category") + " > " + text_at(*names, "middle_category");
    const auto minor = text_at(*names, "minor_category");
    return minor.empty() ? out : out + " > " + minor;
}

}  // namespace

void ScanView::line(std::string_view label, std::string_view text) {
    std::fprintf(
        out_, "  %-9.*s %.*s\n", static_cast<int>(label.size()), label.data(), static_cast<int>(text.size()), text.data());
    std::fflush(out_);
}

void ScanView::clear_running() {
    if (is_running_shown_) {
        std::fputs("\r\033[K", out_);
        is_running_shown_ = false;
    }
}

void ScanView::show(const Run& run, const RunEvent& event) {
    const auto& name = run.pipeline().stages()[event.stage].definition.name;
    switch (event.kind) {
        case RunEvent::Kind::started: line("run", run.id()); break;
        case RunEvent::Kind::stage_started:
            if (is_terminal_) {
                std::fprintf(out_, "  %-9s ...", name.c_str());
                std::fflush(out_);
                is_running_shown_ = true;
            }
            break;
        case RunEvent::Kind::delta:
            clear_running();
            if (!has_words_) {
                std::fprintf(out_, "  %-9s ", name.c_str());
            }
            has_words_ = true;
            std::fputs(event.text.c_str(), out_);
            std::fflush(out_);
            break;
        case RunEvent::Kind::stage_completed: stage_done(run, event); break;
        case RunEvent::Kind::stage_failed:
            clear_running();
            line(name, "failed: " + run.failure()->text());
            break;
        case RunEvent::Kind::timed_out:
            clear_running();
            line(name, "timed out");
            break;
        case RunEvent::Kind::done: break;
    }
}

void ScanView::stage_done(const Run& run, const RunEvent& event) {
    clear_running();
    if (has_words_) {
        std::fputs("\n", out_);
    }
    switch (run.pipeline().stages()[event.stage].definition.kind) {
        case StageDefinition::Kind::infer: show_model_stage(run, event.stage); break;
        case StageDefinition::Kind::rules: show_rule(run, event.stage); break;
        case StageDefinition::Kind::reward: show_reward(run, event.stage); break;
    }
    has_words_ = false;
}

void ScanView::show_model_stage(const Run& run, std::size_t stage) {
    const auto& report = run.reports()[stage];
    const auto& output = run.values().outputs[stage].value();
    const auto& name = run.pipeline().stages()[stage].definition.name;
    const std::string who = report.is_asked ? "[" + report.provider + " " + report.model + ", " + seconds(report.duration) + "]"
                                            : "[no model asked]";
    if (const auto names = class_text(output); !names.empty()) {
        line(name, names + "  " + who);
        std::string tags;
        for (const auto& tag : texts_at(output, "situation_tags")) {
            tags += (tags.empty() ? "" : ", ") + tag;
        }
        if (!tags.empty()) {
            line("", "tags: " + tags);
        }
        return;
    }
    const auto& words = run.pipeline().stages()[stage].definition.stream_field;
    if (words.empty()) {
        line(name, shorten(run.values().outputs[stage].json(), kOutputBytesMax) + "  " + who);
        return;
    }
    if (!has_words_) {
        line(name, text_at(output, words));
    }
    int number = 0;
    for (const auto* steps : {"disposal_steps", "steps"}) {
        for (const auto& step : texts_at(output, steps)) {
            line("", std::to_string(++number) + ". " + step);
        }
    }
    for (const auto& problem : texts_at(output, "insufficiencies")) {
        line("", "! " + problem);
    }
    line("", who);
}

void ScanView::show_rule(const Run& run, std::size_t stage) {
    const auto& output = run.values().outputs[stage];
    const auto& name = run.pipeline().stages()[stage].definition.name;
    if (output.is_null()) {
        line(name, "no rule for this class");
        return;
    }
    const auto methods = texts_at(output.value(), "배출방법_공통");
    const auto title = text_at(output.value(), "이름");
    if (title.empty()) {
        line(name, shorten(output.json(), kOutputBytesMax));
        return;
    }
    line(name, title + (methods.empty() ? "" : ": " + methods.front()));
}

void ScanView::show_reward(const Run& run, std::size_t stage) {
    const auto& name = run.pipeline().stages()[stage].definition.name;
    const auto* reward = run.reward();
    if (reward == nullptr || !reward->reason.empty()) {
        line(name, "none (" + (reward == nullptr ? std::string("no decision") : reward->reason) + ")");
        return;
    }
    const auto& output = run.values().outputs[stage].value();
    line(name, text_at(output, "name") + ": " + text_at(output, "dialog"));
}

}  // namespace eco2::app
