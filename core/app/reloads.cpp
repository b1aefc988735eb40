#include "app/reloads.hpp"

#include "base/text.hpp"

#include <utility>

namespace eco2::app {
namespace {

std::string list_json(const std::vector<std::string>& texts) {
    std::string out;
    for (const auto& text : texts) {
        out += (out.empty() ? "" : ",") + json_quote(text);
    }
    return "[" + out + "]";
}

}  // namespace

void Reloads::request(Done done) {
    if (host_.is_draining() || !host_.is_loaded()) {
        return done(fail(host_.is_draining() ? Errc::draining : Errc::not_ready));
    }
    const bool is_taken = host_.control().post([this, done](TaskFate fate) {
        if (fate == TaskFate::dropped) {
            return done(fail(Errc::draining));
        }
        done(host_.reload(read_, [this](const config::HostConfig& config) { return access_->prepare(config); }));
    });
    if (!is_taken) {
        done(fail(Errc::overloaded, "too many reloads wait already"));
    }
}

std::string reload_json(const runtime::ReloadReport& report) {
    return R"({"status":"reloaded","generation":)" + std::to_string(report.generation) + R"(,"started":)" +
           list_json(report.started) + R"(,"kept":)" + list_json(report.kept) + R"(,"stopping":)" + list_json(report.stopping) +
           R"(,"needs_restart":)" + list_json(report.needs_restart) + "}";
}

}  // namespace eco2::app
