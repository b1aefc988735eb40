#include "pipeline/taxonomy.hpp"

#include "base/text.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <utility>

namespace eco2 {
namespace {

namespace json = boost::json;

constexpr std::size_t kMinorBytesMax = 120;  // free text of a model: it goes into a prompt and a reply

/// Trimmed, inner white space and control characters folded to one space.
std::string clean(std::string_view text) {
    std::string out;
    bool pending_space = false;
    for (const char c : text) {
        if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F) {
            pending_space = !out.empty();
            continue;
        }
        if (pending_space) {
            out += ' ';
            pending_space = false;
        }
        out += c;
    }
    return out;
}

std::string text_of(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

Result<json::value> parse(const std::string& text, std::string_view what) {
    json::error_code ec;
    auto value = json::parse(text, ec);
    if (ec || !value.is_object()) {
        return fail(Errc::config_invalid, std::string(what) + " must be a JSON object");
    }
    return value;
}

}  // namespace

Result<Taxonomy> Taxonomy::compile(const TaxonomyDefinition& definition) {
    auto classes = parse(definition.taxonomy_json, "taxonomy");
    if (!classes) {
        return classes.error();
    }
    auto groups = parse(definition.tags_json, "tags");
    if (!groups) {
        return groups.error();
    }
    Taxonomy result;
    result.unclassified_ = definition.unclassified;
    result.unclassified_tag_ = definition.unclassified_tag;
    result.no_minor_tag_ = definition.no_minor_tag;
    std::set<std::string, std::less<>> ambiguous;
    for (const auto& [name, inner] : classes.value().get_object()) {
        Major major{std::string(name), {}};
        if (const auto* middles = inner.if_object()) {
            for (const auto& [middle, items] : *middles) {
                major.middles.emplace(middle);
                if (!result.major_of_middle_.emplace(middle, name).second) {
                    ambiguous.emplace(middle);
                }
            }
        } else if (!inner.is_array()) {
            return fail(Errc::config_invalid, "taxonomy: \"" + std::string(name) + "\" must hold an object or an array");
        }
        result.majors_.push_back(std::move(major));
    }
    for (const auto& middle : ambiguous) {
        result.major_of_middle_.erase(middle);
    }
    for (const auto& name : definition.extra_majors) {
        result.majors_.push_back({name, {}});
    }
    if (!definition.unclassified.empty()) {
        result.majors_.push_back({definition.unclassified, {}});
    }
    for (const auto& [title, tags] : groups.value().get_object()) {
        const auto* array = tags.if_array();
        if (array == nullptr || !std::all_of(array->begin(), array->end(), [](const auto& tag) { return tag.is_string(); })) {
            return fail(Errc::config_invalid, "tags: \"" + std::string(title) + "\" must hold an array of strings");
        }
        for (const auto& tag : *array) {
            result.tags_.emplace(tag.get_string());
        }
    }
    return result;
}

const Taxonomy::Major* Taxonomy::find_major(std::string_view name) const {
    const auto found = std::find_if(majors_.begin(), majors_.end(), [&](const Major& major) { return major.name == name; });
    return found == majors_.end() ? nullptr : &*found;
}

Result<Taxonomy::Names> Taxonomy::repair(Names names, std::vector<std::string>& repairs) const {
    const auto* major = find_major(names.major);
    if (major == nullptr) {
        const auto parent = major_of_middle_.find(names.middle);
        const std::string replacement = parent != major_of_middle_.end()      ? parent->second
                                        : find_major(names.middle) != nullptr ? names.middle
                                                                              : unclassified_;
        repairs.push_back("major_category \"" + shorten(names.major, 60) + "\" -> \"" + replacement + "\"");
        names.major = replacement;
        major = find_major(replacement);
        if (major == nullptr) {
            return fail(Errc::outside_taxonomy, "no such class and no unclassified one is configured");
        }
    }
    names.is_unclassified = !unclassified_.empty() && names.major == unclassified_;
    if (major->middles.empty()) {
        if (names.middle != names.major) {
            if (names.minor.empty() && !names.is_unclassified) {
                names.minor = names.middle;
            }
            repairs.push_back("middle_category \"" + shorten(names.middle, 60) + "\" -> \"" + names.major + "\"");
            names.middle = names.major;
        }
    } else if (!major->middles.contains(names.middle)) {
        if (unclassified_.empty()) {
            return fail(Errc::outside_taxonomy, "no such middle class and no unclassified one is configured");
        }
        repairs.push_back("middle_category \"" + shorten(names.middle, 60) + "\" -> \"" + unclassified_ + "\"");
        names.middle = unclassified_;
        names.is_unclassified = true;
    }
    return names;
}

json::array Taxonomy::tags(const json::value* given, const Names& names, std::vector<std::string>& repairs) const {
    json::array out;
    std::set<std::string, std::less<>> seen;
    const auto add = [&](const std::string& tag) {
        if (!tag.empty() && seen.insert(tag).second) {
            out.emplace_back(tag);
        }
    };
    if (const auto* array = given == nullptr ? nullptr : given->if_array()) {
        for (const auto& item : *array) {
            const std::string tag = item.is_string() ? clean(std::string_view(item.get_string())) : std::string();
            if (tags_.contains(tag)) {
                add(tag);
            } else {
                repairs.push_back("situation_tags: \"" + shorten(tag, 60) + "\" dropped");
            }
        }
    }
    if (names.is_unclassified) {
        add(unclassified_tag_);
    } else if (names.minor.empty()) {
        add(no_minor_tag_);
    }
    return out;
}

Result<Taxonomy::Checked> Taxonomy::check(const json::value& value, std::string_view question) const {
    const auto* object = value.if_object();
    const auto* given = object == nullptr ? nullptr : object->if_contains("classification");
    if (given == nullptr || !given->is_object()) {
        return fail(Errc::provider_bad_answer, "the answer holds no classification");
    }
    const auto& classification = given->get_object();
    Checked checked;
    Names raw;
    raw.major = clean(text_of(classification, "major_category"));
    raw.middle = clean(text_of(classification, "middle_category"));
    raw.minor = shorten(clean(text_of(classification, "minor_category")), kMinorBytesMax);
    auto names = repair(std::move(raw), checked.repairs);
    if (!names) {
        return names.error();
    }
    json::object inside;
    inside["major_category"] = names.value().major;
    inside["middle_category"] = names.value().middle;
    inside["minor_category"] = names.value().minor.empty() ? json::value(nullptr) : json::value(names.value().minor);
    json::object out;
    out["classification"] = std::move(inside);
    out["situation_tags"] = tags(object->if_contains("situation_tags"), names.value(), checked.repairs);
    out["meta"] = {{"user_input", question}};
    checked.value = std::move(out);
    return checked;
}

}  // namespace eco2
