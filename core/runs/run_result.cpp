#include "runs/run_result.hpp"

#include "base/text.hpp"

#include <cstdint>

namespace eco2 {
namespace {

void add_text(std::string& out, std::string_view name, std::string_view text) {
    out += out.size() > 1 ? ",\"" : "\"";
    out += name;
    out += "\":\"";
    append_json_escaped(out, text);
    out += '"';
}

void add_raw(std::string& out, std::string_view name, std::string_view value) {
    out += out.size() > 1 ? ",\"" : "\"";
    out += name;
    out += "\":";
    out += value;
}

std::string pipeline_result(const Run& run) {
    std::string out = "{";
    for (const auto& [name, path] : run.pipeline().result()) {
        add_raw(out, name, run.values().json(path));
    }
    return out + "}";
}

/// {"vision":"openai","answer":"openai"}: who answered each model stage.
std::string providers(const Run& run) {
    std::string out = "{";
    for (std::size_t i = 0; i < run.reports().size(); ++i) {
        if (run.reports()[i].is_asked) {
            add_text(out, run.pipeline().stages()[i].definition.name, run.reports()[i].provider);
        }
    }
    return out + "}";
}

std::string count(std::int64_t tokens) {
    return tokens < 0 ? "null" : std::to_string(tokens);
}

std::string usage(const Run& run) {
    std::string out = "{";
    for (std::size_t i = 0; i < run.reports().size(); ++i) {
        const auto& report = run.reports()[i];
        if (!report.is_asked) {
            continue;
        }
        std::string stage = "{";
        add_text(stage, "model", report.model);
        add_raw(stage, "input_tokens", count(report.usage.input_tokens));
        add_raw(stage, "output_tokens", count(report.usage.output_tokens));
        add_raw(stage, "cached_input_tokens", count(report.usage.cached_input_tokens));
        add_raw(out, run.pipeline().stages()[i].definition.name, stage + "}");
    }
    return out + "}";
}

/// The scan's clients know these words.
std::string_view completed_words(const Run& run) {
    return run.pipeline().definition().name == "scan" ? "classification completed" : "run completed";
}

}  // namespace

std::string_view words_of(const Error& error) noexcept {
    return error.detail.empty() ? info(error.code).help : std::string_view(error.detail);
}

std::string run_result(const Run& run) {
    const auto* failure = run.failure();
    const auto* reward = run.reward();
    const bool has_reward = failure == nullptr && reward != nullptr && reward->reason.empty();
    std::string out = "{";
    add_text(out, "task_id", run.id());
    add_text(out, "status", failure == nullptr ? "completed" : "failed");
    add_text(out, "message", failure == nullptr ? completed_words(run) : words_of(*failure));
    add_raw(out, "pipeline_result", failure != nullptr ? "null" : pipeline_result(run));
    add_raw(out, "reward", has_reward ? reward->reward_json : "null");
    add_raw(out, "error", failure != nullptr ? json_quote(failure->name()) : "null");
    add_raw(out, "reward_reason", has_reward || reward == nullptr ? "null" : json_quote(reward->reason));
    add_raw(out, "provider", providers(run));
    add_raw(out, "usage", usage(run));
    return out + "}";
}

std::string failed_result(std::string_view run_id, const Error& error) {
    std::string out = "{";
    add_text(out, "task_id", run_id);
    add_text(out, "status", "failed");
    add_text(out, "message", words_of(error));
    add_raw(out, "pipeline_result", "null");
    add_raw(out, "reward", "null");
    add_text(out, "error", error.name());
    add_raw(out, "reward_reason", "null");
    add_raw(out, "provider", "{}");
    add_raw(out, "usage", "{}");
    return out + "}";
}

}  // namespace eco2
