#pragma once

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

}  // namespace eco2::fake
