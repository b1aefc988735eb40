#pragma once

#include "batch/plan/input_reader.hpp"

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::batch {

enum class ItemField { id, photo, image_url, question, user_id, language, label };
inline constexpr std::size_t kItemFields = 7;

/// What an input calls its fields: the user's own names, and the known ones of fields that have none.
class FieldNames {
public:
    explicit FieldNames(const InputReader::Columns& columns);

    std::optional<ItemField> find(std::string_view name) const noexcept;
    /// The user's own name; empty: none.
    const std::string& own(ItemField field) const noexcept { return own_[static_cast<std::size_t>(field)]; }
    /// All names that `find` knows.
    const std::vector<std::string>& known() const noexcept { return known_; }

private:
    std::array<std::string, kItemFields> own_;
    std::vector<std::string> known_;
    std::vector<ItemField> fields_;  // of `known_`
};

/// A row's values by ItemField; nullopt: the row has none.
using ItemTexts = std::array<std::optional<std::string>, kItemFields>;

/// Checks a row and makes an item of it (but `line`). `row`: from 1, for the id of a row without one; `folder`: what photos are
/// relative to. Blocks: looks for the photo. Errors: invalid_field, which does not say the place.
Result<InputItem> make_item(ItemTexts texts, std::int64_t row, const std::filesystem::path& folder);

/// Errors: invalid_field: empty, too long, not UTF-8.
Result<void> check_item_id(std::string_view id);

/// That a photo is there, a regular file that can be read. Blocks. Errors: invalid_field, without its path.
Result<void> check_photo_file(const std::string& path);

/// "INPUT:LINE: " before the error's detail. The code becomes invalid_field, unless it is io_failed.
Error at_line(const std::string& input, std::int64_t line, Error error);

/// `; did you mean "image"? there are id, image, ...`
std::string advice(std::string_view word, const std::vector<std::string>& names);

/// In quotes and not too long, for a message.
std::string shown(std::string_view text);

}  // namespace eco2::batch
