#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eco2::observe {

/// Takes secrets out of text that is about to be shown: the values it was told, and what looks like a secret (`Bearer ...`,
/// `sk-...`, `AIza...`, `://user:password@`).
///
/// Thread-safety: add before others use it; redact from any thread.
/// Limits:        values shorter than limits::kSecretBytesMin are not looked for.
class Redactor {
public:
    /// The value, also as it looks inside a JSON string and in a URL.
    void add(std::string_view secret);

    std::string redact(std::string_view text) const;

private:
    void add_spelling(std::string spelling);

    std::vector<std::string> secrets_;  // longest first, so that one that contains another goes whole
};

}  // namespace eco2::observe
