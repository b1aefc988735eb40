#pragma once

#include "base/result.hpp"
#include "batch/money/price_list.hpp"
#include "batch/money/shard_bounds.hpp"
#include "batch/money/token_estimate.hpp"
#include "model/batch_provider.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::batch {

/// What a job will take, as far as it can be said before it begins.
struct Estimate {
    struct Stage {
        std::string name;
        std::string provider;
        std::string model;
        bool is_expected = false;    // depends on earlier answers: not counted, but worked out from them
        bool is_priced = false;      // false: its money is not known, and not in any sum
        bool is_calibrated = false;  // from a pilot's usage
        std::int64_t items = 0;
        std::int64_t requests = 0;  // equal content once
        std::int64_t shards = 0;
        std::int64_t rounds = 0;  // one after another, by the provider's limit of tokens under way
        std::int64_t bytes = 0;   // of input files
        Range input_tokens;
        Range output_tokens;
        Range money;             // picousd, at the batch price
        Range synchronous;       // what the same would cost live
        std::int64_t worst = 0;  // picousd that reservations add up to
        std::chrono::seconds typical{0};
        std::chrono::seconds at_most{0};
    };
    struct Warning {
        std::string code;  // stable: "retention", "image_urls" ...
        std::string stage;
        std::string text;
    };

    std::vector<Stage> stages;
    Stage total;  // `items` of the first stage
    std::vector<Warning> warnings;
    std::string price_version;
};

/// A table, then the warnings; for people. Ends with a line end.
std::string to_text(const Estimate& estimate);
/// One JSON object without a line end; money in picousd, and as text in USD.
std::string to_json(const Estimate& estimate);

/// Adds up what a job's requests will take, in memory that does not grow with them.
///
/// Thread-safety: none.
class Estimator {
public:
    struct StageDefinition {
        std::string name;
        std::string provider;
        std::string model;
        BatchCapabilities capabilities;
        /// What a batch usually takes, from experience; none: a share of the window.
        std::optional<std::chrono::seconds> typical_batch = {};
    };
    /// Of a stage whose requests are made of earlier answers.
    struct Expectation {
        std::string from;      // the stage whose items reach it
        double share = 1;      // of them that do
        double unique = 1;     // of those with content of their own
        RequestTokens tokens;  // of one request
        std::int64_t line_bytes = 0;
    };
    struct PilotUsage {
        Range prompt;  // as it was estimated
        Usage usage;   // as it was told
    };

    /// `today`: "YYYY-MM-DD", UTC.
    Estimator(PriceList prices, std::string today);

    /// Stages in their order.
    void begin_stage(StageDefinition stage);

    /// One request of a stage, whose line has so many bytes without its line end. Requests go into shards in this order.
    ///
    /// Errors: limit_exceeded: no shard can hold the line. Nothing is counted then.
    Result<void> add(std::string_view stage, const RequestTokens& tokens, std::int64_t line_bytes);
    /// Items whose request has been added already, for another item of equal content.
    void add_equal(std::string_view stage, std::int64_t items = 1);
    void expect(std::string_view stage, Expectation expectation);

    /// Puts measured averages for guesses: expected is what the pilot used, request by request, times the stage's requests;
    /// low and high are two standard errors from it. What is reserved (`worst`) stays.
    ///
    /// Prompts are measured as a share of what was estimated for them, since photos differ; answers as they are.
    /// False: the pilot has told too few usages (kPilotMin); nothing has changed.
    bool calibrate(std::string_view stage, std::span<const PilotUsage> pilot);
    static constexpr std::size_t kPilotMin = 5;

    Estimate estimate() const;

private:
    struct Measured {
        double share = 1;  // of the estimated prompt tokens, and its standard error
        double share_error = 0;
        double output = 0;  // tokens of an answer, and its standard error
        double output_error = 0;
    };
    struct Work {
        StageDefinition definition;
        ShardBounds bounds;
        std::optional<Expectation> expectation;
        std::optional<Measured> measured;
        std::int64_t items = 0;
        ShardFill fill;  // of the shard that is being filled
        std::int64_t shards = 0;
        ShardFill sum;  // of all
        RequestTokens tokens;
        std::int64_t assumed_outputs = 0;
        std::int64_t incomplete = 0;
        std::int64_t worst = 0;
    };
    Work& work_of(std::string_view stage);
    std::optional<TokenPrices> batch_prices(const StageDefinition& stage) const;
    Work with_expected(Work work, const std::vector<Estimate::Stage>& before) const;
    Estimate::Stage estimate_of(const Work& work) const;
    void warn(const Work& work, const Estimate::Stage& stage, std::vector<Estimate::Warning>& to) const;

    PriceList prices_;
    std::string today_;
    std::vector<Work> stages_;
};

}  // namespace eco2::batch
