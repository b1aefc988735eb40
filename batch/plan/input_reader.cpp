#include "batch/plan/input_reader.hpp"

#include "base/io_thread.hpp"
#include "base/text.hpp"
#include "batch/plan/input_forms.hpp"
#include "batch/plan/item_fields.hpp"

#include <system_error>

namespace eco2::batch {
namespace {

std::string advice_for(const std::string& ending) {
    if (ending == ".json") {
        return "write one object a line, and call the file .jsonl";
    }
    if (ending == ".gz" || ending == ".zip" || ending == ".zst" || ending == ".xz") {
        return "unpack it first";
    }
    if (ending == ".xlsx" || ending == ".xls" || ending == ".ods" || ending == ".tsv") {
        return "save it as CSV with commas";
    }
    return "give a folder of photos, a photo, a .csv or a .jsonl";
}

}  // namespace

Result<std::unique_ptr<InputReader>> InputReader::open(const std::string& input, const Columns& columns) {
    assert_may_block();
    std::error_code ec;
    const auto status = std::filesystem::status(input, ec);
    if (!std::filesystem::exists(status)) {
        if (is_glob(input)) {
            return open_photos(input);
        }
        return fail(Errc::invalid_field, input + " is not there; give a folder of photos, a photo, a glob, a .csv or a .jsonl");
    }
    if (std::filesystem::is_directory(status)) {
        return open_photos(input);
    }
    const auto ending = to_lower_ascii(std::filesystem::path(input).extension().string());
    if (ending == ".csv") {
        return open_csv(input, columns);
    }
    if (ending == ".jsonl" || ending == ".ndjson") {
        return open_jsonl(input, columns);
    }
    if (is_photo_name(input)) {
        return open_photos(input);
    }
    return fail(Errc::invalid_field, input + " cannot be read as an input; " + advice_for(ending));
}

}  // namespace eco2::batch
