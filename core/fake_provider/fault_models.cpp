#include "fake_provider/fault_models.hpp"

#include "base/limits.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace eco2::fake {
namespace {

constexpr std::string_view kPrefix = "fault-";

int scaled(int ms, double scale) {
    return static_cast<int>(std::clamp(std::round(ms * scale), 0.0, static_cast<double>(limits::kFakeDelayMsMax)));
}

Behaviour status_of(int status) {
    Behaviour out;
    out.fault = Fault::status;
    out.status = status;
    return out;
}

Behaviour first_only(Behaviour behaviour) {
    behaviour.once = true;
    return behaviour;
}

Behaviour after(Fault fault, int chunks) {
    Behaviour out;
    out.fault = fault;
    out.after_chunks = chunks;
    return out;
}

/// Whole seconds in the header that everybody reads; the true time in the one that SDKs read first.
Behaviour hinted(double scale) {
    Behaviour out = first_only(status_of(429));
    const int ms = scaled(2000, scale);
    out.retry_after = std::to_string((ms + 999) / 1000);
    if (ms % 1000 != 0) {
        out.headers.emplace_back("retry-after-ms", std::to_string(ms));
    }
    return out;
}

Behaviour stalled(double scale) {
    Behaviour out = after(Fault::stall, 20);
    out.stall_ms = scaled(30'000, scale);
    return out;
}

Behaviour slow(double scale) {
    Behaviour out = after(Fault::slow_first_token, 0);
    out.slow_ms = scaled(20'000, scale);
    return out;
}

Behaviour malformed(double) {
    Behaviour out = after(Fault::malformed_chunk, 8);  // the role and eight words: the tenth event of a chat stream
    out.replace = true;
    return out;
}

Behaviour flapping(double scale) {
    Behaviour out = status_of(503);
    out.fault = Fault::flap;
    out.down_ms = scaled(60'000, scale);
    return out;
}

struct FaultModel {
    std::string_view name;
    std::string_view help;
    Behaviour (*make)(double scale);
};

constexpr std::array kModels{
    FaultModel{"429-hint", "the first attempt 429 with Retry-After: 2, then fine", hinted},
    FaultModel{"429", "always 429, no hint when to come back", [](double) { return status_of(429); }},
    FaultModel{"500-once", "the first attempt 500, then fine", [](double) { return first_only(status_of(500)); }},
    FaultModel{"503", "always 503", [](double) { return status_of(503); }},
    FaultModel{"reset-once",
               "the first attempt a RST before any byte, then fine",
               [](double) { return first_only(after(Fault::reset_before_head, 0)); }},
    FaultModel{"silence", "never a byte", [](double) { return after(Fault::silence, 0); }},
    FaultModel{"slow-first-token", "head and role at once, the first word 20 s later", slow},
    FaultModel{"cut", "the connection ends after 40 words", [](double) { return after(Fault::cut_stream, 40); }},
    FaultModel{"stall", "after 20 words 30 s of silence, then the connection ends", stalled},
    FaultModel{"malformed-chunk", "a chat stream's tenth event is no JSON (its word is lost), the rest is normal", malformed},
    FaultModel{"no-done", "whole, but without the end mark", [](double) { return after(Fault::missing_done, 0); }},
    FaultModel{"context-length", "400 context_length_exceeded", [](double) { return after(Fault::context_length, 0); }},
    FaultModel{"content-filter", "400 content_policy_violation", [](double) { return after(Fault::content_policy, 0); }},
    FaultModel{
        "no-prefill", "400 when the last message is the assistant's", [](double) { return after(Fault::refuse_prefill, 0); }},
    FaultModel{"flap", "503 for 60 s from the start or POST /fake/reset, then fine", flapping},
};

}  // namespace

std::optional<std::string_view> fault_model_name(std::string_view model) {
    if (!model.starts_with(kPrefix)) {
        return std::nullopt;
    }
    return model.substr(kPrefix.size(), model.find(':') - kPrefix.size());
}

std::optional<Behaviour> fault_model(std::string_view name, double scale) {
    const auto found =
        std::find_if(kModels.begin(), kModels.end(), [&](const FaultModel& model) { return model.name == name; });
    return found == kModels.end() ? std::nullopt : std::optional(found->make(scale));
}

std::string fault_model_names() {
    std::string out;
    for (const FaultModel& model : kModels) {
        out += (out.empty() ? "" : " ") + std::string(model.name);
    }
    return out;
}

std::string fault_model_help() {
    std::string out;
    for (const FaultModel& model : kModels) {
        std::string line = "  " + std::string(kPrefix) + std::string(model.name);
        line.resize(std::max<std::size_t>(line.size() + 1, 26), ' ');
        out += line + std::string(model.help) + "\n";
    }
    return out;
}

}  // namespace eco2::fake
