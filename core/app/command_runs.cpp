#include "app/admin.hpp"
#include "app/commands.hpp"
#include "base/text.hpp"
#include "base/utc.hpp"
#include "store/data_lock.hpp"
#include "store/run_file.hpp"

#include <boost/json/parse.hpp>

#include <cstdio>
#include <utility>

namespace eco2::app {
namespace {

namespace json = boost::json;

std::string text_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// What a host refused, with the code that it gave.
int tell_refusal(const AdminReply& reply) {
    json::error_code ec;
    const auto value = json::parse(reply.body, ec);
    const auto* object = ec ? nullptr : value.if_object();
    std::fprintf(stderr,
                 "eco2: %s: %s\n",
                 object == nullptr ? "INTERNAL" : text_at(*object, "code").c_str(),
                 object == nullptr ? reply.body.c_str() : text_at(*object, "detail").c_str());
    return kFailed;
}

/// One run a line, for people.
void print_line(const std::string& line) {
    json::error_code ec;
    const auto value = json::parse(line, ec);
    if (ec || !value.is_object()) {
        return;
    }
    const auto& run = value.get_object();
    std::printf("%s  %-10s  %-12s  %s  user %s  %s\n",
                text_at(run, "job_id").c_str(),
                text_at(run, "status").c_str(),
                text_at(run, "pipeline").c_str(),
                text_at(run, "created_at").c_str(),
                text_at(run, "user_id").c_str(),
                text_at(run, "error").c_str());
}

void print_lines(std::string_view lines, bool is_json) {
    if (is_json) {
        std::fwrite(lines.data(), 1, lines.size(), stdout);
        return;
    }
    for (auto end = lines.find('\n'); end != std::string_view::npos; end = lines.find('\n')) {
        print_line(std::string(lines.substr(0, end)));
        lines.remove_prefix(end + 1);
    }
}

/// An id as the host writes it. Errors: run_not_found.
Result<std::string> run_id_of(const std::string& text) {
    return is_uuid(text) ? Result<std::string>(to_lower_ascii(text))
                         : fail(Errc::run_not_found, "no run has the id \"" + shorten(text, 80) + "\"");
}

Result<RunFilter> filter_of(const RunListOptions& options) {
    RunFilter filter;
    filter.user_id = to_lower_ascii(options.user);
    filter.count_max = options.limit;
    const std::pair<std::string_view, RunState> kStates[] = {{"processing", RunState::queued},
                                                             {"completed", RunState::done},
                                                             {"failed", RunState::dead},
                                                             {"cancelled", RunState::cancelled}};
    for (const auto& [word, state] : kStates) {
        if (options.status == word) {
            filter.state = state;
        }
    }
    if (!options.status.empty() && !filter.state) {
        return fail(Errc::invalid_field, "--status must be processing, completed, failed or cancelled");
    }
    if (!options.user.empty() && !is_uuid(options.user)) {
        return fail(Errc::invalid_field, "--user must be a UUID");
    }
    return filter;
}

/// The file that no host has open now, to look at.
store::RunFile file_of(const config::HostConfig& config) {
    store::RunFile::Options options((config.data_dir / "runs.db").string());
    options.is_read_only = true;
    return store::RunFile(std::move(options));
}

bool has_file(const config::HostConfig& config) {
    std::error_code ec;
    return std::filesystem::exists(config.data_dir / "runs.db", ec);
}

/// Asks the running host; nullopt: there is none.
std::optional<int> ask(
    const config::HostConfig& config, std::string_view method, const std::string& target, bool is_json, bool is_list) {
    const auto reply = ask_host(config.data_dir, method, target);
    if (!reply && reply.error().code == Errc::not_found) {
        return std::nullopt;
    }
    if (!reply) {
        print_error(reply.error());
        return kFailed;
    }
    if (reply->status >= 300) {
        return tell_refusal(*reply);
    }
    print_lines(reply->body, is_json || !is_list);
    return kOk;
}

int no_host(const config::HostConfig& config) {
    print_error(
        fail(Errc::not_found, "no host serves " + config.data_dir.string() + "; start `eco2 serve` with this --data first"));
    return kFailed;
}

}  // namespace

int list_runs(const CommonOptions& common, const RunListOptions& options) {
    const auto config = load_config(common);
    if (!config) {
        print_error(config.error());
        return kConfig;
    }
    const auto filter = filter_of(options);
    if (!filter) {
        print_error(filter.error());
        return kUsage;
    }
    const auto target =
        "/runs?limit=" + std::to_string(options.limit) + "&user=" + filter->user_id + "&status=" + options.status;
    if (const auto code = ask(*config, "GET", target, common.is_json, true)) {
        return *code;
    }
    if (!has_file(*config)) {
        return kOk;
    }
    const auto runs = file_of(*config).list(*filter);
    if (!runs) {
        print_error(runs.error());
        return kFailed;
    }
    for (const auto& run : *runs) {
        print_lines(operator_summary_json(run) + "\n", common.is_json);
    }
    return kOk;
}

int show_run(const CommonOptions& common, const std::string& text) {
    const auto config = load_config(common);
    if (!config) {
        print_error(config.error());
        return kConfig;
    }
    const auto id = run_id_of(text);
    if (!id) {
        print_error(id.error());
        return kFailed;
    }
    if (const auto code = ask(*config, "GET", "/runs/" + *id, common.is_json, false)) {
        return *code;
    }
    const auto run = has_file(*config) ? file_of(*config).load(*id) : Result<StoredRun>(fail(Errc::not_found));
    if (!run) {
        print_error(run.error().code == Errc::not_found ? fail(Errc::run_not_found, "no run has the id \"" + *id + "\"")
                                                        : run.error());
        return kFailed;
    }
    std::printf("%s\n", stored_run_json(*run).c_str());
    return kOk;
}

int change_run(const CommonOptions& common, const std::string& text, std::string_view change) {
    const auto config = load_config(common);
    if (!config) {
        print_error(config.error());
        return kConfig;
    }
    const auto id = run_id_of(text);
    if (!id) {
        print_error(id.error());
        return kFailed;
    }
    const auto code = ask(*config, "POST", "/runs/" + *id + "/" + std::string(change), common.is_json, false);
    return code ? *code : no_host(*config);
}

int forget_user(const CommonOptions& common, const std::string& user) {
    const auto config = load_config(common);
    if (!config) {
        print_error(config.error());
        return kConfig;
    }
    if (!is_uuid(user)) {
        print_error(fail(Errc::invalid_field, "\"" + shorten(user, 80) + "\" is no UUID"));
        return kUsage;
    }
    const auto code = ask(*config, "POST", "/users/" + to_lower_ascii(user) + "/forget", common.is_json, false);
    return code ? *code : no_host(*config);
}

}  // namespace eco2::app
