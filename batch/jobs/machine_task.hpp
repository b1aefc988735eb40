#pragma once

#include "batch/jobs/machine.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::batch {

struct Machine::Task {
    BatchProviderDoor* provider = nullptr;
    std::unique_ptr<ItemSteps> steps;
    std::unique_ptr<Pricing> pricing;
    std::string provider_id;
    int stage_count = 1;
    int validation_failures = 0;          // in a row
    std::map<int, JobFile::Ready> fresh;  // by stage: what walks have asked since its last shard was cut, about
    bool has_just_walked = false;
    std::int64_t export_ns = 0;          // not before, after it has failed
    std::vector<WalkOutcome> unwritten;  // of live runs, which were paid for

    std::int64_t lines_max(const Settings& settings) const {
        const auto able = provider->capabilities().requests_max;
        return settings.requests_max > 0 ? std::min(settings.requests_max, able) : able;
    }
    bool has_full_shard(const Settings& settings) const {
        return std::any_of(fresh.begin(), fresh.end(), [&](const auto& stage) {
            return stage.second.requests >= lines_max(settings) ||
                   stage.second.bytes >= provider->capabilities().file_bytes_max;
        });
    }
};

/// What an item's walk starts from. `photos`: folder of cleaned photos; a photo is read only where `needs_photo`.
/// Errors: io_failed (the photo is gone), store_failed (a record that cannot be read).
Result<RunInput> run_input(
    const ItemRow& item, const JobRow& job, const Pipeline* pipeline, const std::filesystem::path& photos, bool needs_photo);
Result<std::vector<FinishedStage>> finished_stages(const ItemRow& item, const Pipeline* pipeline);
std::string checkpoints_of(const std::vector<FinishedStage>& finished, const Pipeline* pipeline);

std::string usd(std::int64_t picousd);

/// Of what fails on this side.
RetryClass retry_of(const Error& error) noexcept;

/// "e2-NONCE-LINE": what a line is found by.
std::string custom_id_of(const Shard& shard, std::int64_t line);
/// 0: not an id of this shard.
std::int64_t line_of(const Shard& shard, std::string_view custom_id);
std::string file_name_of(const Shard& shard);

constexpr int kCleanTries = 4;  // of what is only tidying up, before it is left
constexpr int kCleanScans = 2;  // looks in a row that do not find something, before it is not there

bool is_over(const Shard& shard) noexcept;
bool is_with_provider(ShardState state) noexcept;
/// That the provider's queue is full, not that anything is wrong.
bool is_token_limit(std::string_view code) noexcept;

/// Whether a page of a list, and so what comes behind it, is older than what is looked for. Only of a page that is seen to
/// go from the newest to older ones: nobody promises an order, and what is overlooked is paid for twice. `margin_s`: by which
/// the provider's clock may differ from ours.
template <class Row>
bool is_past(const std::vector<Row>& page, const Shard& shard, std::int64_t margin_s = 300) {
    return !page.empty() && page.back().created_at_s >= 0 && page.front().created_at_s > page.back().created_at_s &&
           std::is_sorted(
               page.begin(), page.end(), [](const Row& a, const Row& b) { return a.created_at_s > b.created_at_s; }) &&
           page.back().created_at_s < shard.intent_ns / 1'000'000'000 - margin_s;
}

}  // namespace eco2::batch
