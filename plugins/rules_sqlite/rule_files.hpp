#pragma once

#include "rules_sqlite/result.hpp"
#include "rules_sqlite/rule_table.hpp"

#include <cstddef>
#include <filesystem>
#include <string_view>
#include <vector>

namespace rules_sqlite {

/// Far above any real set (18 files of 2 KB); they keep a wrong directory from filling the memory.
inline constexpr std::size_t kRuleBytesMax = 256 * 1024;
inline constexpr std::size_t kRulesMax = 10'000;
inline constexpr std::size_t kRuleSetBytesMax = 64 * 1024 * 1024;

/// Reads every `*.json` of a directory (not of its subfolders) as a rule, sorted by file name: `A_B.json` is category A and key
/// B, `A.json` category A alone. Only the first underscore divides. The name counts, not what the file calls itself.
/// Blocks: for the disk.
/// Errors: `bad_rule_file` with name and reason, if any file is no UTF-8 JSON object, lacks a text `category` or is too large,
/// or its name has no category or key; `bad_rule_directory` if it cannot be listed, has no rule file or too many.
Result<std::vector<Rule>> read_rule_directory(const std::filesystem::path& directory);

/// One file of such a directory: its name without ".json", and its bytes. The body comes back minified, keys in their order.
Result<Rule> parse_rule(std::string_view stem, std::string_view bytes);

}  // namespace rules_sqlite
