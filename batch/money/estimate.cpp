#include "batch/money/estimate.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <cmath>

namespace eco2::batch {
namespace {

// Providers promise a window and keep well within it, as a rule: until a host has experience of its own.
constexpr int kTypicalShare = 8;  // 3 hours of 24
constexpr double kStandardErrors = 2;

std::int64_t times(double factor, std::int64_t count) noexcept {
    const double product = std::max(factor, 0.0) * static_cast<double>(count);
    return product >= static_cast<double>(kAmountMax) ? kAmountMax : std::llround(product);
}

Range around(double mean, double error, std::int64_t count) noexcept {
    const double reach = kStandardErrors * error;
    return {times(mean - reach, count), times(mean, count), times(mean + reach, count)};
}

struct Mean {
    double mean = 0;
    double error = 0;  // standard error
};

Mean mean_of(const std::vector<double>& values) {
    const auto count = static_cast<double>(values.size());
    Mean out;
    for (const double value : values) {
        out.mean += value / count;
    }
    double squares = 0;
    for (const double value : values) {
        squares += (value - out.mean) * (value - out.mean);
    }
    out.error = std::sqrt(squares / (count - 1) / count);
    return out;
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) noexcept {
    return a <= 0 ? 0 : (a - 1) / b + 1;
}

std::string shown(std::chrono::seconds time) {
    const auto hours = ceil_div(time.count(), 3'600);
    return hours <= 48 ? std::to_string(hours) + " hours" : std::to_string(ceil_div(hours, 24)) + " days";
}

void add(RequestTokens& to, const RequestTokens& one) {
    to.prompt += one.prompt;
    to.output += one.output;
    to.images += one.images;
    to.image_count += one.image_count;
    to.image_urls += one.image_urls;
    to.sizes_assumed += one.sizes_assumed;
    to.is_image_rule_assumed = to.is_image_rule_assumed || one.is_image_rule_assumed;
}

RequestTokens times(RequestTokens one, std::int64_t count) {
    one.prompt = one.prompt * count;
    one.output = one.output * count;
    one.images = one.images * count;
    one.image_count = multiply_capped(one.image_count, count);
    one.image_urls = multiply_capped(one.image_urls, count);
    one.sizes_assumed = multiply_capped(one.sizes_assumed, count);
    return one;
}

void add(Estimate::Stage& total, const Estimate::Stage& stage) {
    total.requests += stage.requests;
    total.shards += stage.shards;
    total.rounds += stage.rounds;
    total.bytes = add_capped(total.bytes, stage.bytes);
    total.input_tokens += stage.input_tokens;
    total.output_tokens += stage.output_tokens;
    total.money += stage.money;
    total.synchronous += stage.synchronous;
    total.worst = add_capped(total.worst, stage.worst);
    total.typical += stage.typical;
    total.at_most += stage.at_most;
    total.is_priced = total.is_priced && stage.is_priced;
    total.is_calibrated = total.is_calibrated && stage.is_calibrated;
    total.is_expected = total.is_expected || stage.is_expected;
}

}  // namespace

Estimator::Estimator(PriceList prices, std::string today) : prices_(std::move(prices)), today_(std::move(today)) {}

void Estimator::begin_stage(StageDefinition stage) {
    const ShardBounds bounds(stage.capabilities);
    stages_.push_back(Work{std::move(stage), bounds, {}, {}, 0, {}, 0, {}, {}, 0, 0, 0});
}

Estimator::Work& Estimator::work_of(std::string_view stage) {
    const auto found =
        std::find_if(stages_.begin(), stages_.end(), [stage](const Work& work) { return work.definition.name == stage; });
    ECO2_ASSERT(found != stages_.end(), "the planner begins a stage before it counts");
    return *found;
}

Result<void> Estimator::add(std::string_view stage, const RequestTokens& tokens, std::int64_t line_bytes) {
    auto& work = work_of(stage);
    const auto line = ShardFill::of_line(line_bytes, tokens.prompt.high);
    const auto fits = work.bounds.fits(work.fill, line);
    if (!fits) {
        return fits.error();
    }
    if (work.shards == 0 || !*fits) {
        ++work.shards;
        work.fill = {};
    }
    work.fill += line;
    work.sum += line;
    ++work.items;
    batch::add(work.tokens, tokens);
    work.assumed_outputs += tokens.is_output_assumed ? 1 : 0;
    work.incomplete += tokens.is_incomplete ? 1 : 0;
    if (const auto prices = batch_prices(work.definition)) {
        work.worst = add_capped(work.worst, prices->worst(tokens));
    }
    return {};
}

void Estimator::add_equal(std::string_view stage, std::int64_t items) {
    work_of(stage).items += items;
}

void Estimator::expect(std::string_view stage, Expectation expectation) {
    work_of(stage).expectation = std::move(expectation);
}

bool Estimator::calibrate(std::string_view stage, std::span<const PilotUsage> pilot) {
    std::vector<double> outputs;
    std::vector<const PilotUsage*> told;
    double prompts = 0;
    double estimated = 0;
    for (const auto& one : pilot) {
        if (one.usage.input_tokens > 0 && one.usage.output_tokens >= 0 && one.prompt.expected > 0) {
            told.push_back(&one);
            outputs.push_back(static_cast<double>(one.usage.output_tokens));
            prompts += static_cast<double>(one.usage.input_tokens);
            estimated += static_cast<double>(one.prompt.expected);
        }
    }
    if (told.size() < kPilotMin) {
        return false;
    }
    Measured measured;
    measured.share = prompts / estimated;
    std::vector<double> off;  // what a request used beyond its share, as a share of the average estimate
    for (const auto* one : told) {
        const double beyond =
            static_cast<double>(one->usage.input_tokens) - measured.share * static_cast<double>(one->prompt.expected);
        off.push_back(beyond * static_cast<double>(told.size()) / estimated);
    }
    measured.share_error = mean_of(off).error;
    const auto output = mean_of(outputs);
    measured.output = output.mean;
    measured.output_error = output.error;
    work_of(stage).measured = measured;
    return true;
}

Estimate::Stage Estimator::estimate_of(const Work& work) const {
    const auto& definition = work.definition;
    const auto& capabilities = definition.capabilities;
    Estimate::Stage out;
    out.name = definition.name;
    out.provider = definition.provider;
    out.model = definition.model;
    out.items = work.items;
    out.requests = work.sum.requests;
    out.bytes = work.sum.bytes;
    out.shards = work.shards;
    out.input_tokens = work.tokens.prompt;
    out.output_tokens = work.tokens.output;
    out.worst = work.worst;
    if (work.measured) {
        out.is_calibrated = true;
        out.input_tokens = around(work.measured->share, work.measured->share_error, work.tokens.prompt.expected);
        out.output_tokens = around(work.measured->output, work.measured->output_error, out.requests);
    }
    const auto batch = batch_prices(definition);
    const auto live = prices_.find(definition.provider, definition.model, 1);
    out.is_priced = batch.has_value();
    if (batch && live) {
        out.money = batch->cost(out.input_tokens, out.output_tokens);
        out.synchronous = live->cost(out.input_tokens, out.output_tokens);
    }
    if (out.requests != 0) {
        const auto by_tokens = capabilities.enqueued_tokens_max > 0
                                   ? ceil_div(out.input_tokens.expected, capabilities.enqueued_tokens_max)
                                   : std::int64_t{1};
        out.rounds = std::clamp<std::int64_t>(by_tokens, 1, std::max<std::int64_t>(out.shards, 1));
        const auto creating = capabilities.creations_per_hour_max > 0
                                  ? std::chrono::hours((out.shards - 1) / capabilities.creations_per_hour_max)
                                  : std::chrono::hours(0);
        out.typical = out.rounds * definition.typical_batch.value_or(capabilities.window / kTypicalShare) + creating;
        out.at_most = out.rounds * capabilities.window + creating;
    }
    return out;
}

Estimate Estimator::estimate() const {
    Estimate out;
    out.price_version = prices_.version();
    out.total.name = "total";
    out.total.is_priced = !stages_.empty();
    out.total.is_calibrated = !stages_.empty();
    if (prices_.is_past_review(today_)) {
        out.warnings.push_back({"prices_past_review",
                                "",
                                "the prices of version " + prices_.version() + " were to be reviewed by " +
                                    prices_.review_by() +
                                    ": a job does not start on them unless batch.allow_past_review says so"});
    }
    for (const auto& counted : stages_) {
        const auto work = counted.expectation ? with_expected(counted, out.stages) : counted;
        auto stage = estimate_of(work);
        stage.is_expected = work.expectation.has_value();
        warn(work, stage, out.warnings);
        batch::add(out.total, stage);
        out.total.items = std::max(out.total.items, stage.items);
        out.stages.push_back(std::move(stage));
    }
    return out;
}

Estimator::Work Estimator::with_expected(Work work, const std::vector<Estimate::Stage>& before) const {
    const auto& expected = *work.expectation;
    const auto from =
        std::find_if(before.begin(), before.end(), [&](const auto& stage) { return stage.name == expected.from; });
    const auto items = from == before.end() ? 0 : times(expected.share, from->items);
    const auto requests = items == 0 ? 0 : std::clamp<std::int64_t>(times(expected.unique, items), 1, items);
    const auto line = ShardFill::of_line(expected.line_bytes, expected.tokens.prompt.high);
    const ShardFill more{requests, multiply_capped(line.bytes, requests), multiply_capped(line.tokens, requests)};
    work.items += items;
    work.sum += more;
    work.shards += work.bounds.least_shards(more);
    batch::add(work.tokens, times(expected.tokens, requests));
    work.assumed_outputs += expected.tokens.is_output_assumed ? requests : 0;
    work.incomplete += expected.tokens.is_incomplete ? requests : 0;
    if (const auto prices = batch_prices(work.definition)) {
        work.worst = add_capped(work.worst, multiply_capped(prices->worst(expected.tokens), requests));
    }
    return work;
}

std::optional<TokenPrices> Estimator::batch_prices(const StageDefinition& stage) const {
    return prices_.find(stage.provider, stage.model, stage.capabilities.price_factor);
}

void Estimator::warn(const Work& work, const Estimate::Stage& stage, std::vector<Estimate::Warning>& to) const {
    const auto& definition = work.definition;
    const auto& capabilities = definition.capabilities;
    const auto& tokens = work.tokens;
    const auto say = [&](const char* code, std::string text) { to.push_back({code, definition.name, std::move(text)}); };
    if (stage.requests == 0) {
        return;
    }
    if (!stage.is_priced) {
        say("price_unknown",
            "no price is known for model \"" + definition.model + "\" of \"" + definition.provider +
                "\": its cost is in no sum; add a [[prices.model]]");
    }
    // What is the provider's way is told once, not for each stage.
    const auto say_once = [&](const char* code, std::string text) {
        const bool is_told =
            std::any_of(to.begin(), to.end(), [&](const auto& told) { return told.code == code && told.text == text; });
        if (!is_told) {
            say(code, std::move(text));
        }
    };
    if (!capabilities.is_zero_retention) {
        say_once("retention",
                 "batches of \"" + definition.provider + "\" are outside zero data retention: it stores requests and answers");
    }
    say_once("results_kept",
             "the provider keeps results for " + shown(capabilities.results_kept) + ": what is not fetched by then is lost");
    if (capabilities.expiry == BatchCapabilities::Expiry::lost) {
        say_once("expiry",
                 "a batch that is not done within " + shown(capabilities.window) + " loses all its answers: keep shards small");
    }
    if (tokens.image_urls != 0 && !capabilities.takes_image_urls) {
        say("image_urls",
            std::to_string(tokens.image_urls) + " images are given by URL, which this provider does not take in batches");
    } else if (tokens.image_urls != 0) {
        say("image_urls",
            std::to_string(tokens.image_urls) + " images are fetched by the provider: their URLs must answer for " +
                shown(stage.at_most) + ", without a login");
    }
    if (tokens.image_count > tokens.image_urls && !capabilities.takes_image_bytes) {
        say("image_bytes",
            std::to_string(tokens.image_count - tokens.image_urls) +
                " images are inline, which this provider does not take in batches");
    }
    if (tokens.sizes_assumed != 0 && !stage.is_calibrated) {
        say("image_sizes",
            std::to_string(tokens.sizes_assumed) +
                " images are taken to be 1024 by 1024, since their size is not known; a pilot measures it");
    }
    if (tokens.is_image_rule_assumed && !stage.is_calibrated) {
        say("image_rule",
            "how model \"" + definition.model +
                "\" counts images is not known: the dearest known rule is taken; a pilot measures it");
    }
    if (work.assumed_outputs != 0 && !stage.is_calibrated) {
        say("output_limit",
            std::to_string(work.assumed_outputs) +
                " requests name no limit of output tokens: the worst case takes one for them");
    }
    if (work.incomplete != 0) {
        say("unknown_parts",
            std::to_string(work.incomplete) + " requests have parts, such as audio or files, that are not counted");
    }
    if (stage.rounds > 1) {
        say("rounds",
            "the provider lets " + std::to_string(capabilities.enqueued_tokens_max) +
                " prompt tokens wait at once: the stage takes " + std::to_string(stage.rounds) + " rounds, one after another");
    }
    if (stage.requests < capabilities.requests_min) {
        say("requests_min",
            "a batch needs at least " + std::to_string(capabilities.requests_min) + " requests, and there are " +
                std::to_string(stage.requests));
    }
}

}  // namespace eco2::batch
