#include "app/commands.hpp"
#include "base/text.hpp"

#include <cstdio>

namespace eco2::app {
namespace {

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const auto& word : words) {
        out += (out.empty() ? "" : " ") + word;
    }
    return out;
}

std::string json_of(const plugin_host::PluginSummary& plugin) {
    std::string interfaces;
    for (const auto& id : plugin.interfaces) {
        interfaces += (interfaces.empty() ? "" : ",") + json_quote(id);
    }
    return R"({"id":)" + json_quote(plugin.id) + R"(,"version":)" + json_quote(plugin.version) + R"(,"interfaces":[)" +
           interfaces + R"(],"licence":)" + json_quote(plugin.licence) + R"(,"directory":)" + json_quote(plugin.directory) +
           R"(,"problem":)" + (plugin.problem.empty() ? "null" : json_quote(plugin.problem)) + "}";
}

}  // namespace

int list_plugins(const CommonOptions& common) {
    const auto config = load_config(common);
    if (!config) {
        print_error(config.error());
        return kConfig;
    }
    plugin_host::Options options;
    options.is_production = config.value().is_production;
    for (const auto& directory : config.value().plugin_dirs.empty() ? layout().plugin_dirs : config.value().plugin_dirs) {
        options.directories.push_back(directory);
    }
    const auto plugins = plugin_host::PluginHost::list(options);
    if (plugins.empty() && !common.is_json) {
        std::printf("no plugins; plugins.dirs names the directories, one folder a plugin\n");
    }
    int problems = 0;
    for (const auto& plugin : plugins) {
        problems += plugin.problem.empty() ? 0 : 1;
        if (common.is_json) {
            std::printf("%s\n", json_of(plugin).c_str());
            continue;
        }
        std::printf("%-18s %-8s %s\n", plugin.id.c_str(), plugin.version.c_str(), joined(plugin.interfaces).c_str());
        if (!plugin.problem.empty()) {
            std::printf("%-18s would be refused: %s\n", "", plugin.problem.c_str());
        }
    }
    return problems == 0 ? kOk : kFailed;
}

}  // namespace eco2::app
