#include "app/admin.hpp"
#include "app/commands.hpp"
#include "base/text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

namespace eco2::app {
namespace {

namespace json = boost::json;

std::string text_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

int tell_failure(const Error& error, bool is_json) {
    if (is_json) {
        std::printf("{\"status\":\"failed\",\"code\":%s,\"detail\":%s}\n",
                    json_quote(error.name()).c_str(),
                    json_quote(error.detail).c_str());
    } else {
        print_error(error);
    }
    return kFailed;
}

int tell_refusal(const AdminReply& reply, bool is_json) {
    json::error_code ec;
    const auto value = json::parse(reply.body, ec);
    const auto* object = ec ? nullptr : value.if_object();
    const auto code = object == nullptr ? "INTERNAL" : text_at(*object, "code");
    const auto detail = object == nullptr ? reply.body : text_at(*object, "detail");
    if (is_json) {
        std::printf(
            "{\"status\":\"failed\",\"code\":%s,\"detail\":%s}\n", json_quote(code).c_str(), json_quote(detail).c_str());
    } else {
        std::fprintf(stderr, "eco2: %s: %s\n      the host goes on with its old configuration\n", code.c_str(), detail.c_str());
    }
    return kFailed;
}

void print_list(const json::object& report, const char* key, const char* words) {
    const auto* list = report.if_contains(key);
    if (list == nullptr || !list->is_array() || list->get_array().empty()) {
        return;
    }
    std::string out;
    for (const auto& item : list->get_array()) {
        out += (out.empty() ? "" : ", ") + std::string(item.is_string() ? std::string_view(item.get_string()) : "?");
    }
    std::printf("%s: %s\n", words, out.c_str());
}

void tell_success(const AdminReply& reply, bool is_json) {
    json::error_code ec;
    const auto value = json::parse(reply.body, ec);
    if (is_json || ec || !value.is_object()) {
        std::fwrite(reply.body.data(), 1, reply.body.size(), stdout);
        return;
    }
    const auto& report = value.get_object();
    const auto* generation = report.if_contains("generation");
    std::printf("reloaded, generation %s\n", generation == nullptr ? "?" : std::string(json::serialize(*generation)).c_str());
    print_list(report, "started", "started");
    print_list(report, "stopping", "stop when their last run has ended");
    print_list(report, "needs_restart", "not in effect before a restart");
}

/// The host's folder, also when the file is broken: that is what the host is to say.
Result<std::filesystem::path> data_dir_of(const CommonOptions& common) {
    if (common.overrides.data_dir) {
        return std::filesystem::absolute(*common.overrides.data_dir);
    }
    if (const auto from_environment = config::process_environment()("ECO2_DATA");
        from_environment && !from_environment->empty()) {
        return std::filesystem::absolute(*from_environment);
    }
    const auto config = load_config(common);
    return config ? Result<std::filesystem::path>(config->data_dir) : config.error();
}

}  // namespace

int reload(const CommonOptions& common) {
    const auto data_dir = data_dir_of(common);
    if (!data_dir) {
        return tell_failure(data_dir.error(), common.is_json);
    }
    const auto reply = ask_host(*data_dir, "POST", "/reload", limits::kReloadTimeout);
    if (!reply) {
        return tell_failure(reply.error(), common.is_json);
    }
    if (reply->status != 200) {
        return tell_refusal(*reply, common.is_json);
    }
    tell_success(*reply, common.is_json);
    return kOk;
}

}  // namespace eco2::app
