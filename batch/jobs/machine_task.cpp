#include "batch/jobs/machine_task.hpp"

#include "runs/run_record.hpp"

#include <boost/json/parse.hpp>

#include <charconv>
#include <cstdio>
#include <fstream>
#include <sstream>

namespace eco2::batch {
namespace {

std::string member(const boost::json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

Result<RunInput> run_input(
    const ItemRow& item, const JobRow& job, const Pipeline* pipeline, const std::filesystem::path& photos, bool needs_photo) {
    boost::json::error_code ec;
    const auto parsed = boost::json::parse(item.input, ec);
    const auto* object = ec ? nullptr : parsed.if_object();
    if (object == nullptr) {
        return fail(Errc::store_failed, "the record of item \"" + item.id + "\" is damaged");
    }
    RunInput input;
    input.question = member(*object, pipeline == nullptr ? "body" : "question");
    input.user_id = member(*object, "user_id");
    input.language = member(*object, "language");
    input.model = job.model;
    input.caller = "batch";
    if (pipeline != nullptr) {
        const auto& definition = pipeline->definition();
        input.language = pipeline->language(input.language.empty() ? job.language : input.language);
        if (input.question.empty()) {
            const auto found = definition.default_question.find(input.language);
            input.question = found == definition.default_question.end() ? std::string() : found->second;
        }
    }
    if (auto url = member(*object, "image_url"); !url.empty()) {
        input.image_url = std::make_shared<const std::string>(std::move(url));
    }
    if (!item.photo.empty() && needs_photo) {
        std::ifstream in(photos / (item.photo + ".jpg"), std::ios::binary);
        std::ostringstream bytes;
        bytes << in.rdbuf();
        if (!in || bytes.view().empty()) {
            return fail(Errc::io_failed, "the cleaned photo of item \"" + item.id + "\" is gone from " + photos.string());
        }
        input.image_bytes = std::make_shared<const std::string>(std::move(bytes).str());
        input.image_mime = "image/jpeg";
        input.image_sha256 = item.photo;
    }
    return input;
}

Result<std::vector<FinishedStage>> finished_stages(const ItemRow& item, const Pipeline* pipeline) {
    std::vector<FinishedStage> finished;
    std::string_view left = item.checkpoints;
    while (!left.empty() && pipeline != nullptr) {
        const auto end = left.find('\n');
        const auto index = finished.size();
        if (index >= pipeline->stages().size()) {
            return fail(Errc::store_failed, "item \"" + item.id + "\" has more stages behind it than its pipeline has");
        }
        auto read = read_checkpoint_record(left.substr(0, end), pipeline->stages()[index].definition.name);
        if (!read) {
            return read.error();
        }
        finished.push_back(std::move(read.value()));
        left = end == std::string_view::npos ? std::string_view() : left.substr(end + 1);
    }
    return finished;
}

std::string checkpoints_of(const std::vector<FinishedStage>& finished, const Pipeline* pipeline) {
    std::string out;
    for (std::size_t i = 0; i < finished.size() && pipeline != nullptr; ++i) {
        out += (out.empty() ? "" : "\n") + checkpoint_record(pipeline->stages()[i].definition.name, finished[i]);
    }
    return out;
}

std::string usd(std::int64_t picousd) {
    char text[40];
    std::snprintf(text, sizeof(text), "%.6f USD", static_cast<double>(picousd) / 1e12);
    return text;
}

RetryClass retry_of(const Error& error) noexcept {
    return info(error.code).is_retryable ? RetryClass::transient : RetryClass::fix_body;
}

bool is_over(const Shard& shard) noexcept {
    return shard.state == ShardState::settled || shard.state == ShardState::abandoned;
}

bool is_with_provider(ShardState state) noexcept {
    switch (state) {
        case ShardState::submit_intent:
        case ShardState::submit_ambiguous:
        case ShardState::submitted:
        case ShardState::running:
        case ShardState::vanished: return true;
        default: return false;
    }
}

bool is_token_limit(std::string_view code) noexcept {
    return code.find("token_limit") != std::string_view::npos;
}

std::string custom_id_of(const Shard& shard, std::int64_t line) {
    return "e2-" + shard.nonce + "-" + std::to_string(line);
}

std::int64_t line_of(const Shard& shard, std::string_view custom_id) {
    const std::string prefix = "e2-" + shard.nonce + "-";
    if (!custom_id.starts_with(prefix)) {
        return 0;
    }
    const auto digits = custom_id.substr(prefix.size());
    std::int64_t line = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), line);
    return error == std::errc() && end == digits.data() + digits.size() && line > 0 && line <= shard.lines ? line : 0;
}

std::string file_name_of(const Shard& shard) {
    return "eco2-" + shard.nonce + ".jsonl";
}

}  // namespace eco2::batch
