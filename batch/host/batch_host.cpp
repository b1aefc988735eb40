#include "batch/host/batch_host.hpp"

#include "batch/host/job_estimates.hpp"
#include "batch/host/live_items.hpp"
#include "batch/host/reports.hpp"
#include "batch/jobs/fail_point.hpp"
#include "batch/jobs/pipeline_steps.hpp"
#include "batch/money/price_list.hpp"
#include "batch/money/token_estimate.hpp"
#include "net/url_guard.hpp"
#include "runtime/image_rules.hpp"

#include <algorithm>
#include <future>
#include <utility>

namespace eco2::batch {
namespace {

/// Prices of one provider's batches.
class ListedPrices final : public Pricing {
public:
    ListedPrices(PriceList list, std::string provider, double factor)
        : list_(std::move(list)), provider_(std::move(provider)), factor_(factor) {}

    bool is_priced(std::string_view model) const override { return list_.find(provider_, model, factor_).has_value(); }
    std::int64_t batch(std::string_view model, const Usage& usage) const override { return cost(model, usage, factor_); }
    std::int64_t synchronous(std::string_view model, const Usage& usage) const override { return cost(model, usage, 1.0); }
    std::int64_t worst(std::string_view model, std::int64_t input_tokens, std::int64_t output_tokens) const override {
        const auto price = list_.find(provider_, model, factor_);
        RequestTokens tokens;
        tokens.prompt.high = input_tokens;
        tokens.output.high = output_tokens;
        return price ? price->worst(tokens) : 0;
    }
    const std::string& version() const override { return list_.version(); }

private:
    std::int64_t cost(std::string_view model, const Usage& usage, double factor) const {
        const auto price = list_.find(provider_, model, factor);
        return price ? price->cost(usage) : 0;
    }

    const PriceList list_;
    const std::string provider_;
    const double factor_;
};

PocoTransport::Options transport_options(const config::HostConfig& config) {
    PocoTransport::Options options;
    options.ca_file = config.http.ca_file.string();
    options.https_proxy = config.http.proxy;
    options.no_proxy = config.http.no_proxy;
    options.connect_timeout = config.http.connect_timeout;
    options.idle_timeout = config.batch.idle_timeout;
    options.call_time_max = config.batch.call_timeout;
    return options;
}

}  // namespace

std::filesystem::path job_file_of(const config::HostConfig& config) {
    return config.data_dir / "batch.db";
}

Settings settings_of(const config::HostConfig& config) {
    const auto& batch = config.batch;
    Settings settings;
    settings.data_dir = std::filesystem::absolute(config.data_dir);
    settings.poll_min = batch.poll_min;
    settings.poll_max = batch.poll_max;
    settings.visibility_grace = batch.visibility_grace;
    settings.retry_base = batch.retry_base;
    settings.retry_max = batch.retry_max;
    settings.lease = batch.lease;
    settings.attempts = static_cast<int>(batch.attempts);
    settings.content_attempts = static_cast<int>(batch.content_attempts);
    settings.output_tokens_assumed = static_cast<std::int64_t>(batch.output_tokens_assumed);
    settings.enqueued_tokens_max = static_cast<std::int64_t>(batch.enqueued_tokens_max);
    settings.requests_max = static_cast<std::int64_t>(batch.requests_max);
    settings.has_echo = batch.has_echo;
    settings.cleans_up = batch.cleans_up;
    settings.allows_past_review = batch.allows_past_review;
    settings.live_concurrency = static_cast<int>(batch.live_concurrency);
    return settings;
}

Result<std::string> batch_provider_of(runtime::Host& host, const std::string& wanted) {
    const auto config = host.config();
    const auto& asked = wanted.empty() ? config->batch.provider : wanted;
    std::vector<std::string> able;
    for (const auto& plugin : config->plugins) {
        if (host.plugins().batch_provider(plugin.id) != nullptr) {
            able.push_back(plugin.id);
        }
    }
    if (asked.empty() && able.size() == 1) {
        return able.front();
    }
    for (const auto& id : {asked, asked + "_batch"}) {
        if (std::find(able.begin(), able.end(), id) != able.end()) {
            return id;
        }
    }
    std::string known;
    for (const auto& id : able) {
        known += (known.empty() ? "" : ", ") + id;
    }
    if (able.empty()) {
        return fail(Errc::plugin_missing,
                    "no plugin instance with a Batch API is started; add [[plugin]] id = \"openai_batch\" to eco2.toml");
    }
    return fail(Errc::plugin_missing,
                asked.empty() ? "several plugin instances have a Batch API: name one with --provider (" + known + ")"
                              : "\"" + asked + "\" is no plugin instance with a Batch API; there are: " + known);
}

BatchHost::BatchHost(runtime::Host& host, std::unique_ptr<PocoTransport> transport)
    : host_(host),
      settings_(settings_of(*host.config())),
      file_(job_file_of(*host.config())),
      worker_file_(job_file_of(*host.config())),
      transport_(std::move(transport)) {}

Result<std::unique_ptr<BatchHost>> BatchHost::open(runtime::Host& host) {
    auto transport = PocoTransport::make(transport_options(*host.config()));
    if (!transport) {
        return transport.error();
    }
    std::unique_ptr<BatchHost> made(new BatchHost(host, std::move(transport.value())));
    if (auto prepared = made->file_.prepare(); !prepared) {
        return prepared.error();
    }
    return made;
}

StepDoors BatchHost::step_doors() {
    return {host_.threads(),
            static_cast<int>(host_.threads().size()),
            host_.grants(),
            system_clock(),
            [this](std::string_view id) { return host_.plugins().rule_store(id); },
            [this](std::string_view id) { return host_.plugins().reward(id); }};
}

Machine::Doors BatchHost::machine_doors() {
    Machine::Doors doors{worker_file_, *transport_, system_clock(), host_.log(), {}, {}, {}, {}, {}, {}};
    doors.provider = [this](const std::string& id) { return host_.plugins().batch_provider(id); };
    doors.steps = [this](const JobRow& job) { return make_steps(job, step_doors()); };
    doors.pricing = [this](const std::string& provider, double factor) {
        return std::make_unique<ListedPrices>(PriceList(host_.config()->routing.prices), provider, factor);
    };
    doors.tokens = [this](const GenerateRequest& request) {
        OutputGuess guess;
        guess.ceiling = settings_.output_tokens_assumed;
        const auto tokens = estimate_tokens(request, guess);
        return tokens ? Machine::Doors::Tokens{tokens.value().prompt.expected,
                                               tokens.value().prompt.high,
                                               tokens.value().output.high}
                      : Machine::Doors::Tokens{};
    };
    doors.write_results = [this](const JobRow& job) { return write_results(job); };
    doors.run_live = [this](const JobRow& job, const std::vector<ItemRow>& items) {
        return run_live(host_, settings_, PriceList(host_.config()->routing.prices), job, items);
    };
    doors.calibrate = [this](const JobRow& job) { return estimate(worker_file_, job, true); };
    return doors;
}

Result<JobEstimate> BatchHost::estimate(JobFile& file, const JobRow& job, bool has_pilot) {
    auto* provider = host_.plugins().batch_provider(job.provider);
    if (provider == nullptr) {
        return fail(Errc::plugin_missing, "\"" + job.provider + "\" is not started");
    }
    auto steps = make_steps(job, step_doors());
    if (!steps) {
        return steps.error();
    }
    const PriceList prices(host_.config()->routing.prices);
    auto estimate = estimate_job(file, job, *steps.value(), *provider, prices, settings_, kEstimateSample, has_pilot);
    return estimate ? Result<JobEstimate>(job_estimate_of(estimate.value())) : estimate.error();
}

Result<void> BatchHost::write_results(const JobRow& job) {
    auto written = export_results(worker_file_, job, job.output, host_.config()->routing.prices.version);
    if (!written) {
        return written;
    }
    // Photos are kept no longer than somebody may still ask about them.
    auto open = worker_file_.jobs(true);
    const bool is_last = open && std::none_of(open.value().begin(), open.value().end(), [&](const JobRow& other) {
                             return other.key != job.key;
                         });
    if (is_last) {
        std::error_code ec;
        std::filesystem::remove_all(settings_.data_dir / "batch" / "photos", ec);
    }
    return {};
}

std::unique_ptr<Worker> BatchHost::start_worker() {
    return std::make_unique<Worker>(
        Worker::Doors{worker_file_, system_clock(), host_.log(), [this] { return machine_doors(); }}, settings_);
}

std::vector<Result<intake::Photo>> BatchHost::clean_photos(std::vector<std::string> bytes) {
    std::vector<std::future<Result<intake::Photo>>> futures;
    for (auto& photo : bytes) {
        auto promise = std::make_shared<std::promise<Result<intake::Photo>>>();
        futures.push_back(promise->get_future());
        host_.threads().post_to(0, [this, promise, photo = std::move(photo)](TaskFate fate) mutable {
            if (fate != TaskFate::due) {
                promise->set_value(fail(Errc::draining));
                return;
            }
            host_.photos().prepare(std::move(photo),
                                   [promise](Result<intake::Photo> cleaned) { promise->set_value(std::move(cleaned)); });
        });
    }
    std::vector<Result<intake::Photo>> cleaned;
    for (auto& future : futures) {
        cleaned.push_back(future.get());
    }
    return cleaned;
}

Planner BatchHost::planner(OnProgress on_progress) {
    auto doors = planner_doors(std::move(on_progress), file_);
    doors.estimate = [this](const JobRow& job) { return estimate(file_, job, false); };
    return Planner(std::move(doors), settings_);
}

Planner BatchHost::planner(OnProgress on_progress, JobFile& file, const Settings& settings) {
    return Planner(planner_doors(std::move(on_progress), file), settings);
}

Planner::Doors BatchHost::planner_doors(OnProgress on_progress, JobFile& file) {
    Planner::Doors doors{file, system_clock(), {}, {}, {}, {}};
    doors.provider = [this](const std::string& id) { return host_.plugins().batch_provider(id); };
    doors.pipeline = [this](const std::string& name) {
        const auto context = host_.pipeline(name);
        return context == nullptr ? nullptr : context->pipeline;
    };
    doors.clean_photos = [this](std::vector<std::string> bytes) { return clean_photos(std::move(bytes)); };
    doors.check_url = [this](const std::string& url) {
        return net::check_image_url(url, runtime::image_url_rules(*host_.config()));
    };
    doors.on_progress = std::move(on_progress);
    return doors;
}

}  // namespace eco2::batch
