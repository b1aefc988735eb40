#include "batch/jobs/fail_point.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>

namespace eco2::batch {
namespace {

struct Armed {
    Armed() {
        const char* told = std::getenv("ECO2_FAIL_POINT");
        if (told == nullptr) {
            return;
        }
        name = told;
        if (const auto how = name.find('='); how != std::string::npos) {
            signal = name.substr(how + 1) == "stop" ? SIGSTOP : SIGKILL;
            name.resize(how);
        }
        if (const auto colon = name.find(':'); colon != std::string::npos) {
            left = std::atoi(name.c_str() + colon + 1);
            name.resize(colon);
        }
    }
    std::string name;
    std::atomic<int> left{1};
    int signal = SIGKILL;
};

std::function<void(std::string_view)>& hook() {
    static std::function<void(std::string_view)> set;
    return set;
}

}  // namespace

void fail_point(std::string_view name) {
    static Armed armed;
    if (hook()) {
        hook()(name);
    }
    if (!armed.name.empty() && armed.name == name && --armed.left == 0) {
        std::raise(armed.signal);
    }
}

void set_fail_point_hook(std::function<void(std::string_view name)> to) {
    hook() = std::move(to);
}

const std::vector<std::string>& fail_points() {
    static const std::vector<std::string> all = {
        "plan.items",     "plan.open",     "walk.before",   "walk.after",    "shard.planned",   "build.middle",
        "build.renamed",  "build.after",   "upload.intent", "upload.middle", "upload.sent",     "upload.after",
        "submit.intent",  "submit.fenced", "submit.sent",   "submit.after",  "poll.after",      "download.middle",
        "download.after", "ingest.middle", "ingest.after",  "settle.after",  "cleanup.middle",  "export.written",
        "export.renamed", "export.after",  "cancel.asked",  "cancel.sent",   "reconcile.after",
    };
    return all;
}

}  // namespace eco2::batch
