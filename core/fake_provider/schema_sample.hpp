#pragma once

#include <string>
#include <string_view>

namespace eco2::fake {

/// The smallest JSON text that a JSON Schema allows, as far as this knows the schema's words: type, enum, const, properties,
/// required, items, minItems, minLength, minimum, anyOf, oneOf, allOf (its first), $ref into the same schema.
///
/// Limits: nesting and size are bounded; beyond the bound values are null. A schema that cannot be read gives "{}".
std::string sample_of_schema(std::string_view schema_json);

}  // namespace eco2::fake
