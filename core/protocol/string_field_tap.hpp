#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace eco2 {

/// Takes the text of one top-level string field out of a JSON object while the object is still arriving.
///
/// Input may be cut at any byte, also inside an escape or a UTF-8 sequence; what comes out is whole UTF-8 characters in order.
/// Text that turns out not to be JSON silences the tap: whoever reads the whole text later reports the fault.
///
/// Thread-safety: none; one tap belongs to one stream.
class StringFieldTap {
public:
    explicit StringFieldTap(std::string field);
    ~StringFieldTap();
    StringFieldTap(StringFieldTap&&) noexcept;
    StringFieldTap& operator=(StringFieldTap&&) noexcept;

    /// Appends to `out` what `chunk` adds to the field's text.
    void feed(std::string_view chunk, std::string& out);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace eco2
