#include "app/command_line.hpp"
#include "app/commands.hpp"
#include "fake_provider/fault_models.hpp"
#include "runtime/version.hpp"

#include <CLI/CLI.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>

namespace {

using eco2::app::add_common;
using eco2::app::add_json;
using eco2::app::CommonOptions;

void add_serve(CLI::App& app, CommonOptions& common, int& exit_code) {
    auto* command = app.add_subcommand("serve", "Serve pipelines over HTTP and SSE until SIGTERM, then drain");
    add_common(*command, common);
    command->add_option("--listen", common.overrides.listen, "HOST:PORT (default 127.0.0.1:8080; port 0: any free one)");
    command->footer(
        "Example:\n  OPENAI_API_KEY=... eco2 serve --listen 127.0.0.1:8080 --data ./data\n"
        "  curl -N localhost:8080/api/v1/scan/classify/completion -d '{\"image_url\":\"https://...\"}'");
    command->callback([&] { exit_code = eco2::app::serve(common); });
}

void add_scan(CLI::App& app, CommonOptions& common, int& exit_code) {
    auto* command = app.add_subcommand("scan", "Send one photo through a pipeline and show every stage live");
    auto options = std::make_shared<eco2::app::ScanOptions>();
    add_common(*command, common);
    add_json(*command, common);
    command->add_option("photo", options->input, "JPEG, PNG or WebP file, or an https URL; not for pipelines without images");
    command->add_option("--pipeline", options->pipeline, "One of those that the configuration names")->capture_default_str();
    command->add_option("--question", options->question, "What to ask about it");
    command->add_option("--language", options->language, "ko or en");
    command->add_option("--model", options->model, "One of the pipeline's models");
    command->footer(
        "With --json each event is one line; the last one holds the result.\n"
        "Without a key: start `eco2 fake-provider` and set OPENAI_BASE_URL=http://127.0.0.1:4010/v1");
    command->callback([&, options] { exit_code = eco2::app::scan(common, *options); });
}

void add_config(CLI::App& app, CommonOptions& common, int& exit_code) {
    auto* command = app.add_subcommand("config", "Look at the configuration");
    command->require_subcommand(1);
    auto* check = command->add_subcommand("check", "Read the configuration and all pipelines, start nothing");
    add_common(*check, common);
    add_json(*check, common);
    check->callback([&] { exit_code = eco2::app::check_config(common); });
}

void add_rules(CLI::App& app, CommonOptions& common, int& exit_code) {
    auto* command = app.add_subcommand("rules", "Work on the disposal rules");
    command->require_subcommand(1);
    auto* import =
        command->add_subcommand("import", "Replace all rules by the JSON files of a directory, at once, without a restart");
    struct Options {
        std::string directory;
        std::string instance = "rules_sqlite";
    };
    auto options = std::make_shared<Options>();
    add_common(*import, common);
    add_json(*import, common);
    import
        ->add_option("directory", options->directory, "Directory with one JSON file a rule: CATEGORY.json or CATEGORY_KEY.json")
        ->required();
    import->add_option("--instance", options->instance, "Plugin instance that holds the rules")->capture_default_str();
    import->callback([&, options] { exit_code = eco2::app::import_rules(common, options->directory, options->instance);
});
}  // namespace

void add_keys(CLI::App& app, CommonOptions& common, int& exit_code) {
    auto* command = app.add_subcommand("keys", "API keys, for hosts with auth.mode = \"key\"");
    command->require_subcommand(1);
    auto options = std::make_shared<eco2::app::KeyOptions>();
    auto* create = command->add_subcommand("create", "Make a key; its text is shown once and not kept");
    add_common(*create, common);
    add_json(*create, common);
    create->add_option("--name", options->name, "What it is for, for people")->required();
    create->add_option("--user", options->user, "UUID of the user whose runs it starts and sees (default: a new one)");
    create->add_flag("--for-users", options->is_for_users, "An app's back end: its x-user-id header names the user");
    create->add_option("--scope", options->scopes, "run (submit, cancel), read, chat (default: all)")->delimiter(',');
    create->add_option("--pipeline", options->pipelines, "Only for these pipelines (default: all)")->delimiter(',');
    create->add_option("--models", options->models, "Of the front door, only these: names or globs (default: all)")
        ->delimiter(',');
    create->add_option("--rpm", options->requests_per_minute, "Chat requests of any minute (default: no limit)")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000}));
    create
        ->add_option(
            "--tpm", options->tokens_per_minute, "Tokens of chat requests, in and out, of any minute (default: no limit)")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000'000}));
    create
        ->add_option(
            "--usd-cap", options->spend_max_usd, "USD that it may spend in all, of what has a price (default: no limit)")
        ->check(CLI::Range(0.000001, 1'000'000.0));
    create->add_option("--expires", options->expires, "30d, 2027-01-31 or never")->capture_default_str();
    create->footer(
        "Example:\n  eco2 keys create --name app-backend --for-users --scope run,read --expires 90d\n"
        "  eco2 keys create --name team-a --scope chat --models 'gpt-*' --rpm 60 --tpm 100000 --usd-cap 50");
    create->callback([&, options] { exit_code = eco2::app::create_key(common, *options); });
    auto* list = command->add_subcommand("list", "Show all keys, without their secrets");
    add_common(*list, common);
    add_json(*list, common);
    list->callback([&] { exit_code = eco2::app::list_keys(common); });
    auto* revoke = command->add_subcommand("revoke", "End a key for good; a host that serves knows within a second");
    auto id = std::make_shared<std::string>();
    add_common(*revoke, common);
    add_json(*revoke, common);
    revoke->add_option("id", *id, "As `eco2 keys list` shows it")->required();
    revoke->callback([&, id] { exit_code = eco2::app::revoke_key(common, *id); });
}

void add_run_change(CLI::App& runs, CommonOptions& common, int& exit_code, const std::string& name, const std::string& help) {
    auto* command = runs.add_subcommand(name, help);
    auto id = std::make_shared<std::string>();
    add_common(*command, common);
    add_json(*command, common);
    command->add_option("id", *id, "The run's id (job_id)")->required();
    command->callback([&, id, name] { exit_code = eco2::app::change_run(common, *id, name); });
}

void add_runs(CLI::App& app, CommonOptions& common, int& exit_code) {
    auto* command = app.add_subcommand("runs", "Submitted runs: list, show, replay, cancel");
    command->require_subcommand(1);
    auto* list = command->add_subcommand("list", "Show submitted runs, newest first");
    auto options = std::make_shared<eco2::app::RunListOptions>();
    add_common(*list, common);
    add_json(*list, common);
    list->add_option("--user", options->user, "Only this user's");
    list->add_option("--status", options->status, "processing, completed, failed (dead letters) or cancelled");
    list->add_option("--limit", options->limit, "How many at most")->capture_default_str()->check(CLI::Range(1, 200));
    list->callback([&, options] { exit_code = eco2::app::list_runs(common, *options); });
    auto* show = command->add_subcommand("show", "Show one run as JSON: input, finished stages, result");
    auto id = std::make_shared<std::string>();
    add_common(*show, common);
    add_json(*show, common);
    show->add_option("id", *id, "The run's id (job_id)")->required();
    show->callback([&, id] { exit_code = eco2::app::show_run(common, *id); });
    add_run_change(
        *command, common, exit_code, "replay", "Repeat a failed run as a new one; finished stages are not paid again");
    add_run_change(*command, common, exit_code, "cancel", "End a run that is under way");
    command->footer("replay and cancel ask the host that serves the same --data; list and show also work without one.");
}

void add_reload(CLI::App& app, CommonOptions& common, int& exit_code) {
    auto* command = app.add_subcommand("reload", "Have the host that serves this --data read its configuration anew");
    add_common(*command, common);
    add_json(*command, common);
    command->footer(
        "Streams go on; runs under way end on what they began on. When anything of the new configuration fails, the host goes\n"
        "on with the old one and this command tells why. kill -HUP does the same and tells it in the log.");
    command->callback([&] { exit_code = eco2::app::reload(common); });
}

void add_users(CLI::App& app, CommonOptions& common, int& exit_code) {
    auto* command = app.add_subcommand("users", "Users' data");
    command->require_subcommand(1);
    auto* forget = command->add_subcommand("forget", "Delete all that is kept of a user: runs, answers, photos, rewards");
    auto user = std::make_shared<std::string>();
    add_common(*forget, common);
    add_json(*forget, common);
    forget->add_option("user", *user, "The user's UUID")->required();
    forget->callback([&, user] { exit_code = eco2::app::forget_user(common, *user); });
}

void add_explain(CLI::App& app, CommonOptions& common, int& exit_code) {
    auto* command = app.add_subcommand("explain", "Show which route a model takes and why, or what became of a request");
    add_common(*command, common);
    add_json(*command, common);
    auto id = std::make_shared<std::string>();
    auto model = std::make_shared<std::string>();
    auto* by_id =
        command->add_option("request_id", *id, "The x-request-id of a recent answer; asks the host that serves --data");
    auto* by_model = command->add_option("--model", *model, "A model's name; reads the configuration alone")->excludes(by_id);
    command->callback([&, id, model, by_id, by_model] {
        if (by_id->count() == 0 && by_model->count() == 0) {
            throw CLI::RequiredError("request_id or --model");
        }
        exit_code = by_id->count() != 0 ? eco2::app::explain_request(common, *id) : eco2::app::explain_model(common, *model);
    });
}

void add_ledger(CLI::App& app, CommonOptions& common, int& exit_code) {
    auto* command = app.add_subcommand("ledger", "Show what attempts at providers have cost, failed and cancelled ones too");
    auto options = std::make_shared<eco2::app::LedgerOptions>();
    add_common(*command, common);
    add_json(*command, common);
    command->add_option("--by", options->by, "day, caller, provider, key, model or route")->capture_default_str();
    command->add_option("--since", options->since, "UTC day to begin with, such as 2026-01-31");
    command->footer("A host that serves writes its sums once a second.");
    command->callback([&, options] { exit_code = eco2::app::show_ledger(common, *options); });
}

void add_plugin(CLI::App& app, CommonOptions& common, int& exit_code) {
    auto* command = app.add_subcommand("plugin", "Look at plugins");
    command->require_subcommand(1);
    auto* list = command->add_subcommand("list", "Show all plugins that can be found, without running any code of theirs");
    add_common(*list, common);
    add_json(*list, common);
    list->callback([&] { exit_code = eco2::app::list_plugins(common); });
}

void add_fake(CLI::App& app, int& exit_code) {
    auto* command =
        app.add_subcommand("fake-provider", "Run an OpenAI-compatible server that makes everything up: for tests, demos, load");
    struct Options {
        std::string listen = "127.0.0.1:4010";
        eco2::fake::FakeOptions fake;
        std::vector<std::string> classes;
        bool is_round_robin = false;
        eco2::app::FaultOptions faults;
    };
    auto options = std::make_shared<Options>();
    auto& faults = options->faults;
    auto& fake = options->fake;
    command->add_option("--listen", options->listen, "HOST:PORT")->capture_default_str();
    command->add_option("--vision-ms", fake.latency.vision_ms, "Time of a vision answer")->capture_default_str();
    command->add_option("--answer-ms", fake.latency.answer_ms, "Time of any other answer")->capture_default_str();
    command->add_option(
        "--first-token-ms", fake.latency.first_token_ms, "Streams: time to the first token (-1: 40 % of the whole)");
    command->add_option("--tokens-per-second", fake.latency.tokens_per_second, "Streams: pace, in place of the whole time");
    command->add_option("--jitter-percent", fake.latency.jitter_percent, "Draw each time from +- so much");
    command->add_option("--class", options->classes, "major/middle[/minor] to answer with; may be repeated");
    command->add_flag("--round-robin", options->is_round_robin, "Take the classes in turn, not by the photo");
    command->add_option("--insufficiency", fake.answers.insufficiencies, "What the user still does wrong; may be repeated");
    command->add_option(
        "--fault", faults.name, "Fail requests: status, silence, cut_stream, reset_before_head, garbage_body, ...");
    command->add_option("--status", faults.status, "With --fault status: the HTTP status")->capture_default_str();
    command->add_option("--error-rate", faults.error_rate, "Share of requests that --fault hits")->capture_default_str();
    command->add_option(
        "--pacing-ms", fake.latency.pacing_ms, "Streams: fixed time between chunks (-1: spread over the whole time)");
    command->add_option("--text", fake.answers.text, "What every plain answer says; one chunk and one token a word");
    command->add_option("--fault-scale", fake.fault_scale, "Multiply the times of the fault-NAME models")
        ->capture_default_str();
    command->add_option("--mix", faults.mix, R"(Draw faults by share: {"429":0.05,"cut":0.05,"seed":7}, or a file with it)");
    command->add_option("--accounts",
                        faults.accounts,
                        R"(Limits: {"accounts":{"a":{"rpm":500,"tpm":100000,"keys":["k1"]}},"window":"fixed"}, or a file)");
    command->add_option("--window-ms", faults.window_ms, "What counts as a minute for limits")->check(CLI::Range(1, 3'600'000));
    command->add_option("--prices", faults.prices, R"(USD per million tokens: {"MODEL":{"in":1,"out":4}}, or a file)");
    command->add_option(
        "--batch", faults.batch, R"(Batches: {"in_progress_ms":200,"discount":0.5,"lines_max":50000,"faults":[]}, or a file)");
    command->add_option("--batch-dir", fake.batch_directory, "Where uploaded files are kept while it runs (default: TMPDIR)");
    command->add_flag("--require-key", fake.require_key, "Answer 401 without a key");
    command->add_option("--requests-per-minute", fake.requests_per_minute, "Limit, with true x-ratelimit-* headers");
    command->add_option("--seed", fake.seed, "Of everything random")->capture_default_str();
    command->footer(
        "Models that misbehave by their name (:ANYTHING after it makes a model with a first attempt of its own):\n" +
        eco2::fake::fault_model_help() +
        "\nAt run time: POST /fake/behaviour switches faults, GET /fake/stats tells what happened, GET /fake/bill what it\n"
        "cost, POST /fake/batch/advance lets hours pass for batches, POST /fake/reset begins anew, GET / explains. All keys: "
        "core/fake_provider/README.md");
    command->callback([&exit_code, options] {
        auto& answers = options->fake.answers;
        if (!options->classes.empty()) {
            answers.classes = options->classes;
        }
        answers.pick = options->is_round_robin ? eco2::fake::ClassPick::round_robin : eco2::fake::ClassPick::by_image;
        exit_code = eco2::app::fake_provider(options->listen, std::move(options->fake), options->faults);
    });
}

/// A file that is opened while 0, 1 or 2 is free gets that number; the log would then be written into it, be it a database.
void open_standard_streams() {
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO) {
        fd = dup(fd);
    }
    if (fd > STDERR_FILENO) {
        close(fd);
    }
}

}  // namespace

int main(int argc, char** argv) {
    open_standard_streams();
    // libvips would set this itself when the first photo comes, while other threads may be reading the environment.
    setenv("VIPSHOME", "/usr", 0);
    try {
        CLI::App app("eco2: staged LLM pipelines, live over SSE or in batch, every part a plugin");
        app.set_version_flag("--version", std::string("eco2 ") + eco2::kVersion + " (" + eco2::kRevision + ")");
        app.require_subcommand(1);
        app.footer("Exit codes: 0 done, 1 failed, 2 wrong command line, 3 configuration or plugin at fault.");
        CommonOptions common;
        int exit_code = eco2::app::kOk;
        add_serve(app, common, exit_code);
        add_scan(app, common, exit_code);
        eco2::app::add_batch(app, common, exit_code);
        eco2::app::add_eval(app, common, exit_code);
        add_config(app, common, exit_code);
        add_rules(app, common, exit_code);
        add_reload(app, common, exit_code);
        add_runs(app, common, exit_code);
        add_users(app, common, exit_code);
        add_keys(app, common, exit_code);
        add_explain(app, common, exit_code);
        add_ledger(app, common, exit_code);
        add_plugin(app, common, exit_code);
        add_fake(app, exit_code);
        try {
            app.parse(argc, argv);
        } catch (const CLI::RequiredError& error) {
            // A word that is no command is told as a missing one.
            const auto left = app.remaining(true);
            if (!left.empty() && !left.front().starts_with('-')) {
                std::fprintf(stderr, "eco2: no command \"%s\"\n", left.front().c_str());
            }
            return app.exit(error) == 0 ? eco2::app::kOk : eco2::app::kUsage;
        } catch (const CLI::ParseError& error) {
            return app.exit(error) == 0 ? eco2::app::kOk : eco2::app::kUsage;
        }
        return exit_code;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "eco2: INTERNAL: %s\n", error.what());
        return eco2::app::kFailed;
    }
}
