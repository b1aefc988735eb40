#include "app/commands.hpp"

#include <cstdio>
#include <filesystem>
#include <future>
#include <utility>

namespace eco2::app {
namespace {

/// Hands one call's outcome to a waiting thread. Lives on the I/O thread that started the call.
class ImportObserver final : public CallObserver {
public:
    explicit ImportObserver(std::promise<Result<std::string>> outcome) : outcome_(std::move(outcome)) {}

    std::unique_ptr<Call> call;

private:
    Flow on_text(std::string_view) override { return Flow::go_on; }
    void on_usage(const Usage&) override {}
    void on_meta(const CallMeta&) override {}
    void on_result(std::string_view json, std::string_view) override { result_ = json; }
    void on_done(FinishReason, const CallError* error) override {
        outcome_.set_value(error == nullptr ? Result<std::string>(result_) : Result<std::string>(error->error));
    }

    std::promise<Result<std::string>> outcome_;
    std::string result_;
};

Result<std::string> import_into(runtime::Host& host, RuleStoreDoor& store, const std::string& directory) {
    std::promise<Result<std::string>> promise;
    auto outcome = promise.get_future();
    // Shared: the call runs on an I/O thread, and this thread takes it down afterwards.
    auto observer = std::make_shared<ImportObserver>(std::move(promise));
    auto refused = std::make_shared<std::promise<Result<void>>>();
    auto started = refused->get_future();
    host.threads().post_to(0, [&store, directory, observer, refused](TaskFate) {
        auto call = store.import_directory(directory, *observer);
        if (call) {
            observer->call = std::move(call.value());
        }
        refused->set_value(call ? Result<void>() : Result<void>(call.error()));
    });
    if (auto result = started.get(); !result) {
        return result.error();
    }
    auto result = outcome.get();
    std::promise<void> gone;
    host.threads().post_to(0, [&](TaskFate) {
        observer->call.reset();
        gone.set_value();
    });
    gone.get_future().wait();
    return result;
}

}  // namespace

int import_rules(const CommonOptions& common, const std::string& directory, const std::string& instance) {
    std::error_code ec;
    const auto absolute = std::filesystem::canonical(directory, ec);
    if (ec || !std::filesystem::is_directory(absolute)) {
        print_error(fail(Errc::io_failed, directory + " is not a directory that can be read"));
        return kFailed;
    }
    auto config = load_config(common);
    if (!config) {
        print_error(config.error());
        return kConfig;
    }
    auto log = runtime::log_options(config.value());
    log.level = LogLevel::warn;
    runtime::Host host(std::move(config.value()), layout(), std::move(log));
    if (auto loaded = host.load_plugin(instance); !loaded) {
        print_error(loaded.error());
        return kConfig;
    }
    auto* store = host.plugins().rule_store(instance);
    if (store == nullptr) {
        print_error(fail(Errc::plugin_missing, "instance \"" + instance + "\" is not a rule store"));
        return kConfig;
    }
    const auto imported = import_into(host, *store, absolute);
    (void)host.stop();
    if (!imported) {
        print_error(imported.error());
        return kFailed;
    }
    if (common.is_json) {
        std::printf("%s\n", imported.value().c_str());
    } else {
        std::printf("imported from %s: %s\nrunning hosts take the new rules within a second; runs in flight keep theirs\n",
                    absolute.c_str(),
                    imported.value().c_str());
    }
    return kOk;
}

}  // namespace eco2::app
