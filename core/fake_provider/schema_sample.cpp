#include "fake_provider/schema_sample.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <cstdint>

namespace eco2::fake {
namespace {

namespace json = boost::json;

constexpr int kDepthMax = 16;
constexpr int kNodesMax = 2'000;
constexpr std::int64_t kTextLengthMax = 1'000;
constexpr std::int64_t kItemsMax = 100;
constexpr std::string_view kText = "made up";

std::int64_t integer_at(const json::object& object, std::string_view key, std::int64_t otherwise) {
    const json::value* value = object.if_contains(key);
    return value != nullptr && value->is_int64() ? value->get_int64() : otherwise;
}

class Sampler {
public:
    Sampler(const json::value& root, bool fills_all) : root_(root), fills_all_(fills_all) {}

    json::value sample(const json::value& schema, int depth) {
        const json::object* object = schema.if_object();
        if (object == nullptr || depth > kDepthMax || ++nodes_ > kNodesMax) {
            return nullptr;
        }
        if (const json::value* fixed = fixed_value(*object)) {
            return *fixed;
        }
        if (const json::value* other = elsewhere(*object)) {
            return sample(*other, depth + 1);
        }
        return sample_type(*object, type_of(*object), depth);
    }

private:
    static const json::value* fixed_value(const json::object& schema) {
        if (const json::value* value = schema.if_contains("const")) {
            return value;
        }
        const json::value* list = schema.if_contains("enum");
        return list != nullptr && list->is_array() && !list->get_array().empty() ? &list->get_array().front() : nullptr;
    }

    const json::value* elsewhere(const json::object& schema) const {
        if (const json::value* ref = schema.if_contains("$ref"); ref != nullptr && ref->is_string()) {
            std::string_view pointer(ref->get_string().data(), ref->get_string().size());
            if (pointer.substr(0, 1) == "#") {
                json::error_code ec;
                return root_.find_pointer(pointer.substr(1), ec);
            }
        }
        for (const std::string_view key : {"anyOf", "oneOf", "allOf"}) {
            const json::value* list = schema.if_contains(key);
            if (list != nullptr && list->is_array() && !list->get_array().empty()) {
                return &list->get_array().front();
            }
        }
        return nullptr;
    }

    static std::string type_of(const json::object& schema) {
        const json::value* type = schema.if_contains("type");
        if (type != nullptr && type->is_array() && !type->get_array().empty()) {
            type = &type->get_array().front();
        }
        if (type != nullptr && type->is_string()) {
            return to_lower_ascii({type->get_string().data(), type->get_string().size()});
        }
        return schema.contains("properties") ? "object" : schema.contains("items") ? "array" : "null";
    }

    json::value sample_type(const json::object& schema, std::string_view type, int depth) {
        if (type == "object") {
            return sample_object(schema, depth);
        }
        if (type == "array") {
            return sample_array(schema, depth);
        }
        if (type == "string") {
            std::string text(kText);
            const auto length =
                static_cast<std::size_t>(std::clamp<std::int64_t>(integer_at(schema, "minLength", 0), 0, kTextLengthMax));
            text.resize(std::max(text.size(), length), '.');
            return json::value(text);
        }
        if (type == "integer" || type == "number") {
            return integer_at(schema, "minimum", 0);
        }
        if (type == "boolean") {
            return false;
        }
        return nullptr;
    }

    json::value sample_object(const json::object& schema, int depth) {
        json::object out;
        const json::value* required = schema.if_contains("required");
        const json::value* properties = schema.if_contains("properties");
        if (fills_all_ && properties != nullptr && properties->is_object()) {
            for (const auto& [name, of] : properties->get_object()) {
                out.insert_or_assign(name, sample(of, depth + 1));
            }
            return out;
        }
        if (required == nullptr || !required->is_array()) {
            return out;
        }
        for (const json::value& name : required->get_array()) {
            if (name.is_string()) {
                const json::object* known = properties != nullptr ? properties->if_object() : nullptr;
                const json::value* of = known != nullptr ? known->if_contains(name.get_string()) : nullptr;
                out.insert_or_assign(name.get_string(), of != nullptr ? sample(*of, depth + 1) : json::value(nullptr));
            }
        }
        return out;
    }

    json::value sample_array(const json::object& schema, int depth) {
        json::array out;
        const json::value* items = schema.if_contains("items");
        const std::int64_t count = std::clamp<std::int64_t>(integer_at(schema, "minItems", 0), 0, kItemsMax);
        for (std::int64_t i = 0; i < count; ++i) {
            out.push_back(items != nullptr ? sample(*items, depth + 1) : json::value(nullptr));
        }
        return out;
    }

    const json::value& root_;
    const bool fills_all_;
    int nodes_ = 0;
};

}  // namespace

std::string sample_of_schema(std::string_view schema_json, bool fills_all) {
    json::error_code ec;
    const json::value root = json::parse(schema_json, ec, {}, {.max_depth = limits::kJsonDepthMax});
    return ec ? "{}" : json::serialize(Sampler(root, fills_all).sample(root, 0));
}

std::string sample_of_missing(const json::object& schema, std::initializer_list<std::string_view> known) {
    const json::value* required = schema.if_contains("required");
    const json::array* names = required != nullptr ? required->if_array() : nullptr;
    json::array missing;
    for (const json::value& name : names != nullptr ? *names : json::array()) {
        const std::string_view text =
            name.is_string() ? std::string_view(name.get_string().data(), name.get_string().size()) : std::string_view();
        if (name.is_string() && std::find(known.begin(), known.end(), text) == known.end()) {
            missing.push_back(name);
        }
    }
    if (missing.empty()) {
        return {};
    }
    json::object rest = schema;
    rest["required"] = std::move(missing);
    const json::value root(std::move(rest));
    const json::value sample = Sampler(root, false).sample(root, 0);
    const std::string text = sample.is_object() ? json::serialize(sample) : std::string();
    return text.size() > 2 ? "," + text.substr(1, text.size() - 2) : std::string();
}

}  // namespace eco2::fake
