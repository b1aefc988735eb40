#include "base/io_thread.hpp"
#include "base/text.hpp"
#include "batch/limits.hpp"
#include "batch/plan/input_forms.hpp"
#include "batch/plan/item_fields.hpp"

#include <system_error>

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace eco2::batch {
namespace {

namespace fs = std::filesystem;

/// Names in one piece of memory: a million of them cost little more than their bytes.
class NameList {
public:
    void add(std::string_view name) {
        starts_.push_back(names_.size());
        names_ += name;
        names_ += '\0';
    }
    void sort() {
        std::sort(starts_.begin(), starts_.end(), [&](std::size_t left, std::size_t right) {
            return std::strcmp(names_.data() + left, names_.data() + right) < 0;
        });
    }
    const char* at(std::size_t i) const noexcept { return names_.data() + starts_[i]; }
    std::size_t size() const noexcept { return starts_.size(); }

private:
    std::string names_;
    std::vector<std::size_t> starts_;
};

/// Finds photos below a fixed folder, by one pattern for each step down.
class PhotoSearch {
public:
    explicit PhotoSearch(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {}

    Result<void> run(const fs::path& folder) { return walk(folder, {}, 0); }

    NameList photos;  // relative to the folder
    std::int64_t left_out = 0;
    std::int64_t folders = 0;  // passed over on the last step

private:
    Result<void> walk(const fs::path& folder, const std::string& name, std::size_t step);
    Result<void> add(const std::string& name);

    const std::vector<std::string> patterns_;
};

Result<void> PhotoSearch::walk(const fs::path& folder, const std::string& name, std::size_t step) {
    std::error_code ec;
    fs::directory_iterator entries(folder, ec);
    const fs::directory_iterator end;
    for (; !ec && entries != end; entries.increment(ec)) {
        const auto own = entries->path().filename().string();
        if (::fnmatch(patterns_[step].c_str(), own.c_str(), 0) != 0) {
            continue;
        }
        std::error_code no_folder;
        const bool is_folder = entries->is_directory(no_folder);
        const bool is_hidden = own.starts_with('.');
        if (step + 1 == patterns_.size()) {
            const bool is_photo = !is_folder && !is_hidden && is_photo_name(own);
            folders += is_folder ? 1 : 0;
            left_out += !is_folder && !is_photo ? 1 : 0;
            if (auto added = is_photo ? add(name + own) : Result<void>(); !added) {
                return added;
            }
        } else if (is_folder && !is_hidden) {
            if (auto walked = walk(entries->path(), name + own + "/", step + 1); !walked) {
                return walked;
            }
        }
    }
    if (ec) {
        return fail(Errc::io_failed, "cannot read the folder " + folder.string() + ": " + ec.message());
    }
    return {};
}

Result<void> PhotoSearch::add(const std::string& name) {
    photos.add(name);
    if (photos.size() > static_cast<std::size_t>(limits::kBatchItemsMax)) {
        return fail(
            Errc::invalid_field,
            "there are more than the " + std::to_string(limits::kBatchItemsMax) + " photos that a job may have; split them");
    }
    return {};
}

class PhotoInput final : public InputReader {
public:
    PhotoInput(fs::path folder, NameList photos, std::int64_t left_out)
        : folder_(std::move(folder)), photos_(std::move(photos)), left_out_(left_out) {}

    InputKind kind() const noexcept override { return InputKind::photos; }
    std::int64_t done() const noexcept override { return static_cast<std::int64_t>(place_); }
    std::int64_t total() const noexcept override { return static_cast<std::int64_t>(photos_.size()); }
    std::int64_t left_out() const noexcept override { return left_out_; }
    Result<std::optional<InputItem>> next() override;

private:
    const fs::path folder_;
    const NameList photos_;
    const std::int64_t left_out_;
    std::size_t place_ = 0;
};

Result<std::optional<InputItem>> PhotoInput::next() {
    assert_may_block();
    if (place_ == photos_.size()) {
        return std::optional<InputItem>();
    }
    InputItem item;
    item.id = photos_.at(place_++);
    item.line = static_cast<std::int64_t>(place_);
    item.photo = (folder_ / item.id).string();
    if (auto checked = check_item_id(item.id); !checked) {
        return fail(Errc::invalid_field, json_quote(item.photo) + ": its name makes its id: " + checked.error().detail);
    }
    if (auto checked = check_photo_file(item.photo); !checked) {
        return fail(Errc::invalid_field, item.photo + ": the photo " + checked.error().detail);
    }
    return std::optional(std::move(item));
}

/// A glob's fixed folder, and its patterns.
std::pair<fs::path, std::vector<std::string>> split_glob(const std::string& glob) {
    fs::path folder;
    std::vector<std::string> patterns;
    for (const auto& part : fs::path(glob)) {
        if (patterns.empty() && !is_glob(part.string())) {
            folder /= part;
        } else if (!part.empty()) {
            patterns.push_back(part.string());
        }
    }
    return {folder.empty() ? fs::path(".") : folder, std::move(patterns)};
}

}  // namespace

bool is_glob(const std::string& path) noexcept {
    return path.find_first_of("*?[") != std::string::npos;
}

bool is_photo_name(const std::string& name) {
    constexpr std::array<std::string_view, 4> kEndings{".jpg", ".jpeg", ".png", ".webp"};
    const auto ending = to_lower_ascii(fs::path(name).extension().string());
    return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

Result<std::unique_ptr<InputReader>> open_photos(const std::string& input) {
    assert_may_block();
    std::error_code ec;
    const auto status = fs::status(input, ec);
    auto folder = fs::path(input);
    std::vector<std::string> patterns{"*"};
    if (!fs::exists(status)) {
        if (input.find("**") != std::string::npos) {
            return fail(Errc::invalid_field, "** is not known in " + input + "; write a * for each folder: photos/*/*.jpg");
        }
        std::tie(folder, patterns) = split_glob(input);
    } else if (!fs::is_directory(status)) {
        NameList photo;
        photo.add(folder.filename().string());
        return std::make_unique<PhotoInput>(fs::absolute(folder, ec).lexically_normal().parent_path(), std::move(photo), 0);
    }
    PhotoSearch search(std::move(patterns));
    if (auto found = search.run(folder); !found) {
        return found.error();
    }
    if (search.photos.size() == 0) {
        return fail(Errc::invalid_field,
                    "no photo is in " + input + " (jpg, jpeg, png, webp)" +
                        (search.folders == 0 ? "" : "; its folders are not read: give \"" + (folder / "*/*").string() + "\""));
    }
    search.photos.sort();
    return std::make_unique<PhotoInput>(fs::absolute(folder, ec).lexically_normal(), std::move(search.photos), search.left_out);
}

}  // namespace eco2::batch
