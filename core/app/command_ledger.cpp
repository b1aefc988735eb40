#include "app/commands.hpp"
#include "base/text.hpp"
#include "store/ledger_file.hpp"

#include <array>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string_view>

namespace eco2::app {
namespace {

using store::LedgerFile;
using store::LedgerSums;

constexpr std::array<std::pair<std::string_view, LedgerFile::By>, 6> kBy = {{{"day", LedgerFile::By::day},
                                                                             {"caller", LedgerFile::By::caller},
                                                                             {"provider", LedgerFile::By::provider},
                                                                             {"key", LedgerFile::By::key},
                                                                             {"model", LedgerFile::By::model},
                                                                             {"route", LedgerFile::By::route}}};

Result<LedgerFile::Query> query_of(const LedgerOptions& options) {
    LedgerFile::Query query;
    bool is_known = false;
    for (const auto& [word, by] : kBy) {
        if (options.by == word) {
            query.by = by;
            is_known = true;
        }
    }
    if (!is_known) {
        return fail(Errc::invalid_field, "--by must be day, caller, provider, key, model or route");
    }
    std::tm date{};
    const char* rest = options.since.empty() ? "" : ::strptime(options.since.c_str(), "%Y-%m-%d", &date);
    if (rest == nullptr || *rest != '\0' || (!options.since.empty() && options.since.size() != 10)) {
        return fail(Errc::invalid_field, "--since must be a day such as 2026-01-31");
    }
    query.since = options.since;
    return query;
}

/// Six decimals, rounded down: a millionth of a dollar is what prices are given to.
std::string usd_text(std::int64_t picousd) {
    constexpr std::int64_t kMicro = 1'000'000;
    std::array<char, 48> text{};
    const int size = std::snprintf(text.data(),
                                   text.size(),
                                   "%lld.%06lld",
                                   static_cast<long long>(picousd / kMicro / kMicro),
                                   static_cast<long long>(picousd / kMicro % kMicro));
    return std::string(text.data(), static_cast<std::size_t>(size));
}

std::string sums_json(const LedgerSums& sums) {
    return "\"attempts\":" + std::to_string(sums.attempts) + ",\"unpriced\":" + std::to_string(sums.unpriced) +
           ",\"input_tokens\":" + std::to_string(sums.input_tokens) +
           ",\"cached_input_tokens\":" + std::to_string(sums.cached_input_tokens) +
           ",\"output_tokens\":" + std::to_string(sums.output_tokens) + ",\"cost_usd\":" + usd_text(sums.cost_picousd) +
           ",\"cost_picousd\":" + std::to_string(sums.cost_picousd);
}

void print_group(const LedgerFile::Group& group, const LedgerOptions& options, bool is_json) {
    if (is_json) {
        std::printf("{%s:%s,%s,\"failed\":%lld,\"cancelled\":%lld,\"estimated\":{%s}}\n",
                    json_quote(options.by).c_str(),
                    json_quote(group.name).c_str(),
                    sums_json(group.sums).c_str(),
                    static_cast<long long>(group.failed),
                    static_cast<long long>(group.cancelled),
                    sums_json(group.estimated).c_str());
        return;
    }
    std::printf("%-32s %10lld attempts (%lld failed, %lld cancelled)  %12lld in (%lld cached)  %12lld out  %14s USD",
                group.name.empty() ? "-" : group.name.c_str(),
                static_cast<long long>(group.sums.attempts),
                static_cast<long long>(group.failed),
                static_cast<long long>(group.cancelled),
                static_cast<long long>(group.sums.input_tokens),
                static_cast<long long>(group.sums.cached_input_tokens),
                static_cast<long long>(group.sums.output_tokens),
                usd_text(group.sums.cost_picousd).c_str());
    if (group.estimated.cost_picousd != 0) {
        std::printf(", of which %s estimated", usd_text(group.estimated.cost_picousd).c_str());
    }
    if (group.sums.unpriced != 0) {
        std::printf(", %lld without a price", static_cast<long long>(group.sums.unpriced));
    }
    std::printf("\n");
}

}  // namespace

int show_ledger(const CommonOptions& common, const LedgerOptions& options) {
    const auto config = load_config(common);
    if (!config) {
        print_error(config.error());
        return kConfig;
    }
    const auto query = query_of(options);
    if (!query) {
        print_error(query.error());
        return kUsage;
    }
    LedgerFile::Options file((config->data_dir / "ledger.db").string());
    file.is_read_only = true;
    std::error_code ec;
    if (!std::filesystem::exists(file.path, ec)) {
        std::fprintf(stderr, "no ledger in %s yet\n", config->data_dir.c_str());
        return kOk;
    }
    const auto groups = LedgerFile(file).groups(*query);
    if (!groups) {
        print_error(groups.error());
        return kFailed;
    }
    for (const auto& group : *groups) {
        print_group(group, options, common.is_json);
    }
    return kOk;
}

}  // namespace eco2::app
