#include "batch/jobs/definition_record.hpp"

#include "base/limits.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <type_traits>
#include <utility>

namespace eco2::batch {
namespace {

namespace json = boost::json;

constexpr std::int64_t kFormat = 1;

// Each struct's fields by name, for writing and reading alike. A new field does not compile here until its line is changed,
// which is the purpose: a job that forgets a field goes on as another one. It takes a new kFormat.

template <class T, class Struct>
concept Of = std::same_as<std::remove_const_t<T>, Struct>;

void visit_fields(Of<TaxonomyDefinition> auto& of, auto&& visit) {
    auto& [taxonomy_json, tags_json, extra_majors, unclassified, unclassified_tag, no_minor_tag] = of;
    visit("taxonomy_json", taxonomy_json);
    visit("tags_json", tags_json);
    visit("extra_majors", extra_majors);
    visit("unclassified", unclassified);
    visit("unclassified_tag", unclassified_tag);
    visit("no_minor_tag", no_minor_tag);
}

void visit_fields(Of<StageDefinition> auto& of, auto&& visit) {
    auto& [name,
           kind,
           timeout,
           concurrency_max,
           queue_max,
           only_if,
           otherwise,
           provider,
           model,
           system,
           user,
           sends_image,
           detail,
           schema_name,
           schema_json,
           params_json,
           max_output_tokens,
           temperature,
           stream_field,
           defaults_json,
           output_order,
           taxonomy,
           store,
           category,
           key,
           engine,
           input] = of;
    visit("name", name);
    visit("kind", kind);
    visit("timeout_ms", timeout);
    visit("concurrency_max", concurrency_max);
    visit("queue_max", queue_max);
    visit("only_if", only_if);
    visit("otherwise", otherwise);
    visit("provider", provider);
    visit("model", model);
    visit("system", system);
    visit("user", user);
    visit("sends_image", sends_image);
    visit("detail", detail);
    visit("schema_name", schema_name);
    visit("schema_json", schema_json);
    visit("params_json", params_json);
    visit("max_output_tokens", max_output_tokens);
    visit("temperature", temperature);
    visit("stream_field", stream_field);
    visit("defaults_json", defaults_json);
    visit("output_order", output_order);
    visit("taxonomy", taxonomy);
    visit("store", store);
    visit("category", category);
    visit("key", key);
    visit("engine", engine);
    visit("input", input);
}

void visit_fields(Of<PipelineDefinition> auto& of, auto&& visit) {
    auto& [name, file, title, image, question, models, languages, default_question, deadline, data, stages, result] = of;
    visit("name", name);
    visit("file", file);
    visit("title", title);
    visit("image", image);
    visit("question", question);
    visit("models", models);
    visit("languages", languages);
    visit("default_question", default_question);
    visit("deadline_ms", deadline);
    visit("data", data);
    visit("stages", stages);
    visit("result", result);
}

constexpr std::string_view name_of(StageDefinition::Kind kind) {
    switch (kind) {
        case StageDefinition::Kind::infer: return "infer";
        case StageDefinition::Kind::rules: return "rules";
        case StageDefinition::Kind::reward: return "reward";
    }
    return {};
}
constexpr std::string_view name_of(ImageDetail detail) {
    switch (detail) {
        case ImageDetail::automatic: return "auto";
        case ImageDetail::low: return "low";
        case ImageDetail::high: return "high";
    }
    return {};
}
constexpr std::string_view name_of(Need need) {
    switch (need) {
        case Need::none: return "none";
        case Need::optional: return "optional";
        case Need::required: return "required";
    }
    return {};
}

template <class T>
concept Enum = std::is_enum_v<T>;
template <class T>
concept Struct = std::is_aggregate_v<T>;
template <class T>
concept Whole = std::same_as<T, std::int64_t> || std::same_as<T, std::size_t>;

/// Writes what is empty too: a record that lacks a field is damaged.
struct Writer {
    static json::value of(const std::string& text) { return json::value(std::string_view(text)); }
    static json::value of(bool is_so) { return json::value(is_so); }
    static json::value of(Whole auto number) { return json::value(number); }
    /// As text: JSON's numbers are not read back to the last bit.
    static json::value of(double number) {
        std::array<char, 32> text{};
        const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
        return json::value(std::string_view(text.data(), static_cast<std::size_t>(end - text.data())));
    }
    static json::value of(std::chrono::milliseconds time) { return of(std::int64_t{time.count()}); }
    static json::value of(Enum auto value) { return json::value(name_of(value)); }
    static json::value of(const TextByLanguage& texts) {
        json::object out;
        for (const auto& [name, text] : texts) {
            out[name] = text;
        }
        return out;
    }
    static json::value of(const std::pair<std::string, std::string>& pair) {
        return json::array{of(pair.first), of(pair.second)};
    }
    template <class Item>
    static json::value of(const std::vector<Item>& items) {
        json::array out;
        for (const auto& item : items) {
            out.push_back(of(item));
        }
        return out;
    }
    template <class Value>
    static json::value of(const std::optional<Value>& value) {
        return value ? of(*value) : json::value(nullptr);
    }
    static json::value of(const Struct auto& whole) {
        json::object out;
        visit_fields(whole, [&out](std::string_view name, const auto& field) { out[name] = of(field); });
        return out;
    }
};

/// False: this is not what Writer has made of such a value.
class Reader {
public:
    bool read(const json::value& from, std::string& to) {
        const auto* text = from.if_string();
        to = text != nullptr ? std::string(*text) : std::string();
        return text != nullptr;
    }
    bool read(const json::value& from, bool& to) {
        const auto* is_so = from.if_bool();
        to = is_so != nullptr && *is_so;
        return is_so != nullptr;
    }
    template <Whole Number>
    bool read(const json::value& from, Number& to) {
        json::error_code ec;
        to = from.is_double() ? Number() : from.to_number<Number>(ec);
        return !from.is_double() && !ec;
    }
    bool read(const json::value& from, double& to) {
        std::string text;
        if (!read(from, text)) {
            return false;
        }
        const auto* end = text.data() + text.size();
        const auto [rest, ec] = std::from_chars(text.data(), end, to);
        return ec == std::errc() && rest == end;
    }
    bool read(const json::value& from, std::chrono::milliseconds& to) {
        std::int64_t count = 0;
        const bool is_read = read(from, count);
        to = std::chrono::milliseconds(count);
        return is_read;
    }
    bool read(const json::value& from, Enum auto& to) {
        std::string text;
        if (!read(from, text)) {
            return false;
        }
        to = {};
        while (name_of(to) != text && !name_of(to).empty()) {
            to = static_cast<std::remove_cvref_t<decltype(to)>>(static_cast<int>(to) + 1);
        }
        return !name_of(to).empty();
    }
    bool read(const json::value& from, TextByLanguage& to) {
        const auto* object = from.if_object();
        return object != nullptr && std::all_of(object->begin(), object->end(), [&](const auto& text) {
                   return read(text.value(), to[std::string(text.key())]);
               });
    }
    bool read(const json::value& from, std::pair<std::string, std::string>& to) {
        const auto* array = from.if_array();
        return array != nullptr && array->size() == 2 && read((*array)[0], to.first) && read((*array)[1], to.second);
    }
    template <class Item>
    bool read(const json::value& from, std::vector<Item>& to) {
        const auto* array = from.if_array();
        return array != nullptr && std::all_of(array->begin(), array->end(), [&](const json::value& item) {
                   return read(item, to.emplace_back());
               });
    }
    template <class Value>
    bool read(const json::value& from, std::optional<Value>& to) {
        return from.is_null() || read(from, to.emplace());
    }
    /// All fields and no other: one too many is one that this program would leave undone.
    bool read(const json::value& from, Struct auto& to) {
        const auto* object = from.if_object();
        if (object == nullptr) {
            return false;
        }
        std::size_t count = 0;
        bool is_read = true;
        visit_fields(to, [&](std::string_view name, auto& field) {
            const auto* value = object->if_contains(name);
            if (is_read && !(value != nullptr && read(*value, field))) {
                is_read = false;
                fault_ = fault_.empty() ? name : fault_;
            }
            ++count;
        });
        return is_read && object->size() == count;
    }

    /// The innermost field that could not be read; empty: none in particular.
    std::string_view fault() const noexcept { return fault_; }

private:
    std::string_view fault_;
};

Error unreadable(std::string_view why) {
    return fail(Errc::store_failed, "the job's pipeline cannot be read: " + std::string(why));
}

}  // namespace

std::string definition_record(const PipelineDefinition& definition) {
    return json::serialize(json::object{{"format", kFormat}, {"pipeline", Writer::of(definition)}});
}

Result<PipelineDefinition> read_definition_record(std::string_view text) {
    json::parse_options options;
    options.max_depth = limits::kJsonDepthMax;
    options.allow_invalid_utf8 = true;  // a file's name may be anything
    json::error_code ec;
    const auto value = json::parse(text, ec, {}, options);
    const auto* object = ec ? nullptr : value.if_object();
    const auto* format = object == nullptr ? nullptr : object->if_contains("format");
    const auto* pipeline = object == nullptr ? nullptr : object->if_contains("pipeline");
    if (format == nullptr || !format->is_int64()) {
        return unreadable("its record is damaged");
    }
    if (format->get_int64() != kFormat) {
        return unreadable("its record has format " + std::to_string(format->get_int64()) + ", this program knows " +
                          std::to_string(kFormat) + "; go on with the program that planned the job");
    }
    PipelineDefinition definition;
    Reader reader;
    if (pipeline == nullptr || !reader.read(*pipeline, definition)) {
        return unreadable("its record is damaged" +
                          (reader.fault().empty() ? std::string() : " at \"" + std::string(reader.fault()) + "\""));
    }
    return definition;
}

}  // namespace eco2::batch
