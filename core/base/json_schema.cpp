#include "base/json_schema.hpp"

#include "base/limits.hpp"

#define RAPIDJSON_HAS_STDSTRING 1
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>

#include <cstddef>
#include <string>
#include <utility>

namespace eco2 {
namespace {

/// Passes everything on until the nesting is too deep; the reader then stops.
template <class Next>
class DepthLimit {
public:
    using Ch = char;
    explicit DepthLimit(Next& next) : next_(next) {}

    bool Null() { return next_.Null(); }
    bool Bool(bool b) { return next_.Bool(b); }
    bool Int(int i) { return next_.Int(i); }
    bool Uint(unsigned u) { return next_.Uint(u); }
    bool Int64(std::int64_t i) { return next_.Int64(i); }
    bool Uint64(std::uint64_t u) { return next_.Uint64(u); }
    bool Double(double d) { return next_.Double(d); }
    bool RawNumber(const Ch* s, rapidjson::SizeType n, bool copy) { return next_.RawNumber(s, n, copy); }
    bool String(const Ch* s, rapidjson::SizeType n, bool copy) { return next_.String(s, n, copy); }
    bool Key(const Ch* s, rapidjson::SizeType n, bool copy) { return next_.Key(s, n, copy); }
    bool StartObject() { return enter() && next_.StartObject(); }
    bool EndObject(rapidjson::SizeType n) {
        --depth_;
        return next_.EndObject(n);
    }
    bool StartArray() { return enter() && next_.StartArray(); }
    bool EndArray(rapidjson::SizeType n) {
        --depth_;
        return next_.EndArray(n);
    }
    bool is_too_deep() const { return depth_ > limits::kJsonDepthMax; }

private:
    bool enter() {
        ++depth_;
        return !is_too_deep();
    }

    Next& next_;
    std::size_t depth_ = 0;
};

class Schema final : public JsonSchema {
public:
    explicit Schema(const rapidjson::Document& document) : schema_(document) {}

    Result<void> check(std::string_view json) const override {
        rapidjson::SchemaValidator validator(schema_);
        DepthLimit limited(validator);
        rapidjson::MemoryStream stream(json.data(), json.size());
        rapidjson::Reader reader;
        const auto parsed =
            reader.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(stream, limited);
        if (limited.is_too_deep()) {
            return fail(Errc::invalid_json, "nested deeper than " + std::to_string(limits::kJsonDepthMax) + " levels");
        }
        if (!validator.IsValid()) {
            rapidjson::StringBuffer place;
            validator.GetInvalidDocumentPointer().Stringify(place);
            const std::string where = place.GetSize() == 0 ? "the document" : std::string(place.GetString(), place.GetSize());
            const char* keyword = validator.GetInvalidSchemaKeyword();
            return fail(Errc::invalid_field, where + " breaks \"" + (keyword == nullptr ? "schema" : keyword) + "\"");
        }
        if (parsed.IsError()) {
            return fail(
                Errc::invalid_json,
                std::string(rapidjson::GetParseError_En(parsed.Code())) + " at byte " + std::to_string(parsed.Offset()));
        }
        return {};
    }

private:
    rapidjson::SchemaDocument schema_;
};

}  // namespace

Result<std::shared_ptr<const JsonSchema>> JsonSchema::compile(std::string_view schema) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(schema.data(), schema.size());
    if (document.HasParseError()) {
        return fail(Errc::config_invalid,
                    std::string("the schema is not JSON: ") + rapidjson::GetParseError_En(document.GetParseError()) +
                        " at byte " + std::to_string(document.GetErrorOffset()));
    }
    if (!document.IsObject()) {
        return fail(Errc::config_invalid, "the schema is not a JSON object");
    }
    return std::shared_ptr<const JsonSchema>(std::make_shared<Schema>(document));
}

}  // namespace eco2
