#pragma once

#include "base/result.hpp"

#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eco2 {

/// Where a value of a run stands: "input.question", "vision", "vision.classification.major_category".
struct ValuePath {
    static constexpr int kInput = -1;

    int stage = kInput;             // index, or kInput
    std::vector<std::string> keys;  // below it

    /// Errors: config_invalid (unknown first word; `stages` are the names that may stand there).
    static Result<ValuePath> parse(std::string_view text, const std::vector<std::string>& stages);
};

/// A finished stage's output: JSON text, parsed when somebody looks inside.
class StageOutput {
public:
    StageOutput() = default;  // null: the stage had nothing to give
    explicit StageOutput(std::string json) : json_(std::move(json)) {}
    StageOutput(std::string json, boost::json::value value) : json_(std::move(json)), value_(std::move(value)) {}

    bool is_null() const noexcept { return json_.empty(); }
    std::string_view json() const noexcept { return is_null() ? std::string_view("null") : std::string_view(json_); }
    /// Lifetime: as the output. A text that is not JSON reads as null.
    const boost::json::value& value() const;
    /// Keeps the text alone, for a long wait; it is parsed again when somebody looks.
    void drop_parsed() noexcept { value_.reset(); }

private:
    std::string json_;
    mutable std::optional<boost::json::value> value_;
};

/// What a run knows: its input and the outputs of the stages so far. Thread-safety: none; belongs to its run.
struct RunValues {
    boost::json::value input;          // {"question": ...}
    std::vector<StageOutput> outputs;  // of the stages that have ended

    /// Null for a stage that has not ended.
    const StageOutput& output(int stage) const;
    /// Null: nothing stands there. Lifetime: until an output changes.
    const boost::json::value* find(const ValuePath& path) const;
    /// The value as JSON text; "null" where nothing stands. A whole output is given as it came, not parsed.
    std::string json(const ValuePath& path) const;
    /// Whether something other than null stands there.
    bool has(const ValuePath& path) const;
};

}  // namespace eco2
