#include "base/io_thread.hpp"
#include "base/text.hpp"
#include "batch/limits.hpp"
#include "batch/plan/csv.hpp"
#include "batch/plan/input_forms.hpp"
#include "batch/plan/item_fields.hpp"

#include <system_error>

#include <algorithm>
#include <utility>

namespace eco2::batch {
namespace {

/// A CSV's columns, as its head line has them.
struct Head {
    std::vector<std::optional<ItemField>> fields;  // by column; nullopt: ignored
    std::vector<std::string> ignored;

    bool has(ItemField field) const { return std::find(fields.begin(), fields.end(), std::optional(field)) != fields.end(); }
};

/// An excuse for a head line without commas: many programs write others.
std::string separator_advice(const std::vector<std::string>& names) {
    for (const char separator : {';', '\t', '|'}) {
        if (names.size() == 1 && names.front().find(separator) != std::string::npos) {
            return "; its columns are not separated by commas: save it so that they are";
        }
    }
    return {};
}

Result<Head> read_head(const std::vector<std::string>& given, const FieldNames& names) {
    Head head;
    std::vector<std::string> seen;
    for (const auto& column : given) {
        std::string name(trim(column));
        auto field = names.find(name);
        field = field ? field : names.find(to_lower_ascii(name));
        if (field && head.has(*field)) {
            return fail(Errc::invalid_field,
                        "two columns mean the same, " + shown(name) + " is the second; rename one of them");
        }
        head.fields.push_back(field);
        seen.push_back(name);
        if (!field) {
            head.ignored.push_back(std::move(name));
        }
    }
    for (std::size_t i = 0; i < kItemFields; ++i) {
        const auto& own = names.own(static_cast<ItemField>(i));
        if (!own.empty() && !head.has(static_cast<ItemField>(i))) {
            return fail(Errc::invalid_field, "no column is called " + shown(own) + advice(own, seen) + separator_advice(seen));
        }
    }
    if (!head.has(ItemField::photo) && !head.has(ItemField::image_url) && !head.has(ItemField::question)) {
        const auto& word = head.ignored.empty() ? seen.front() : head.ignored.front();
        return fail(
            Errc::invalid_field,
            "the first line must name the columns, and one of them a photo, an image_url or a question; it begins with " +
                shown(word) + (separator_advice(seen).empty() ? advice(word, names.known()) : separator_advice(seen)));
    }
    return head;
}

class CsvInput final : public InputReader {
public:
    CsvInput(std::string input, CsvReader rows, Head head)
        : input_(std::move(input)), rows_(std::move(rows)), head_(std::move(head)) {
        std::error_code ec;
        folder_ = std::filesystem::absolute(input_, ec).parent_path();
    }

    InputKind kind() const noexcept override { return InputKind::csv; }
    std::int64_t done() const noexcept override { return rows_.done(); }
    std::int64_t total() const noexcept override { return rows_.total(); }
    std::vector<std::string> ignored_columns() const override { return head_.ignored; }
    Result<std::optional<InputItem>> next() override;

private:
    Result<InputItem> read_row();

    const std::string input_;
    std::filesystem::path folder_;
    CsvReader rows_;
    const Head head_;
    std::vector<std::string> values_;
    std::int64_t row_ = 0;
};

Result<std::optional<InputItem>> CsvInput::next() {
    assert_may_block();
    const auto read = rows_.next(values_);
    if (read && !*read) {
        return std::optional<InputItem>();
    }
    ++row_;
    auto item = read ? read_row() : Result<InputItem>(read.error());
    if (!item) {
        return at_line(input_, rows_.line(), item.error());
    }
    item->line = rows_.line();
    return std::optional(std::move(*item));
}

Result<InputItem> CsvInput::read_row() {
    if (values_.size() != head_.fields.size()) {
        return fail(Errc::invalid_field,
                    "the row has " + std::to_string(values_.size()) + " fields, the head line " +
                        std::to_string(head_.fields.size()) + "; write a field with a comma in quotes");
    }
    ItemTexts texts;
    for (std::size_t i = 0; i < values_.size(); ++i) {
        if (head_.fields[i]) {
            texts[static_cast<std::size_t>(*head_.fields[i])] = std::move(values_[i]);
        }
    }
    return make_item(std::move(texts), row_, folder_);
}

}  // namespace

Result<std::unique_ptr<InputReader>> open_csv(const std::string& input, const InputReader::Columns& columns) {
    auto rows = CsvReader::open(input, limits::kBatchLineBytesMax);
    if (!rows) {
        return rows.error();
    }
    std::vector<std::string> names;
    const auto read = rows->next(names);
    if (!read) {
        return at_line(input, rows->line(), read.error());
    }
    if (!*read) {
        return fail(Errc::invalid_field, input + " is empty; its first line must name the columns, and rows come below it");
    }
    auto head = read_head(names, FieldNames(columns));
    if (!head) {
        return at_line(input, rows->line(), head.error());
    }
    return std::make_unique<CsvInput>(input, std::move(*rows), std::move(*head));
}

}  // namespace eco2::batch
