#pragma once

#include <boost/json/object.hpp>

#include <initializer_list>
#include <string>
#include <string_view>

namespace eco2::fake {

/// The smallest JSON text that a JSON Schema allows, as far as this knows the schema's words: type, enum, const, properties,
/// required, items, minItems, minLength, minimum, anyOf, oneOf, allOf (its first), $ref into the same schema.
///
/// `fills_all`: with all properties, not only the required ones. Types are taken in any case, as Gemini shouts them.
///
/// Limits: nesting and size are bounded; beyond the bound values are null. A schema that cannot be read gives "{}".
std::string sample_of_schema(std::string_view schema_json, bool fills_all = false);

/// The properties that an object's schema requires and `known` does not name, sampled in the same way, each behind a comma, as
/// they would be put at an object's end: `,"echo":"T"`. Limits alike.
std::string sample_of_missing(const boost::json::object& schema, std::initializer_list<std::string_view> known);

}  // namespace eco2::fake
