#include "app/scan_frames.hpp"

#include "base/text.hpp"
#include "runs/run_result.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace eco2::app {
namespace {

namespace json = boost::json;

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

std::string stage_frame(const Run& run, const RunEvent& event, std::string_view status) {
    std::string out = "{";
    add_text(out, "step", run.pipeline().stages()[event.stage].definition.name);
    add_text(out, "status", status);
    add_raw(out, "progress", std::to_string(event.progress));
    return out;
}

}  // namespace

std::string scan_frame(const Run& run, const RunEvent& event) {
    switch (event.kind) {
        case RunEvent::Kind::started: return R"({"status":"started","task_id":")" + run.id() + "\"}";
        case RunEvent::Kind::stage_started: return stage_frame(run, event, "started") + "}";
        case RunEvent::Kind::stage_completed: {
            std::string out = stage_frame(run, event, "completed");
            if (event.stage + 1U == run.pipeline().stages().size()) {
                add_raw(out, "result", run_result(run));
            }
            return out + "}";
        }
        case RunEvent::Kind::stage_failed: {
            std::string out = stage_frame(run, event, "failed");
            add_text(out, "error", run.failure()->name());
            add_text(out, "message", words_of(*run.failure()));
            return out + "}";
        }
        case RunEvent::Kind::timed_out: return R"({"status":"timeout","task_id":")" + run.id() + "\"}";
        case RunEvent::Kind::delta:
        case RunEvent::Kind::done: break;
    }
    return {};
}

std::string scan_error_frame(const Error& error) {
    std::string out = R"({"status":"error")";
    add_text(out, "error", error.name());
    return out + "}";
}

std::string error_body(const Error& error) {
    std::string out = "{";
    add_text(out, "detail", words_of(error));
    add_text(out, "code", error.name());
    return out + "}";
}

std::string unsupported_model_body(const PipelineDefinition& pipeline, std::string_view model) {
    const Error error = fail(Errc::unsupported_model);
    std::string models;
    for (const auto& known : pipeline.models) {
        models += (models.empty() ? "" : ",") + json_quote(known);
    }
    std::string detail = "{";
    add_text(detail, "error", error.name());
    add_text(detail, "message", "\"" + shorten(model, 80) + "\" is not a model of this pipeline");
    add_raw(detail, "supported_models", "[" + models + "]");
    std::string out = "{";
    add_raw(out, "detail", detail + "}");
    add_text(out, "code", error.name());
    return out + "}";
}

Result<std::string> categories_body(std::string_view taxonomy_json) {
    json::error_code ec;
    const auto taxonomy = json::parse(taxonomy_json, ec);
    if (ec || !taxonomy.is_object()) {
        return fail(Errc::config_invalid, "the taxonomy is not a JSON object");
    }
    const auto line = [](const json::value& items) {
        std::string out;
        for (const auto& item : items.as_array()) {
            out += (out.empty() ? "" : ", ") + std::string(item.as_string());
        }
        return out;
    };
    json::array categories;
    for (const auto& [name, inner] : taxonomy.get_object()) {
        json::array instructions;
        if (const auto* middles = inner.if_object()) {
            for (const auto& [middle, items] : *middles) {
                instructions.emplace_back(std::string(middle) + ": " + line(items));
            }
        } else {
            instructions.emplace_back(line(inner));
        }
        json::object category;
        category["id"] = categories.size() + 1;
        category["name"] = name;
        category["display_name"] = name;
        category["instructions"] = std::move(instructions);
        categories.push_back(std::move(category));
    }
    return json::serialize(categories);
}

std::size_t category_count(std::string_view taxonomy_json) {
    json::error_code ec;
    const auto taxonomy = json::parse(taxonomy_json, ec);
    return ec || !taxonomy.is_object() ? 0 : taxonomy.get_object().size();
}

}  // namespace eco2::app
