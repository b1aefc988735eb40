#pragma once

#include "base/clock.hpp"

#include <string_view>

namespace eco2::plugin_host {

class InstanceContext;

/// The calling thread is inside a plugin's code while this lives. Frames nest.
///
/// On an I/O thread the time spent inside, without what the host did in callbacks meanwhile, is checked against
/// limits::kPluginCallMax.
///
/// Thread-safety: one thread.
class PluginFrame {
public:
    PluginFrame(InstanceContext& context, std::string_view function) noexcept;
    ~PluginFrame();
    PluginFrame(const PluginFrame&) = delete;
    PluginFrame& operator=(const PluginFrame&) = delete;

    /// Plugin whose code the calling thread is in; empty: none.
    static std::string_view current_plugin() noexcept;

private:
    friend class HostFrame;

    InstanceContext& context_;
    std::string_view function_;
    PluginFrame* outer_;
    Clock::Monotonic since_;
    Clock::Monotonic::duration in_host_{};
};

/// The host's own work inside a callback from a plugin.
class HostFrame {
public:
    HostFrame() noexcept;
    ~HostFrame();
    HostFrame(const HostFrame&) = delete;
    HostFrame& operator=(const HostFrame&) = delete;

private:
    PluginFrame* plugin_;
    Clock::Monotonic since_{};
};

}  // namespace eco2::plugin_host
