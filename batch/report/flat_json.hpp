#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace eco2::batch {

/// Calls `leaf` for each value of a JSON text that is not an object with something in it, in the text's order.
///
/// `name`: of `root` "result", the value's way: "result.rule.category"; a dot or backslash of a key's own has a backslash
/// before it. `value`: its text as it stands there; of lists too, which are not walked into.
///
/// The text is believed to be JSON. Cost: linear, times the depth.
void for_each_leaf(std::string_view json,
                   const std::string& root,
                   const std::function<void(const std::string& name, std::string_view value)>& leaf);

/// What a JSON string says; other values as they stand there.
std::string text_of_json(std::string_view json);

/// One cell of a CSV: RFC 4180, and safe to open in a spreadsheet. A text that begins with one of = + - @ TAB CR would be taken
/// for a formula there: it gets an apostrophe in front. `is_number`: it is as it is.
void append_csv_cell(std::string& out, std::string_view text, bool is_number = false);

}  // namespace eco2::batch
