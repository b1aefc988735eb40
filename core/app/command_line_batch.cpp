#include "app/command_batch.hpp"
#include "app/command_line.hpp"

#include <memory>

namespace eco2::app {
namespace {

using Options = std::shared_ptr<BatchOptions>;

/// How items are read, and where they go.
void add_items(CLI::App& command, BatchOptions& options) {
    command.add_option(
        "--provider", options.provider, "Plugin instance with a Batch API (default: batch.provider, or the only one)");
    command.add_option("--pipeline", options.pipeline, "Whose stages the items go through")->capture_default_str();
    command.add_option("--language", options.language, "ko or en; of items that say none");
    command.add_option(
        "--id-column", options.id_column, "Where a CSV or JSONL has other names than id, image, image_url, question, user_id");
    command.add_option("--image-column", options.photo_column, "");
    command.add_option("--url-column", options.url_column, "");
    command.add_option("--question-column", options.question_column, "");
    command.add_option("--user-column", options.user_column, "");
}

void add_input(CLI::App& command, BatchOptions& options) {
    command.add_option("input", options.input, "A folder or a quoted glob of photos, a CSV, JSONL, or OpenAI's batch JSONL")
        ->required();
    command.add_option("--model", options.model, "One of the pipeline's models");
    add_items(command, options);
}

void add_job(CLI::App& command, BatchOptions& options) {
    command.add_option("job", options.job, "Its id; `eco2 batch status` lists them")->required();
}

void add_plan(CLI::App& command, BatchOptions& options) {
    add_input(command, options);
    command.add_option("--output", options.output, "Folder for results.jsonl, results.csv, lineage.jsonl and manifest.json")
        ->capture_default_str();
    command
        .add_option(
            "--cap-usd", options.cap_usd, "What the job may cost at most, worst case of what is under way included; 0: no cap")
        ->check(CLI::Range(0.0, 1'000'000.0));
    command.add_option("--deadline", options.deadline, "From now: 90m, 6h, 2d; then --deadline-action holds");
    command
        .add_option("--deadline-action",
                    options.deadline_action,
                    "stop, live (at the full price) or resubmit (default: batch.deadline_action)")
        ->check(CLI::IsMember({"stop", "live", "resubmit"}));
    command.add_option("--pilot", options.pilot, "Items that go ahead alone before the rest is sent")
        ->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000'000}));
    command.add_flag("--new", options.is_new, "A new job, also where one for this input and output is there");
}

}  // namespace

void add_common(CLI::App& command, CommonOptions& common) {
    command.add_option("--config", common.config_file, "Configuration file (default: share/eco2/eco2.toml beside the program)");
    command.add_option(
        "--data", common.overrides.data_dir, "Directory for what must survive: rules, grants (default: ECO2_DATA or ./data)");
    command.add_option("--log-level", common.overrides.log_level, "debug, info, warn or error");
}

void add_json(CLI::App& command, CommonOptions& common) {
    command.add_flag("--json", common.is_json, "Output for scripts");
}

void add_eval(CLI::App& app, CommonOptions& common, int& exit_code) {
    auto* command = app.add_subcommand(
        "eval", "How right, how expensive and how slow models and prompts are on items whose class is known");
    auto options = std::make_shared<EvalOptions>();
    auto& items = options->items;
    items.output = "eval";
    add_common(*command, common);
    add_json(*command, common);
    command
        ->add_option(
            "input", items.input, "A CSV or JSONL: image or image_url, and label: \"major/middle/minor\" or a beginning of it")
        ->required();
    command->add_option("--model", options->models, "One of the pipeline's models, or several (default: its first)")
        ->delimiter(',');
    auto* batch = command->add_flag(
        "--batch", options->is_batch, "As jobs over a Batch API, at half the price; an item's time is its job's");
    command->add_flag("--live")
        ->description("Now, over the routes, batch.live_concurrency items at once (default)")
        ->excludes(batch);
    add_items(*command, items);
    command->get_option("--provider")->needs(batch);
    command->add_option("--label-column", items.label_column, "Where it has another name than label");
    command->add_option("--output", items.output, "Folder for eval.jsonl, and for the jobs' results")->capture_default_str();
    command->add_option("--cap-usd", items.cap_usd, "What it may cost: live in all, as a job each model; 0: no cap")
        ->check(CLI::Range(0.0, 1'000'000.0));
    command->footer(
        "Nobody is rewarded. Exit codes: 0 all items ran, whatever they were answered, 1 some did not.\n"
        "Example:\n  eco2 eval labelled.csv --model gpt-5.2,gpt-5.2-mini --cap-usd 2\n"
        "  eco2 eval labelled.csv --batch --output eval    # again after a change of prompts: only what has changed is asked");
    command->callback([&common, &exit_code, options] { exit_code = evaluate(common, *options); });
}

void add_batch(CLI::App& app, CommonOptions& common, int& exit_code) {
    auto* command = app.add_subcommand("batch", "Thousands of items through the providers' Batch APIs, at half the price");
    command->require_subcommand(1);
    command->footer(
        "A job survives any kill: the same command goes on with it, and nothing is paid for twice.\n"
        "Example:\n  eco2 batch estimate photos/ --data ./data\n"
        "  eco2 batch run photos/ --output results --data ./data --cap-usd 5\n  eco2 batch report --data ./data");
    const auto add = [&](const char* name, const char* what, auto&& fill, auto&& run) {
        auto options = std::make_shared<BatchOptions>();
        auto* sub = command->add_subcommand(name, what);
        add_common(*sub, common);
        add_json(*sub, common);
        fill(*sub, *options);
        sub->callback([&common, &exit_code, options, run] { exit_code = run(common, *options); });
        return sub;
    };
    add("estimate",
        "What a job would take: items, batches, tokens, money, time; asks nobody and keeps nothing",
        add_input,
        batch_estimate);
    add("run", "Submit a job and follow it to its end, or go on with it", add_plan, batch_run)
        ->footer(
            "Ctrl-C asks whether to detach (the job goes on) or to cancel it.\n"
            "Exit codes: 0 all items done or detached, 1 some failed, or the job is paused or cancelled.");
    add("submit", "Submit a job and leave it; prints its id", add_plan, batch_submit);
    add(
        "status",
        "All jobs, or one, in a line each",
        [](CLI::App& sub, BatchOptions& options) { sub.add_option("job", options.job, "Its id (default: all)"); },
        batch_status);
    add("watch", "Follow a job to its end", add_job, batch_watch);
    add(
        "results",
        "Write a job's results, those that there are",
        [](CLI::App& sub, BatchOptions& options) {
            options.output.clear();
            add_job(sub, options);
            sub.add_option("--output", options.output, "Folder (default: the job's own)");
        },
        batch_results);
    add("cancel", "End a job; what the provider has done is fetched and kept", add_job, batch_cancel);
    add(
        "retry",
        "Send failed items again; a deadline that is over no longer holds",
        [](CLI::App& sub, BatchOptions& options) {
            add_job(sub, options);
            sub.add_option(
                   "--class", options.classes, "transient, content, expired, account, limit, fix_body, or vanished batches")
                ->delimiter(',');
            sub.add_option("--ids", options.ids, "These items alone")->delimiter(',');
        },
        batch_retry);
    add(
        "report",
        "What jobs have cost and saved, and why items failed",
        [](CLI::App& sub, BatchOptions& options) { sub.add_option("job", options.job, "Its id (default: all)"); },
        batch_report);
    add(
        "work",
        "Work on the jobs of a data directory until SIGTERM; `eco2 serve` starts one by itself",
        [](CLI::App& sub, BatchOptions& options) {
            sub.add_flag("--supervised", options.is_supervised, "Ends with the process that holds its standard input");
        },
        batch_work);
}

}  // namespace eco2::app
