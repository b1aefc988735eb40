#include "app/commands.hpp"

#include "config/pipeline_file.hpp"
#include "pipeline/pipeline.hpp"

#include <csignal>
#include <cstdio>
#include <string>

namespace eco2::app {
namespace {

sigset_t stop_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    return signals;
}

sigset_t serve_signals() {
    auto signals = stop_signals();
    sigaddset(&signals, SIGHUP);
    return signals;
}

void block(const sigset_t& signals) {
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

int wait_for(const sigset_t& signals) {
    int signal = 0;
    sigwait(&signals, &signal);
    return signal;
}

int wait_for(const sigset_t& signals, std::chrono::milliseconds timeout) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
    const timespec wait{seconds.count(), std::chrono::nanoseconds(timeout - seconds).count()};
    const int signal = sigtimedwait(&signals, nullptr, &wait);
    return signal > 0 ? signal : 0;
}

}  // namespace

runtime::Layout layout() {
    return runtime::find_layout(runtime::this_program());
}

Result<config::HostConfig> load_config(const CommonOptions& common) {
    const auto file = common.config_file.empty() ? layout().config_file : std::filesystem::path(common.config_file);
    return config::load_host_config(file, config::process_environment(), common.overrides);
}

void print_error(const Error& error) {
    std::fprintf(stderr, "eco2: %s\n", error.text().c_str());
    if (!error.detail.empty()) {
        std::fprintf(stderr, "      %.*s\n", static_cast<int>(info(error.code).help.size()), info(error.code).help.data());
    }
}

void block_stop_signals() {
    block(stop_signals());
}
int wait_for_stop_signal() {
    return wait_for(stop_signals());
}
int wait_for_stop_signal(std::chrono::milliseconds timeout) {
    return wait_for(stop_signals(), timeout);
}

void block_serve_signals() {
    block(serve_signals());
}
int wait_for_serve_signal() {
    return wait_for(serve_signals());
}
int wait_for_serve_signal(std::chrono::milliseconds timeout) {
    return wait_for(serve_signals(), timeout);
}

int check_config(const CommonOptions& common) {
    const auto config = load_config(common);
    if (!config) {
        print_error(config.error());
        return kConfig;
    }
    for (const auto& file : config.value().pipelines) {
        auto definition = config::load_pipeline(file);
        auto compiled = definition ? Pipeline::compile(std::move(definition.value()))
                                   : Result<std::shared_ptr<const Pipeline>>(definition.error());
        if (!compiled) {
            print_error(compiled.error());
            return kConfig;
        }
        if (!common.is_json) {
            const auto& pipeline = compiled.value()->definition();
            std::printf("pipeline %s: %zu stages (%s)\n", pipeline.name.c_str(), pipeline.stages.size(), file.c_str());
        }
    }
    for (const auto& plugin : config.value().plugins) {
        for (const auto& key : plugin.keys) {
            if (!key.value && !common.is_json) {
                std::printf("plugin %s: key %s is not set (%s)\n", plugin.id.c_str(), key.id.c_str(), key.source.c_str());
            }
        }
    }
    std::printf(common.is_json ? "{\"status\":\"ok\"}\n" : "configuration ok\n");
    return kOk;
}

}  // namespace eco2::app
