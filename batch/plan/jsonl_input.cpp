#include "base/io_thread.hpp"
#include "base/limits.hpp"
#include "base/text.hpp"
#include "batch/limits.hpp"
#include "batch/plan/input_forms.hpp"
#include "batch/plan/item_fields.hpp"
#include "batch/plan/json_line.hpp"
#include "batch/plan/line_reader.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <system_error>

#include <utility>

namespace eco2::batch {
namespace {

namespace json = boost::json;

class JsonlInput final : public InputReader {
public:
    JsonlInput(std::string input, LineReader lines, const Columns& columns)
        : input_(std::move(input)), names_(columns), lines_(std::move(lines)) {
        std::error_code ec;
        folder_ = std::filesystem::absolute(input_, ec).parent_path();
    }

    InputKind kind() const noexcept override { return InputKind::jsonl; }
    std::int64_t done() const noexcept override { return lines_.done(); }
    std::int64_t total() const noexcept override { return lines_.total(); }
    Result<std::optional<InputItem>> next() override;

private:
    Result<InputItem> read_row(std::string_view line);

    const std::string input_;
    const FieldNames names_;
    std::filesystem::path folder_;
    LineReader lines_;
    std::int64_t row_ = 0;
};

Result<std::string> text_of(const json::value& value, std::string_view key, ItemField field) {
    if (const auto* text = value.if_string()) {
        return std::string(*text);
    }
    if (field == ItemField::id && value.is_int64()) {
        return std::to_string(value.get_int64());
    }
    if (field == ItemField::id && value.is_uint64()) {
        return std::to_string(value.get_uint64());
    }
    return fail(Errc::invalid_field,
                shown(key) + " must be a text" + (field == ItemField::id ? " or a whole number" : "") + ", it is " +
                    std::string(kind_of(value)));
}

Result<InputItem> JsonlInput::read_row(std::string_view line) {
    json::monotonic_resource memory;
    const auto object = read_json_line(line, limits::kJsonDepthMax, &memory);
    if (!object) {
        return object.error();
    }
    ItemTexts texts;
    for (const auto& [key, value] : *object) {
        const auto field = names_.find(key);
        if (!field) {
            return fail(Errc::invalid_field, "the key " + shown(key) + " is not known" + advice(key, names_.known()));
        }
        if (value.is_null()) {
            continue;
        }
        auto& text = texts[static_cast<std::size_t>(*field)];
        if (text) {
            return fail(Errc::invalid_field, "two keys mean the same, " + shown(key) + " is the second; leave one out");
        }
        auto read = text_of(value, key, *field);
        if (!read) {
            return read.error();
        }
        text = std::move(*read);
    }
    return make_item(std::move(texts), row_, folder_);
}

Result<std::optional<InputItem>> JsonlInput::next() {
    assert_may_block();
    for (;;) {
        const auto line = lines_.next();
        if (line && !*line) {
            return std::optional<InputItem>();
        }
        if (line && trim(**line).empty()) {
            continue;
        }
        ++row_;
        auto item = line ? read_row(**line) : Result<InputItem>(line.error());
        if (!item) {
            return at_line(input_, lines_.line(), item.error());
        }
        item->line = lines_.line();
        return std::optional(std::move(*item));
    }
}

/// A line of requests has keys that no item has.
bool is_request(std::string_view line, const FieldNames& names) {
    json::monotonic_resource memory;
    const auto object = read_json_line(line, limits::kChatJsonDepthMax, &memory);
    const auto has = [&](std::string_view key) { return object->contains(key) && !names.find(key); };
    return object && (has("custom_id") || has("body"));
}

}  // namespace

Result<std::unique_ptr<InputReader>> open_jsonl(const std::string& input, const InputReader::Columns& columns) {
    auto lines = LineReader::open(input, limits::kBatchLineBytesMax);
    if (!lines) {
        return lines.error();
    }
    for (;;) {
        const auto line = lines->next();
        if (!line && line.error().code == Errc::io_failed) {
            return line.error();
        }
        if (line && !*line) {
            return fail(Errc::invalid_field, input + " is empty; write one JSON object a line");
        }
        if (line && trim(**line).empty()) {
            continue;
        }
        if (line && is_request(**line, FieldNames(columns))) {
            return open_requests(input);
        }
        auto again = LineReader::open(input, limits::kBatchLineBytesMax);
        if (!again) {
            return again.error();
        }
        return std::make_unique<JsonlInput>(input, std::move(*again), columns);
    }
}

}  // namespace eco2::batch
