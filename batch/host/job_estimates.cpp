#include "batch/host/job_estimates.hpp"

#include "base/hash.hpp"
#include "base/utc.hpp"
#include "batch/jobs/machine_task.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

namespace eco2::batch {
namespace {

constexpr std::int64_t kRowsAtOnce = 48;          // with their photos, of a few hundred KB each
constexpr std::size_t kPilotUsagesMax = 100'000;  // more would not make the mean any surer
// What a stage's prompt holds of earlier answers, in tokens: a class and its rule, by the shipped rules' sizes.
constexpr Range kEarlierAnswers{150, 700, 2'500};

/// What one item's first request counts as.
struct Counted {
    std::size_t stage = 0;  // place in `names`
    RequestTokens tokens;
    std::int64_t bytes = 0;
    enum class Kind { request, equal, nothing } kind = Kind::nothing;
};

class JobCount {
public:
    JobCount(JobFile& file,
             const JobRow& job,
             ItemSteps& steps,
             BatchProviderDoor& provider,
             const PriceList& prices,
             const Settings& settings)
        : file_(file),
          job_(job),
          steps_(steps),
          provider_(provider),
          photos_(settings.data_dir / "batch" / "photos"),
          estimator_(prices, utc_text(system_clock().wall_ns()).substr(0, 10)) {
        guess_.ceiling = settings.output_tokens_assumed;
        const auto* pipeline = steps.pipeline();
        if (pipeline == nullptr) {
            stages_.push_back({"request", 0, 0});
        }
        for (std::size_t i = 0; pipeline != nullptr && i < pipeline->stages().size(); ++i) {
            if (pipeline->stages()[i].definition.kind == StageDefinition::Kind::infer) {
                stages_.push_back({pipeline->stages()[i].definition.name, i, 0});
            }
        }
        for (const auto& stage : stages_) {
            estimator_.begin_stage({stage.name, job.provider, job.model, provider.capabilities()});
        }
    }

    Result<void> count(std::int64_t sample);
    Result<void> expect_later_stages();
    Result<void> calibrate();
    Estimate estimate() const;

private:
    struct StageCount {
        std::string name;
        std::size_t place = 0;     // in the pipeline
        std::int64_t answers = 0;  // of the pilot
    };

    Result<std::vector<ItemRow>> rows(std::int64_t from, std::int64_t of, std::int64_t count);
    Result<void> look_at(const std::vector<ItemRow>& rows, std::vector<Counted>& out);
    Counted counted(const ItemWalk& walk);
    void add(const Counted& one);

    JobFile& file_;
    const JobRow& job_;
    ItemSteps& steps_;
    BatchProviderDoor& provider_;
    const std::filesystem::path photos_;
    Estimator estimator_;
    OutputGuess guess_;
    std::vector<StageCount> stages_;
    std::unordered_set<std::uint64_t> seen_;  // of the requests' hashes: a clash among millions is one request too few
    std::optional<RunInput> example_;
    std::int64_t unsendable_ = 0;
    std::string why_;  // of the first of them
};

/// `of` == 0: rows as they follow each other; else rows that are evenly spread over the job, `of` in all.
Result<std::vector<ItemRow>> JobCount::rows(std::int64_t from, std::int64_t of, std::int64_t count) {
    if (of == 0) {
        return file_.items(job_.key, from + 1, static_cast<std::size_t>(count));
    }
    std::vector<ItemRow> all;
    for (std::int64_t i = from; i < std::min(from + count, of); ++i) {
        auto one = file_.items(
            job_.key,
            1 + static_cast<std::int64_t>(static_cast<double>(i) * static_cast<double>(job_.items) / static_cast<double>(of)),
            1);
        if (!one) {
            return one;
        }
        std::move(one.value().begin(), one.value().end(), std::back_inserter(all));
    }
    return all;
}

Counted JobCount::counted(const ItemWalk& walk) {
    Counted one;
    if (walk.end != ItemWalk::End::asks) {
        return one;
    }
    const auto place = walk.finished.size();
    const auto stage =
        std::find_if(stages_.begin(), stages_.end(), [&](const StageCount& known) { return known.place == place; });
    const auto line = provider_.encode_line(*walk.request, "content");
    const auto tokens = line ? estimate_tokens(*walk.request, guess_) : Result<RequestTokens>(line.error());
    if (!tokens || stage == stages_.end()) {
        if (!tokens && unsendable_++ == 0) {
            why_ = "\"" + walk.id + "\": " + tokens.error().detail;
        }
        return one;
    }
    std::uint64_t hash = 0;
    const auto hex = sha256_hex(line.value());
    std::from_chars(hex.data(), hex.data() + 16, hash, 16);
    one.kind = seen_.insert(hash).second ? Counted::Kind::request : Counted::Kind::equal;
    one.stage = static_cast<std::size_t>(stage - stages_.begin());
    one.tokens = tokens.value();
    one.bytes = static_cast<std::int64_t>(line.value().size());
    return one;
}

Result<void> JobCount::look_at(const std::vector<ItemRow>& rows, std::vector<Counted>& out) {
    const auto* pipeline = steps_.pipeline();
    std::vector<ItemWalk> walks;
    for (const auto& row : rows) {
        if (row.state == ItemState::failed && row.work == 0) {
            continue;  // a broken photo, which is never sent
        }
        ItemWalk walk;
        walk.id = row.id;
        auto input = run_input(row, job_, pipeline, photos_, true);
        if (!input) {
            return input.error();
        }
        walk.input = std::move(input.value());
        walk.input.user_id.clear();  // whatever the steps are, nobody is rewarded for a look
        walks.push_back(std::move(walk));
    }
    steps_.walk(walks);
    for (auto& walk : walks) {
        out.push_back(counted(walk));
        if (!example_) {
            example_ = std::move(walk.input);
        }
    }
    return {};
}

void JobCount::add(const Counted& one) {
    const auto& stage = stages_[one.stage].name;
    if (one.kind == Counted::Kind::equal) {
        estimator_.add_equal(stage);
    } else if (one.kind == Counted::Kind::request) {
        if (auto added = estimator_.add(stage, one.tokens, one.bytes); !added && unsendable_++ == 0) {
            why_ = added.error().detail;
        }
    }
}

Result<void> JobCount::count(std::int64_t sample) {
    const auto of = sample > 0 && job_.items > sample ? sample : 0;
    std::vector<Counted> looked;
    for (std::int64_t from = 0;;) {
        auto some = rows(from, of, kRowsAtOnce);
        if (!some) {
            return some.error();
        }
        if (some.value().empty()) {
            break;
        }
        from += static_cast<std::int64_t>(some.value().size());
        if (auto done = look_at(some.value(), looked); !done) {
            return done;
        }
        if (of == 0) {
            std::for_each(looked.begin(), looked.end(), [this](const Counted& one) { add(one); });
            looked.clear();
        }
    }
    const auto all = job_.items - job_.items_failed;
    for (std::int64_t i = 0; !looked.empty() && i < all; ++i) {
        add(looked[static_cast<std::size_t>(i) % looked.size()]);
    }
    return {};
}

Result<void> JobCount::expect_later_stages() {
    for (std::size_t i = 1; i < stages_.size() && example_; ++i) {
        const auto prompt = prepare_infer(steps_.pipeline()->stages()[stages_[i].place], *example_, RunValues{});
        const auto tokens = estimate_tokens(*prompt, guess_);
        const auto line = provider_.encode_line(*prompt, "content");
        if (!tokens || !line) {
            return tokens ? line.error() : tokens.error();
        }
        Estimator::Expectation expectation;
        expectation.from = stages_.front().name;
        if (stages_.front().answers >= static_cast<std::int64_t>(Estimator::kPilotMin)) {
            expectation.share =
                std::min(1.0, static_cast<double>(stages_[i].answers) / static_cast<double>(stages_.front().answers));
        }
        expectation.tokens = tokens.value();
        expectation.tokens.prompt += kEarlierAnswers;
        expectation.line_bytes = static_cast<std::int64_t>(line.value().size()) + 4 * kEarlierAnswers.expected;
        estimator_.expect(stages_[i].name, std::move(expectation));
    }
    return {};
}

Result<void> JobCount::calibrate() {
    for (auto& stage : stages_) {
        auto used = file_.used_tokens(job_.key, static_cast<int>(stage.place), kPilotUsagesMax);
        if (!used) {
            return used.error();
        }
        std::vector<Estimator::PilotUsage> usages;
        for (const auto& one : used.value()) {
            usages.push_back({{one.expected, one.expected, one.high}, one.usage});
        }
        stage.answers = static_cast<std::int64_t>(usages.size());
        (void)estimator_.calibrate(stage.name, usages);
    }
    return {};
}

Estimate JobCount::estimate() const {
    auto estimate = estimator_.estimate();
    if (unsendable_ > 0) {
        estimate.warnings.push_back(
            {"unsendable", "", std::to_string(unsendable_) + " requests cannot be sent and will fail, such as " + why_});
    }
    return estimate;
}

}  // namespace

Result<Estimate> estimate_job(JobFile& file,
                              const JobRow& job,
                              ItemSteps& steps,
                              BatchProviderDoor& provider,
                              const PriceList& prices,
                              const Settings& settings,
                              std::int64_t sample,
                              bool has_pilot) {
    JobCount count(file, job, steps, provider, prices, settings);
    if (auto counted = count.count(sample); !counted) {
        return counted.error();
    }
    if (auto calibrated = has_pilot ? count.calibrate() : Result<void>(); !calibrated) {
        return calibrated.error();
    }
    if (auto expected = count.expect_later_stages(); !expected) {
        return expected.error();
    }
    return count.estimate();
}

JobEstimate job_estimate_of(const Estimate& estimate) {
    const auto& money = estimate.total.money;
    JobEstimate out{to_json(estimate), money.low, money.expected, money.high, false};
    for (const auto& stage : estimate.stages) {
        out.is_calibrated = out.is_calibrated || stage.is_calibrated;
    }
    return out;
}

}  // namespace eco2::batch
