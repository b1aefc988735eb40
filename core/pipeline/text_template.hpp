#pragma once

#include "pipeline/run_values.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace eco2 {

/// A prompt with places: `{{text PATH}}` puts a string as it is, `{{json PATH}}` puts JSON.
///
/// Thread-safety: any thread once compiled.
class TextTemplate {
public:
    /// Errors: config_invalid (unclosed place, unknown verb or path).
    static Result<TextTemplate> compile(std::string_view text, const std::vector<std::string>& stages);

    std::string render(const RunValues& values) const;

private:
    enum class Verb { literal, text, json };
    struct Piece {
        Verb verb = Verb::literal;
        std::string literal;
        ValuePath path;
    };
    std::vector<Piece> pieces_;
};

/// Fills a prompt's `{{outline data.NAME}}` and `{{json data.NAME}}` places, once, when the pipeline is loaded.
///
/// outline: JSON as an indented list, one line a key: cheap to read for a model and in tokens.
/// Errors:  config_invalid (unclosed place, unknown verb or name).
Result<std::string> render_data(std::string_view text, const std::map<std::string, std::string, std::less<>>& data);

}  // namespace eco2
