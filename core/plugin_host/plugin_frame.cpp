#include "plugin_host/plugin_frame.hpp"

#include "base/limits.hpp"
#include "plugin_host/instance_context.hpp"

#include <utility>

namespace eco2::plugin_host {
namespace {
thread_local PluginFrame* innermost = nullptr;
}

PluginFrame::PluginFrame(InstanceContext& context, std::string_view function) noexcept
    : context_(context), function_(function), outer_(std::exchange(innermost, this)), since_(context.doors().clock.now()) {}

PluginFrame::~PluginFrame() {
    innermost = outer_;
    const auto total = context_.doors().clock.now() - since_;
    if (outer_ != nullptr) {
        outer_->in_host_ += total;
    }
    if (total - in_host_ > limits::kPluginCallMax && context_.doors().executor.current_thread() >= 0) {
        context_.note_slow_call(function_, total - in_host_);
    }
}

std::string_view PluginFrame::current_plugin() noexcept {
    return innermost == nullptr ? std::string_view{} : innermost->context_.plugin();
}

HostFrame::HostFrame() noexcept : plugin_(std::exchange(innermost, nullptr)) {
    if (plugin_ != nullptr) {
        since_ = plugin_->context_.doors().clock.now();
    }
}

HostFrame::~HostFrame() {
    innermost = plugin_;
    if (plugin_ != nullptr) {
        plugin_->in_host_ += plugin_->context_.doors().clock.now() - since_;
    }
}

}  // namespace eco2::plugin_host
