#include "batch/wire/poco_transport.hpp"

#include "base/text.hpp"
#include "batch/wire/connection.hpp"
#include "batch/wire/download_file.hpp"
#include "batch/wire/exchange.hpp"
#include "batch/wire/outgoing.hpp"
#include "batch/wire/patience.hpp"
#include "net/proxy.hpp"
#include "net/upstream_url.hpp"

#include <exception>
#include <optional>
#include <utility>

namespace eco2::batch {
namespace {

void end_early(WireResult& result, std::string detail, bool was_stopped = false) {
    result.detail = std::move(detail);
    result.was_stopped = was_stopped;
}

}  // namespace

struct PocoTransport::Parts {
    Options options;
    net::ProxyRules proxies;
    Poco::Net::Context::Ptr tls;
};

struct PocoTransport::Task {
    const BatchRequest& request;
    const Hooks& hooks;
    std::chrono::milliseconds time_max = std::chrono::hours(24 * 365);
    const std::filesystem::path* sends = nullptr;
    const std::filesystem::path* fetches = nullptr;
};

PocoTransport::PocoTransport(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
PocoTransport::~PocoTransport() = default;

Result<std::unique_ptr<PocoTransport>> PocoTransport::make(Options options) {
    auto proxies = net::ProxyRules::make(options.https_proxy, options.no_proxy);
    if (!proxies) {
        return proxies.error();
    }
    auto tls = make_tls_context(options.ca_file);
    if (!tls) {
        return tls.error();
    }
    auto parts = std::make_unique<Parts>(Parts{std::move(options), std::move(*proxies), *tls});
    return std::unique_ptr<PocoTransport>(new PocoTransport(std::move(parts)));
}

WireResult PocoTransport::call(const BatchRequest& request, const Hooks& hooks) {
    return run({request, hooks, parts_->options.call_time_max});
}

WireResult PocoTransport::upload(const BatchRequest& request, const std::filesystem::path& file, const Hooks& hooks) {
    Task task{request, hooks};
    task.sends = &file;
    return run(task);
}

WireResult PocoTransport::download(const BatchRequest& request, const std::filesystem::path& file, const Hooks& hooks) {
    Task task{request, hooks};
    task.fetches = &file;
    return run(task);
}

WireResult PocoTransport::run(const Task& task) {
    WireResult result;
    result.end = WireResult::End::not_sent;
    const SigpipeGuard guard;
    try {
        run_into(result, task);
    } catch (const std::exception& error) {
        result.detail = std::string("unexpected: ") + error.what();
    }
    return result;
}

void PocoTransport::run_into(WireResult& result, const Task& task) {
    const Options& options = parts_->options;
    const auto url = net::parse_upstream_url(task.request.url);
    if (!url) {
        return end_early(result, url.error().detail);
    }
    Outgoing outgoing(task.request);
    std::optional<DownloadFile> file;
    std::vector<std::pair<std::string, std::string>> fields = {{"user-agent", "eco2"}, {"accept-encoding", "identity"}};
    if (task.sends != nullptr) {
        if (const auto opened = outgoing.open_file(*task.sends); !opened) {
            return end_early(result, opened.error().detail);
        }
    }
    if (task.fetches != nullptr) {
        if (!file.emplace().open(*task.fetches)) {
            result.is_disk_full = true;
            return end_early(result, file->detail());
        }
        if (file->size() > 0) {
            fields.emplace_back("range", "bytes=" + std::to_string(file->size()) + "-");
        }
    }
    const net::Proxy* proxy = parts_->proxies.proxy_for(url->host);
    const bool is_forwarded = proxy != nullptr && !url->is_tls;
    if (is_forwarded && !proxy->authorization.empty()) {
        fields.emplace_back("proxy-authorization", proxy->authorization);
    }
    const std::string target = is_forwarded ? "http://" + url->authority + url->target : url->target;
    if (const auto head = outgoing.set_head(url->authority, target, fields); !head) {
        return end_early(result, head.error().detail);
    }

    Connection connection(parts_->tls);
    Patience connecting(task.hooks, "connecting to " + url->host_and_port(), options.connect_timeout, options.connect_timeout);
    if (auto end = connection.open(*url, proxy, connecting)) {
        return end_early(result, std::move(end->detail), end->was_stopped);
    }
    Patience patience(task.hooks, "the call", task.time_max, options.idle_timeout);
    patience.set_file_bytes(file ? file->size() : 0);
    if (auto end = patience.check()) {
        return end_early(result, std::move(end->detail), end->was_stopped);
    }
    if (task.hooks.may_send && !task.hooks.may_send()) {
        return end_early(result, "stopped before anything was sent", true);
    }
    Exchange(connection, outgoing, file ? &*file : nullptr, patience, options.reply_bytes_max).run(result);
}

}  // namespace eco2::batch
