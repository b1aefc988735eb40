#pragma once

#include "base/result.hpp"

#include <memory>
#include <string_view>

namespace eco2 {

/// A compiled JSON Schema (draft 4, without remote references).
///
/// Thread-safety: any thread; a check keeps its state to itself.
/// Source:        RapidJSON's validator, seen only by json_schema.cpp. valijson was left out: its Debian package pulls Qt.
class JsonSchema {
public:
    virtual ~JsonSchema() = default;

    /// Errors: config_invalid (the text is not a JSON Schema), with the offset.
    static Result<std::shared_ptr<const JsonSchema>> compile(std::string_view schema);

    /// Errors: invalid_json (not JSON, or deeper than limits::kJsonDepthMax), invalid_field (with the place as a JSON pointer
    /// and the keyword that does not hold).
    virtual Result<void> check(std::string_view json) const = 0;
};

}  // namespace eco2
