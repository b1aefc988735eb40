#include "batch/report/eval_classes.hpp"

#include "base/hash.hpp"
#include "base/text.hpp"
#include "batch/plan/item_fields.hpp"
#include "batch/report/report_text.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace eco2::batch {
namespace {

namespace json = boost::json;

constexpr std::size_t kPromptDigits = 12;

const StageDefinition* classifying_stage(const PipelineDefinition& definition) {
    const auto& stages = definition.stages;
    auto found = std::find_if(stages.begin(), stages.end(), [](const auto& stage) { return stage.taxonomy.has_value(); });
    if (found == stages.end()) {
        found = std::find_if(
            stages.begin(), stages.end(), [](const auto& stage) { return stage.kind == StageDefinition::Kind::infer; });
    }
    return found == stages.end() ? nullptr : &*found;
}

void add_names(std::set<std::string, std::less<>>& to, const json::value& list) {
    if (const auto* array = list.if_array()) {
        for (const auto& one : *array) {
            if (one.is_string()) {
                to.emplace(one.get_string());
            }
        }
    }
}

/// The part up to the next '/', which is taken off; the third part is all that is left, since item names may hold one.
std::string_view next_part(std::string_view& path, bool is_last) {
    const auto end = is_last ? std::string_view::npos : path.find('/');
    const auto part = path.substr(0, end);
    path = end == std::string_view::npos ? std::string_view() : path.substr(end + 1);
    return part;
}

template <class Map>
std::vector<std::string> names_of(const Map& map) {
    std::vector<std::string> names;
    for (const auto& one : map) {
        if constexpr (std::is_same_v<std::decay_t<decltype(one)>, std::string>) {
            names.push_back(one);
        } else {
            names.push_back(one.first);
        }
    }
    return names;
}

std::string unknown(std::string_view what, std::string_view part, const std::vector<std::string>& names) {
    return "no " + std::string(what) + " class is called " + shown(part) + (names.empty() ? "" : advice(part, names));
}

std::string name_at(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

std::optional<EvalClasses> EvalClasses::of(const PipelineDefinition& definition) {
    const auto* stage = classifying_stage(definition);
    if (stage == nullptr || !stage->taxonomy) {
        return std::nullopt;
    }
    EvalClasses classes;
    json::error_code ec;
    const auto taxonomy = json::parse(stage->taxonomy->taxonomy_json, ec);
    if (!ec && taxonomy.is_object()) {
        for (const auto& [major, value] : taxonomy.get_object()) {
            auto& middles = classes.majors_[std::string(major)];
            if (const auto* object = value.if_object()) {
                for (const auto& [middle, items] : *object) {
                    add_names(middles[std::string(middle)], items);
                }
            } else {
                add_names(middles[std::string(major)], value);
            }
        }
    }
    auto flat = stage->taxonomy->extra_majors;
    flat.push_back(stage->taxonomy->unclassified);
    for (const auto& major : flat) {
        if (!major.empty()) {
            (void)classes.majors_[major][major];
        }
    }
    return classes;
}

std::string EvalClasses::objection(std::string_view label) const {
    const auto part = next_part(label, false);
    const auto major = majors_.find(part);
    if (major == majors_.end()) {
        return unknown("major", part, names_of(majors_));
    }
    if (label.empty()) {
        return {};
    }
    const auto second = next_part(label, false);
    const auto middle = major->second.find(second);
    if (middle == major->second.end()) {
        return unknown("middle", second, names_of(major->second));
    }
    if (label.empty() || middle->second.empty()) {
        return {};
    }
    const auto third = next_part(label, true);
    return middle->second.find(third) == middle->second.end() ? unknown("minor", third, names_of(middle->second))
                                                              : std::string();
}

std::string clean_label(std::string_view label) {
    std::string out;
    for (int i = 0; i < 3 && !label.empty(); ++i) {
        out += (out.empty() ? "" : "/") + std::string(trim(next_part(label, i == 2)));
    }
    return out;
}

std::string predicted_class(std::string_view result_json) {
    json::error_code ec;
    const auto parsed = json::parse(result_json, ec);
    const auto* result = ec ? nullptr : parsed.if_object();
    const auto* parts = result == nullptr ? nullptr : result->if_contains("pipeline_result");
    if (parts == nullptr || !parts->is_object()) {
        return {};
    }
    for (const auto& [name, part] : parts->get_object()) {
        const auto* object = part.if_object();
        const auto* found = object == nullptr ? nullptr : object->if_contains("classification");
        if (found == nullptr || !found->is_object()) {
            continue;
        }
        const auto& names = found->get_object();
        std::string path = name_at(names, "major_category");
        for (const auto* key : {"middle_category", "minor_category"}) {
            const auto next = path.empty() ? std::string() : name_at(names, key);
            if (next.empty()) {
                break;
            }
            path += "/" + next;
        }
        return path;
    }
    return {};
}

std::string as_deep_as(std::string_view label, std::string_view predicted) {
    std::string out;
    for (int i = 0; i < 3 && !label.empty() && !predicted.empty(); ++i) {
        (void)next_part(label, i == 2);
        out += (out.empty() ? "" : "/") + std::string(next_part(predicted, i == 2));
    }
    return out;
}

std::string prompt_hash(const PipelineDefinition& definition) {
    Sha256 hash;
    const auto add = [&hash](std::string_view text) {
        hash.update(std::to_string(text.size()) + ":");
        hash.update(text);
    };
    if (const auto* stage = classifying_stage(definition)) {
        for (const auto* texts : {&stage->system, &stage->user}) {
            for (const auto& [language, text] : *texts) {
                add(language);
                add(text);
            }
        }
        add(stage->schema_json);
        add(stage->params_json);
        add(std::to_string(stage->temperature));
        add(std::to_string(static_cast<int>(stage->detail)));
    }
    for (const auto& [name, text] : definition.data) {
        add(name);
        add(text);
    }
    return hash.hex().substr(0, kPromptDigits);
}

std::string eval_line(const EvalRow& row, std::string_view error) {
    JsonObject out;
    out.text("id", row.item);
    out.text_or_null("label", row.label);
    out.text_or_null("predicted", row.predicted);
    out.raw("ok", !row.label.empty() && row.label == row.predicted ? "true" : "false");
    out.text("model", row.model);
    out.text("prompt", row.prompt);
    out.usd("cost_usd", row.cost_picousd);
    row.latency ? out.milliseconds("latency_ms", *row.latency) : out.null("latency_ms");
    out.text_or_null("error", error);
    return out.done();
}

}  // namespace eco2::batch
