#include "batch/money/estimate.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cstddef>

namespace eco2::batch {
namespace {

namespace json = boost::json;
using Stage = Estimate::Stage;

std::string grouped(std::int64_t number) {
    auto digits = std::to_string(number);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
        digits.insert(static_cast<std::size_t>(at), 1, ',');
    }
    return digits;
}

std::string megabytes(std::int64_t bytes) {
    constexpr std::int64_t kTenth = 100'000;
    const auto tenths = (bytes + kTenth - 1) / kTenth;
    return grouped(tenths / 10) + "." + std::to_string(tenths % 10) + " MB";
}

std::string hours(std::chrono::seconds time) {
    const auto minutes = (time.count() + 59) / 60;
    return minutes < 60 ? std::to_string(minutes) + " min" : grouped((minutes + 59) / 60) + " h";
}

std::string usd(const Stage& stage, std::int64_t picousd) {
    return stage.is_priced ? rounded_usd(picousd) : "not known";
}

struct Row {
    const char* name;
    std::string (*show)(const Stage& stage);
};

constexpr Row kRows[] = {
    {"model", [](const Stage& stage) { return stage.model; }},
    {"items", [](const Stage& stage) { return grouped(stage.items); }},
    {"requests", [](const Stage& stage) { return grouped(stage.requests); }},
    {"batches", [](const Stage& stage) { return grouped(stage.shards); }},
    {"files", [](const Stage& stage) { return megabytes(stage.bytes); }},
    {"input tokens, expected", [](const Stage& stage) { return grouped(stage.input_tokens.expected); }},
    {"  from", [](const Stage& stage) { return grouped(stage.input_tokens.low); }},
    {"  to", [](const Stage& stage) { return grouped(stage.input_tokens.high); }},
    {"output tokens, expected", [](const Stage& stage) { return grouped(stage.output_tokens.expected); }},
    {"  from", [](const Stage& stage) { return grouped(stage.output_tokens.low); }},
    {"  to", [](const Stage& stage) { return grouped(stage.output_tokens.high); }},
    {"USD, expected", [](const Stage& stage) { return usd(stage, stage.money.expected); }},
    {"  from", [](const Stage& stage) { return usd(stage, stage.money.low); }},
    {"  to", [](const Stage& stage) { return usd(stage, stage.money.high); }},
    {"USD, reserved at worst", [](const Stage& stage) { return usd(stage, stage.worst); }},
    {"USD live, expected", [](const Stage& stage) { return usd(stage, stage.synchronous.expected); }},
    {"time, typical", [](const Stage& stage) { return hours(stage.typical); }},
    {"time, at most", [](const Stage& stage) { return hours(stage.at_most); }},
    {"basis",
     [](const Stage& stage) {
         return std::string(stage.is_calibrated ? "pilot" : stage.is_expected ? "guessed" : "counted");
     }},
};

json::object to_json(const Range& range) {
    return {{"low", range.low}, {"expected", range.expected}, {"high", range.high}};
}

json::object usd_json(const Range& range) {
    return {{"low", rounded_usd(range.low)}, {"expected", rounded_usd(range.expected)}, {"high", rounded_usd(range.high)}};
}

json::object to_json(const Stage& stage) {
    json::object out;
    out["name"] = stage.name;
    out["provider"] = stage.provider;
    out["model"] = stage.model;
    out["is_expected"] = stage.is_expected;
    out["is_calibrated"] = stage.is_calibrated;
    out["items"] = stage.items;
    out["requests"] = stage.requests;
    out["shards"] = stage.shards;
    out["rounds"] = stage.rounds;
    out["bytes"] = stage.bytes;
    out["input_tokens"] = to_json(stage.input_tokens);
    out["output_tokens"] = to_json(stage.output_tokens);
    out["is_priced"] = stage.is_priced;
    out["batch_picousd"] = to_json(stage.money);
    out["batch_usd"] = usd_json(stage.money);
    out["synchronous_picousd"] = to_json(stage.synchronous);
    out["synchronous_usd"] = usd_json(stage.synchronous);
    out["worst_picousd"] = stage.worst;
    out["typical_s"] = stage.typical.count();
    out["at_most_s"] = stage.at_most.count();
    return out;
}

}  // namespace

std::string to_text(const Estimate& estimate) {
    std::vector<const Stage*> columns;
    for (const auto& stage : estimate.stages) {
        columns.push_back(&stage);
    }
    if (columns.size() != 1) {
        columns.push_back(&estimate.total);
    }
    std::vector<std::vector<std::string>> lines(1, {""});
    for (const auto* stage : columns) {
        lines[0].push_back(stage->name);
    }
    for (const auto& row : kRows) {
        auto& line = lines.emplace_back(1, row.name);
        for (const auto* stage : columns) {
            line.push_back(row.show(*stage));
        }
    }
    std::vector<std::size_t> widths(columns.size() + 1);
    for (const auto& line : lines) {
        for (std::size_t i = 0; i < line.size(); ++i) {
            widths[i] = std::max(widths[i], line[i].size());
        }
    }
    std::string out;
    for (const auto& line : lines) {
        out += line[0] + std::string(widths[0] - line[0].size(), ' ');
        for (std::size_t i = 1; i < line.size(); ++i) {
            out += "  " + std::string(widths[i] - line[i].size(), ' ') + line[i];
        }
        out += '\n';
    }
    out += "prices of version " + (estimate.price_version.empty() ? "(none)" : estimate.price_version) + "\n";
    for (const auto& warning : estimate.warnings) {
        out += "note: " + (warning.stage.empty() ? "" : warning.stage + ": ") + warning.text + "\n";
    }
    return out;
}

std::string to_json(const Estimate& estimate) {
    json::object out;
    json::array stages;
    for (const auto& stage : estimate.stages) {
        stages.push_back(to_json(stage));
    }
    json::array warnings;
    for (const auto& warning : estimate.warnings) {
        warnings.push_back(json::object{{"code", warning.code}, {"stage", warning.stage}, {"text", warning.text}});
    }
    out["stages"] = std::move(stages);
    out["total"] = to_json(estimate.total);
    out["price_version"] = estimate.price_version;
    out["warnings"] = std::move(warnings);
    return json::serialize(out);
}

}  // namespace eco2::batch
