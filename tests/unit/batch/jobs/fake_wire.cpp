#include "fake_wire.hpp"

#include "batch/wire/download_file.hpp"

#include <utility>

namespace eco2::batch {
namespace {

using Answer = test::FakeBatchService::Answer;

bool may_go_on(const Transport::Hooks& hooks, std::int64_t bytes) {
    return !hooks.may_go_on || hooks.may_go_on(bytes);
}

WireResult stopped(WireResult::End end) {
    WireResult result;
    result.end = end;
    result.was_stopped = true;
    result.detail = "stopped";
    return result;
}

}  // namespace

std::string step_of(const BatchRequest& request) {
    const auto path = request.url.substr(request.url.find("/v1/") + 3);
    const bool is_file = path.starts_with("/files");
    const auto rest = path.substr(is_file ? 6 : 8);
    const bool names_one = rest.starts_with('/');
    if (request.method == "DELETE") {
        return "delete_file";
    }
    if (request.method == "POST") {
        return is_file ? "upload" : names_one ? "cancel" : "create";
    }
    if (is_file) {
        return names_one ? "content" : "list_files";
    }
    return names_one ? "retrieve" : "list";
}

WireResult FakeWire::not_sent(std::string detail) {
    WireResult result;
    result.end = WireResult::End::not_sent;
    result.detail = std::move(detail);
    return result;
}

WireResult FakeWire::broken(std::string detail) {
    WireResult result;
    result.detail = std::move(detail);
    return result;
}

WireResult FakeWire::status(int status, std::string body) {
    WireResult result;
    result.end = WireResult::End::answered;
    result.status = status;
    result.body = std::move(body);
    return result;
}

int FakeWire::sent(const std::string& step) const {
    const auto found = sent_.find(step);
    return found == sent_.end() ? 0 : found->second;
}

int FakeWire::sent_since() {
    return std::exchange(sent_since_, 0);
}

std::optional<WireResult> FakeWire::begin(const BatchRequest& request, const Hooks& hooks, Exchange& exchange) {
    exchange.step = step_of(request);
    exchange.number = ++asked_[exchange.step];
    if (hooks.may_send && !hooks.may_send()) {
        return stopped(WireResult::End::not_sent);
    }
    if (before) {
        if (auto told = before(exchange.step, exchange.number)) {
            return told;
        }
    }
    ++sent_[exchange.step];
    ++sent_since_;
    return std::nullopt;
}

WireResult FakeWire::end(const Exchange& exchange, WireResult result) {
    if (after) {
        after(exchange.step, exchange.number, result);
    }
    return result;
}

WireResult FakeWire::seen(const Answer& answer) {
    WireResult result;
    if (answer.end == Answer::End::silence) {
        fake_.advance(silence);
        result.detail = "the call took too long";
        return result;
    }
    if (answer.end == Answer::End::no_reply) {
        result.detail = "the connection was closed before an answer came";
        return result;
    }
    result.status = answer.status;
    result.headers = answer.headers;
    result.body = answer.body();
    if (answer.end == Answer::End::cut) {
        result.detail = "the answer was cut off";
        return result;
    }
    result.end = WireResult::End::answered;
    return result;
}

WireResult FakeWire::call(const BatchRequest& request, const Hooks& hooks) {
    Exchange exchange;
    if (auto told = begin(request, hooks, exchange)) {
        return *told;
    }
    if (!may_go_on(hooks, 0)) {
        return stopped(WireResult::End::broken);
    }
    return end(exchange, seen(fake_.answer(request.method, request.url, request.headers, request.body)));
}

WireResult FakeWire::upload(const BatchRequest& request, const std::filesystem::path& file, const Hooks& hooks) {
    std::error_code ec;
    const auto bytes = static_cast<std::int64_t>(std::filesystem::file_size(file, ec));
    if (ec) {
        return not_sent("cannot read " + file.string());
    }
    Exchange exchange;
    if (auto told = begin(request, hooks, exchange)) {
        return *told;
    }
    // Asked when half of it is on its way, and when all of it has arrived.
    if (!may_go_on(hooks, bytes / 2)) {
        return stopped(WireResult::End::broken);
    }
    auto result = seen(fake_.upload(request.url, request.headers, request.body, file, request.body_end));
    if (!may_go_on(hooks, bytes)) {
        return stopped(WireResult::End::broken);
    }
    return end(exchange, std::move(result));
}

WireResult FakeWire::download(const BatchRequest& request, const std::filesystem::path& path, const Hooks& hooks) {
    DownloadFile file;
    if (!file.open(path)) {
        auto failed = not_sent(file.detail());
        failed.is_disk_full = true;
        return failed;
    }
    Exchange exchange;
    if (auto told = begin(request, hooks, exchange)) {
        return *told;
    }
    auto headers = request.headers;
    if (file.size() > 0) {
        headers.emplace_back("range", "bytes=" + std::to_string(file.size()) + "-");
    }
    const auto answer = fake_.answer(request.method, request.url, headers);
    if (answer.end == Answer::End::silence || answer.end == Answer::End::no_reply) {
        return end(exchange, seen(answer));
    }
    WireResult result;
    result.status = answer.status;
    result.headers = answer.headers;
    const auto use = file.begin(answer.status, answer.headers);
    if (use == DownloadFile::Use::cannot_take) {
        result.detail = file.detail();
        return end(exchange, std::move(result));
    }
    if (use != DownloadFile::Use::takes_body) {
        result.body = use == DownloadFile::Use::not_for_it ? answer.body() : std::string();
    } else {
        bool was_stopped = false;
        const bool is_read = answer.read_body([&](std::string_view piece) {
            // In two pieces, so that what is small may break in the middle too.
            for (const auto part : {piece.substr(0, piece.size() / 2), piece.substr(piece.size() / 2)}) {
                if (!file.write(part)) {
                    return false;
                }
                was_stopped = !may_go_on(hooks, file.size());
                if (was_stopped) {
                    return false;
                }
            }
            return true;
        });
        if (was_stopped) {
            return stopped(WireResult::End::broken);
        }
        if (!is_read) {
            result.detail = file.detail();
            return end(exchange, std::move(result));
        }
    }
    if (answer.end == Answer::End::cut) {
        result.detail = "the answer was cut off";
        return end(exchange, std::move(result));
    }
    if (use == DownloadFile::Use::takes_body || use == DownloadFile::Use::is_whole) {
        if (!file.finish()) {
            result.detail = file.detail();
            return end(exchange, std::move(result));
        }
        result.status = use == DownloadFile::Use::is_whole ? 200 : result.status;
    }
    result.end = WireResult::End::answered;
    return end(exchange, std::move(result));
}

}  // namespace eco2::batch
