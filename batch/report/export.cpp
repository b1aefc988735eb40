#include "batch/report/export.hpp"

#include "base/assert.hpp"
#include "base/io_thread.hpp"
#include "base/text.hpp"
#include "batch/limits.hpp"
#include "batch/plan/line_reader.hpp"
#include "batch/report/flat_json.hpp"
#include "batch/report/report_text.hpp"
#include "protocol/json_members.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <sys/file.h>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <unordered_map>
#include <utility>

namespace eco2::batch {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::array<std::string_view, 3> kStatusNames{"done", "failed", "cancelled"};

/// An upstream's words may hold any bytes.
std::string clean(const std::string& text) {
    std::string out = text;
    if (!is_valid_utf8(out)) {
        std::replace_if(
            out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
    }
    return out;
}

/// The value on one line. Between tokens a line end is as good as a space, and inside strings JSON has none.
Result<std::string> one_line(const ResultRow& row) {
    json::error_code ec;
    json::parse_options options;
    options.max_depth = limits::kBatchResultJsonDepthMax;
    json::monotonic_resource memory;
    json::parse(row.result_json, ec, &memory, options);
    if (ec) {
        return fail(Errc::internal, "the result of item " + json_quote(shorten(row.id, 80)) + " is not JSON: " + ec.message());
    }
    std::string out(trim(row.result_json));
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return out;
}

std::string lineage_of(const LineageStage& stage) {
    const auto text_or_null = [](const std::string& text) {
        return text.empty() ? std::string("null") : json_quote(clean(text));
    };
    return "{\"stage\":" + json_quote(stage.stage) + ",\"shard\":" + text_or_null(stage.shard) +
           ",\"attempt\":" + std::to_string(stage.attempt) + ",\"request_id\":" + text_or_null(stage.request_id) +
           ",\"model\":" + text_or_null(stage.model) + ",\"price_version\":" + text_or_null(stage.price_version) +
           ",\"input_tokens\":" + std::to_string(stage.input_tokens) +
           ",\"output_tokens\":" + std::to_string(stage.output_tokens) + ",\"cost_usd\":" + usd_text(stage.cost_picousd) +
           ",\"is_cached\":" + (stage.is_cached ? "true" : "false") + "}";
}

/// The CSV's columns that come out of results, in the order in which they were first seen.
class Columns {
public:
    void see(const std::string& name) {
        if (places_.contains(name)) {
            return;
        }
        if (names_.size() == limits::kBatchCsvColumnsMax || name.size() > limits::kBatchCsvColumnBytesMax) {
            has_more_ = true;
            return;
        }
        places_.emplace(name, names_.size());
        names_.push_back(name);
    }
    std::optional<std::size_t> place(const std::string& name) const {
        const auto found = places_.find(name);
        return found == places_.end() ? std::nullopt : std::optional(found->second);
    }
    const std::vector<std::string>& names() const noexcept { return names_; }
    /// Some values have no column.
    bool has_more() const noexcept { return has_more_; }

private:
    std::vector<std::string> names_;
    std::unordered_map<std::string, std::size_t> places_;
    bool has_more_ = false;
};

/// A folder that one writer at a time has.
class LockedFolder {
public:
    static Result<LockedFolder> open(const fs::path& folder, FileCalls& calls) {
        std::error_code ec;
        const bool is_new = fs::create_directories(folder, ec);
        const int fd = ec ? -1 : ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
            return fail(Errc::io_failed,
                        "cannot use " + folder.string() + ": " + (ec ? ec.message() : std::generic_category().message(errno)));
        }
        LockedFolder made(fd, folder, calls);
        // Some network file systems know no locks; there the one writer is a promise.
        if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
            return fail(Errc::io_failed, "another export is being written into " + folder.string() + "; wait for its end");
        }
        if (is_new) {
            const auto parent =
                LockedFolder(::open((folder / "..").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), folder, calls);
            if (auto synced = parent.sync(); !synced) {
                return synced.error();
            }
        }
        return made;
    }

    LockedFolder(LockedFolder&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), calls_(other.calls_) {}
    LockedFolder& operator=(LockedFolder&&) = delete;
    ~LockedFolder() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }

    Result<void> sync() const {
        if (calls_->sync(fd_) != 0) {
            return fail(Errc::io_failed,
                        "cannot make " + path_.string() + " durable: " + std::generic_category().message(errno));
        }
        return {};
    }
    const fs::path& path() const noexcept { return path_; }

private:
    LockedFolder(int fd, fs::path path, FileCalls& calls) : fd_(fd), path_(std::move(path)), calls_(&calls) {}

    int fd_;
    fs::path path_;
    FileCalls* calls_;
};

}  // namespace

class ResultWriter::Impl {
public:
    Impl(LockedFolder folder, OutputFile results, OutputFile lineage, Form form, FileCalls& calls)
        : folder_(std::move(folder)),
          results_(std::move(results)),
          lineage_(std::move(lineage)),
          key_(form == Form::result ? "result" : "response"),
          calls_(calls) {}

    Result<void> add(const ResultRow& row, std::span<const LineageStage> stages);
    Result<std::vector<ExportedFile>> commit(const ExportManifest& manifest);

private:
    Result<void> write_csv(OutputFile& csv);
    void append_head(std::string& out) const;
    void append_row(std::string& out, std::string_view line) const;
    std::string manifest_text(const ExportManifest& manifest, const std::vector<ExportedFile>& files) const;

    const LockedFolder folder_;
    OutputFile results_;
    OutputFile lineage_;
    const std::string key_;
    FileCalls& calls_;
    Columns columns_;
    std::array<std::int64_t, kStatusNames.size()> counts_{};
    std::int64_t last_line_ = 0;
    std::size_t line_bytes_max_ = 0;
    bool has_labels_ = false;
    bool is_over_ = false;
};

Result<void> ResultWriter::Impl::add(const ResultRow& row, std::span<const LineageStage> stages) {
    ECO2_ASSERT(!is_over_, "rows come before the commit");
    if (row.line < last_line_) {
        return fail(
            Errc::internal,
            "the result of line " + std::to_string(row.line) + " comes behind that of line " + std::to_string(last_line_));
    }
    const auto status = static_cast<std::size_t>(row.status);
    std::string line = "{\"id\":" + json_quote(row.id) + ",\"status\":\"" + std::string(kStatusNames[status]) + "\"";
    if (!row.label.empty()) {
        line += ",\"label\":" + json_quote(row.label);
    }
    if (!row.result_json.empty()) {
        const auto result = one_line(row);
        if (!result) {
            return result.error();
        }
        line += ",\"" + key_ + "\":" + *result;
        for_each_leaf(*result, key_, [&](const std::string& name, std::string_view) { columns_.see(name); });
    } else if (row.status == ResultRow::Status::done) {
        line += ",\"" + key_ + "\":null";
    }
    if (!row.error_code.empty()) {
        line += ",\"error\":{\"code\":" + json_quote(clean(row.error_code)) +
                ",\"message\":" + json_quote(clean(row.error_detail)) + "}";
    }
    line += "}\n";
    std::string lineage = "{\"id\":" + json_quote(row.id) + ",\"stages\":[";
    for (const auto& stage : stages) {
        lineage += (&stage == &stages.front() ? "" : ",") + lineage_of(stage);
    }
    lineage += "]}\n";
    has_labels_ = has_labels_ || !row.label.empty();
    last_line_ = row.line;
    line_bytes_max_ = std::max(line_bytes_max_, line.size());
    ++counts_[status];
    auto written = results_.write(line);
    return written ? lineage_.write(lineage) : written;
}

void ResultWriter::Impl::append_head(std::string& out) const {
    out += "id,status,error_code,error_message";
    out += has_labels_ ? ",label" : "";
    for (const auto& name : columns_.names()) {
        out += ',';
        append_csv_cell(out, name);
    }
    out += columns_.has_more() ? "," + key_ + "_json\n" : "\n";
}

void ResultWriter::Impl::append_row(std::string& out, std::string_view line) const {
    const auto add_text = [&](std::string_view value) { append_csv_cell(out, text_of_json(value)); };
    const auto error = json_member(line, "error");
    add_text(json_member(line, "id"));
    out += ',';
    add_text(json_member(line, "status"));
    out += ',';
    add_text(json_member(error, "code"));
    out += ',';
    add_text(json_member(error, "message"));
    if (has_labels_) {
        out += ',';
        add_text(json_member(line, "label"));
    }
    const auto result = json_member(line, key_);
    std::vector<std::string_view> cells(columns_.names().size());
    bool has_more = false;
    if (!result.empty()) {
        for_each_leaf(result, key_, [&](const std::string& name, std::string_view value) {
            const auto place = columns_.place(name);
            has_more = has_more || !place;
            if (place) {
                cells[*place] = value;
            }
        });
    }
    for (const auto cell : cells) {
        out += ',';
        const bool is_text = cell.starts_with('"') || cell.starts_with('[') || cell.starts_with('{');
        append_csv_cell(out, cell == "null" ? "" : text_of_json(cell), !is_text);
    }
    if (columns_.has_more()) {
        out += ',';
        append_csv_cell(out, has_more ? result : std::string_view());
    }
    out += '\n';
}

Result<void> ResultWriter::Impl::write_csv(OutputFile& csv) {
    auto lines = LineReader::open(results_.temporary_path(), line_bytes_max_);
    if (!lines) {
        return lines.error();
    }
    std::string text;
    append_head(text);
    for (;;) {
        if (auto written = csv.write(text); !written) {
            return written;
        }
        const auto line = lines->next();
        if (!line) {
            return fail(Errc::io_failed, results_.temporary_path() + ": " + line.error().detail);
        }
        if (!*line) {
            return {};
        }
        text.clear();
        append_row(text, **line);
    }
}

std::string ResultWriter::Impl::manifest_text(const ExportManifest& manifest, const std::vector<ExportedFile>& files) const {
    std::string out = "{\n  \"format\": \"eco2.batch.export/1\",\n  \"job\": " + json_quote(manifest.job);
    out += ",\n  \"input\": {\"path\": " + json_quote(clean(manifest.input));
    out += ", \"fingerprint\": " + json_quote(manifest.fingerprint) + "}";
    out += ",\n  \"counts\": {\"items\": " + std::to_string(counts_[0] + counts_[1] + counts_[2]);
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        out += ", \"" + std::string(kStatusNames[i]) + "\": " + std::to_string(counts_[i]);
    }
    out += "},\n  \"files\": [";
    for (const auto& file : files) {
        out += (&file == &files.front() ? "\n    " : ",\n    ") + std::string("{\"name\": ") + json_quote(file.name) +
               ", \"bytes\": " + std::to_string(file.bytes) + ", \"sha256\": " + json_quote(file.sha256) + "}";
    }
    const auto& money = manifest.money;
    out += "\n  ],\n  \"price_version\": " + json_quote(manifest.price_version);
    out += ",\n  \"money_usd\": {\"estimated\": " + usd_text(money.estimated) + ", \"reserved\": " + usd_text(money.reserved);
    out += ", \"booked\": " + usd_text(money.booked) + ", \"synchronous\": " + usd_text(money.synchronous);
    out += ", \"unexplained\": " + usd_text(money.unexplained);
    out += ", \"cap\": " + (money.cap == 0 ? "null" : usd_text(money.cap)) + "},\n  \"shards\": [";
    for (const auto& shard : manifest.shards) {
        out += (&shard == &manifest.shards.front() ? "\n    " : ",\n    ") + shard;
    }
    return out + (manifest.shards.empty() ? "]\n}\n" : "\n  ]\n}\n");
}

Result<std::vector<ExportedFile>> ResultWriter::Impl::commit(const ExportManifest& manifest) {
    ECO2_ASSERT(!is_over_, "there is one commit");
    is_over_ = true;
    auto csv = OutputFile::create(calls_, folder_.path(), "results.csv");
    auto about = csv ? OutputFile::create(calls_, folder_.path(), "manifest.json") : csv.error();
    if (!about) {
        return about.error();
    }
    std::vector<ExportedFile> files;
    const auto finish = [&files](OutputFile& file) {
        auto finished = file.finish();
        files.push_back({file.name(), file.bytes(), file.sha256()});
        return finished;
    };
    // Everything is on the disk before the first rename, and every other name before the manifest's.
    auto step = finish(results_);
    step = step ? write_csv(*csv) : step;
    step = step ? finish(*csv) : step;
    step = step ? finish(lineage_) : step;
    step = step ? about->write(manifest_text(manifest, files)) : step;
    step = step ? finish(*about) : step;
    for (auto* file : {&results_, &*csv, &lineage_}) {
        step = step ? file->publish() : step;
    }
    step = step ? folder_.sync() : step;
    step = step ? about->publish() : step;
    step = step ? folder_.sync() : step;
    return step ? Result<std::vector<ExportedFile>>(std::move(files)) : step.error();
}

ResultWriter::ResultWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ResultWriter::~ResultWriter() = default;

Result<std::unique_ptr<ResultWriter>> ResultWriter::open(const fs::path& folder, Form form, FileCalls& calls) {
    assert_may_block();
    auto locked = LockedFolder::open(folder, calls);
    if (!locked) {
        return locked.error();
    }
    if (auto removed = remove_leftovers(folder); !removed) {
        return removed.error();
    }
    auto results = OutputFile::create(calls, folder, "results.jsonl");
    auto lineage = results ? OutputFile::create(calls, folder, "lineage.jsonl") : results.error();
    if (!lineage) {
        return lineage.error();
    }
    return std::unique_ptr<ResultWriter>(
        new ResultWriter(std::make_unique<Impl>(std::move(*locked), std::move(*results), std::move(*lineage), form, calls)));
}

Result<void> ResultWriter::add(const ResultRow& row, std::span<const LineageStage> stages) {
    return impl_->add(row, stages);
}

Result<std::vector<ExportedFile>> ResultWriter::commit(const ExportManifest& manifest) {
    assert_may_block();
    return impl_->commit(manifest);
}

}  // namespace eco2::batch
