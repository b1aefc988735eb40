#include "batch/plan/item_fields.hpp"

#include "base/limits.hpp"
#include "base/nearest.hpp"
#include "base/text.hpp"
#include "batch/limits.hpp"

#include <sys/stat.h>

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace eco2::batch {
namespace {

struct KnownName {
    ItemField field;
    std::string_view name;
};
// The first of a field's names is the one that messages use.
constexpr std::array kKnownNames{KnownName{ItemField::id, "id"},
                                 KnownName{ItemField::photo, "image"},
                                 KnownName{ItemField::photo, "photo"},
                                 KnownName{ItemField::photo, "path"},
                                 KnownName{ItemField::image_url, "image_url"},
                                 KnownName{ItemField::image_url, "url"},
                                 KnownName{ItemField::question, "question"},
                                 KnownName{ItemField::question, "text"},
                                 KnownName{ItemField::question, "user_input"},
                                 KnownName{ItemField::user_id, "user_id"},
                                 KnownName{ItemField::language, "language"},
                                 KnownName{ItemField::label, "label"}};

constexpr std::array<std::string_view, kItemFields> kFieldNames{
    "id", "the photo's path", "image_url", "question", "user_id", "language", "label"};
constexpr std::array<std::size_t, kItemFields> kBytesMax{limits::kBatchItemIdBytesMax,
                                                         4'096,  // as the system has it
                                                         limits::kUrlBytesMax,
                                                         limits::kQuestionBytesMax,
                                                         36,
                                                         limits::kBatchItemIdBytesMax,
                                                         limits::kBatchItemIdBytesMax};

Result<void> check_text(ItemField field, std::string_view text) {
    const std::string name(kFieldNames[static_cast<std::size_t>(field)]);
    const auto bytes_max = kBytesMax[static_cast<std::size_t>(field)];
    if (!is_valid_utf8(text)) {
        return fail(Errc::invalid_field, name + " is not UTF-8");
    }
    if (text.find('\0') != std::string_view::npos) {
        return fail(Errc::invalid_field, name + " has a zero byte in it");
    }
    if (field == ItemField::user_id && !text.empty() && !is_uuid(text)) {
        return fail(Errc::invalid_field,
                    "user_id " + shown(text) + " is not a UUID; leave it empty for a reward that is not granted");
    }
    if (text.size() > bytes_max) {
        return fail(
            Errc::invalid_field,
            name + " has " + std::to_string(text.size()) + " bytes; at most " + std::to_string(bytes_max) + " are allowed");
    }
    return {};
}

Result<void> check_image_url(std::string_view url) {
    constexpr std::string_view kScheme = "https://";
    if (to_lower_ascii(url.substr(0, kScheme.size())) != kScheme || url.size() == kScheme.size()) {
        return fail(Errc::invalid_field, "image_url " + shown(url) + " does not begin with https://, which it must");
    }
    return {};
}

/// `given` as it stands in the input.
Result<std::string> find_photo(const std::string& given, const std::filesystem::path& folder) {
    const auto start = to_lower_ascii(std::string_view(given).substr(0, 8));
    if (start.starts_with("http://") || start.starts_with("https://")) {
        return fail(Errc::invalid_field, "the photo's path " + shown(given) + " is a URL; call the field image_url");
    }
    if (start.starts_with("data:")) {
        return fail(Errc::invalid_field,
                    "the photo is in the input itself (data:...); write it to a file, and the file's path here");
    }
    auto path = (folder / given).lexically_normal().string();
    if (auto checked = check_photo_file(path); !checked) {
        return fail(Errc::invalid_field, "the photo " + shown(given) + " " + checked.error().detail + " (" + path + ")");
    }
    return path;
}

}  // namespace

std::string shown(std::string_view text) {
    constexpr std::size_t kShownBytesMax = 80;
    return json_quote(shorten(text, kShownBytesMax));
}

Error at_line(const std::string& input, std::int64_t line, Error error) {
    error.code = error.code == Errc::io_failed ? Errc::io_failed : Errc::invalid_field;
    error.detail = input + ":" + std::to_string(line) + ": " + error.detail;
    return error;
}

FieldNames::FieldNames(const InputReader::Columns& columns)
    : own_{columns.id, columns.photo, columns.image_url, columns.question, columns.user_id, columns.language, columns.label} {
    for (std::size_t i = 0; i < kItemFields; ++i) {
        if (!own_[i].empty()) {
            known_.push_back(own_[i]);
            fields_.push_back(static_cast<ItemField>(i));
        }
    }
    for (const auto& [field, name] : kKnownNames) {
        if (own(field).empty() && std::find(known_.begin(), known_.end(), name) == known_.end()) {
            known_.emplace_back(name);
            fields_.push_back(field);
        }
    }
}

std::optional<ItemField> FieldNames::find(std::string_view name) const noexcept {
    const auto found = std::find(known_.begin(), known_.end(), name);
    return found == known_.end() ? std::nullopt
                                 : std::optional(fields_[static_cast<std::size_t>(std::distance(known_.begin(), found))]);
}

std::string advice(std::string_view word, const std::vector<std::string>& names) {
    constexpr std::size_t kNamesShownMax = 20;
    const auto near = nearest(word, names);
    std::string out = near.empty() ? "; there are " : "; did you mean " + shown(near) + "? there are ";
    for (std::size_t i = 0; i < std::min(names.size(), kNamesShownMax); ++i) {
        out += (i == 0 ? "" : ", ") + shorten(names[i], 40);
    }
    return out + (names.size() > kNamesShownMax ? ", ..." : "");
}

Result<void> check_item_id(std::string_view id) {
    if (id.empty()) {
        return fail(Errc::invalid_field, "the id is empty; give each item its own, or none of them one");
    }
    return check_text(ItemField::id, id);
}

Result<void> check_photo_file(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        return fail(Errc::invalid_field, "is not there");
    }
    if (!S_ISREG(status.st_mode)) {
        return fail(Errc::invalid_field, "is not a file");
    }
    if (::access(path.c_str(), R_OK) != 0) {
        return fail(Errc::invalid_field, "may not be read by this user");
    }
    return {};
}

Result<InputItem> make_item(ItemTexts texts, std::int64_t row, const std::filesystem::path& folder) {
    for (std::size_t i = 0; i < kItemFields; ++i) {
        const auto field = static_cast<ItemField>(i);
        if (auto checked = texts[i] ? check_text(field, *texts[i]) : Result<void>(); !checked) {
            return checked.error();
        }
    }
    const auto take = [&](ItemField field) { return std::move(texts[static_cast<std::size_t>(field)]).value_or(""); };
    InputItem item;
    const bool has_id = texts[static_cast<std::size_t>(ItemField::id)].has_value();
    item.id = has_id ? take(ItemField::id) : "row-" + std::to_string(row);
    if (auto checked = check_item_id(item.id); !checked) {
        return checked.error();
    }
    const auto photo = take(ItemField::photo);
    item.image_url = take(ItemField::image_url);
    item.question = take(ItemField::question);
    item.user_id = to_lower_ascii(take(ItemField::user_id));
    item.language = take(ItemField::language);
    item.label = take(ItemField::label);
    if (!photo.empty() && !item.image_url.empty()) {
        return fail(Errc::invalid_field, "both a photo and an image_url are given; give one of them");
    }
    if (photo.empty() && item.image_url.empty() && item.question.empty()) {
        return fail(Errc::invalid_field, "there is neither a photo nor an image_url nor a question");
    }
    if (auto checked = item.image_url.empty() ? Result<void>() : check_image_url(item.image_url); !checked) {
        return checked.error();
    }
    if (!photo.empty()) {
        auto path = find_photo(photo, folder);
        if (!path) {
            return path.error();
        }
        item.photo = std::move(*path);
    }
    return item;
}

}  // namespace eco2::batch
