#include "app/admin.hpp"

#include "app/api.hpp"
#include "app/query.hpp"
#include "app/run_api.hpp"
#include "app/scan_frames.hpp"
#include "base/hash.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "net/client.hpp"

#include <boost/json/parse.hpp>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <future>
#include <iterator>
#include <utility>

namespace eco2::app {
namespace {

constexpr const char* kFile = "admin.json";

Result<void> write_private(const std::filesystem::path& path, const std::string& text) {
    const auto made = path.string() + ".new";
    ::unlink(made.c_str());
    const int fd = ::open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const bool is_written = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (fd >= 0) {
        ::close(fd);
    }
    if (!is_written || ::rename(made.c_str(), path.c_str()) != 0) {
        return fail(Errc::io_failed, path.string() + ": " + std::strerror(errno));
    }
    return {};
}

/// Collects one answer for a waiting thread. Lives on the I/O thread that started the call.
class Answer final : public HttpObserver {
public:
    explicit Answer(std::promise<Result<AdminReply>> promise) : promise_(std::move(promise)) {}
    void on_head(int status, const std::vector<HttpHeader>&) override { reply_.status = status; }
    Flow on_body(std::string_view chunk) override {
        reply_.body += chunk;
        return Flow::go_on;
    }
    void on_done(const Error* error) override {
        promise_.set_value(error == nullptr ? Result<AdminReply>(std::move(reply_)) : Result<AdminReply>(*error));
    }

    std::unique_ptr<HttpCall> call;

private:
    std::promise<Result<AdminReply>> promise_;
    AdminReply reply_;
};

Result<std::pair<std::string, std::string>> read_address(const std::filesystem::path& data_dir) {
    std::ifstream in(data_dir / kFile, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    boost::json::error_code ec;
    const auto value = boost::json::parse(text, ec);
    const auto* object = ec ? nullptr : value.if_object();
    const auto* url = object == nullptr ? nullptr : object->if_contains("url");
    const auto* token = object == nullptr ? nullptr : object->if_contains("token");
    if (url == nullptr || token == nullptr || !url->is_string() || !token->is_string()) {
        return fail(Errc::not_found, "no host serves " + data_dir.string());
    }
    return std::pair(std::string(url->get_string()), std::string(token->get_string()));
}

}  // namespace

std::string operator_summary_json(const RunSummary& run) {
    auto out = run_summary_json(run);
    out.pop_back();
    out += ",\"user_id\":" + json_quote(run.user_id) + ",\"replays\":" + std::to_string(run.replays);
    out += ",\"recoveries\":" + std::to_string(run.recoveries) + ",\"replay_of\":";
    return out + (run.replay_of.empty() ? "null" : json_quote(run.replay_of)) + "}";
}

std::string stored_run_json(const StoredRun& run) {
    auto out = operator_summary_json(run.summary);
    out.pop_back();
    out += ",\"input\":" + (run.input_json.empty() ? "null" : run.input_json);
    out += ",\"photo_bytes\":" + std::to_string(run.photo == nullptr ? 0 : run.photo->size());
    out += ",\"events\":" + std::to_string(run.events.size()) + ",\"finished_stages\":[";
    for (const auto& checkpoint : run.checkpoints) {
        out += (out.back() == '[' ? "" : ",") + checkpoint;
    }
    return out + "],\"result\":" + (run.result_json.empty() ? "null" : run.result_json) + "}";
}

AdminServer::AdminServer(runtime::Host& host, Reloads& reloads)
    : host_(host), reloads_(reloads), token_(random_hex(32)), file_(host.config()->data_dir / kFile) {
    router_ = Router({
        {"GET", "/runs", [this](const auto& e, const auto&) { list(e); }},
        {"GET", "/runs/{id}", [this](const auto& e, const auto& v) { show(e, v.at("id")); }},
        {"POST", "/runs/{id}/cancel", [this](const auto& e, const auto& v) { cancel(e, v.at("id")); }},
        {"POST", "/runs/{id}/replay", [this](const auto& e, const auto& v) { replay(e, v.at("id")); }},
        {"POST", "/users/{id}/forget", [this](const auto& e, const auto& v) { forget_user(e, v.at("id")); }},
        {"POST", "/reload", [this](const auto& e, const auto&) { reload(e); }},
        {"GET", "/explain/{id}", [this](const auto& e, const auto& v) { explain(e, v.at("id")); }},
    });
}

AdminServer::~AdminServer() {
    stop();
}

Result<void> AdminServer::start() {
    net::ServerOptions options;
    options.refuse = [](const Error& error) { return error_response(error); };
    server_ = std::make_unique<net::Server>(host_.threads(), std::move(options), [this](auto exchange) { handle(exchange); });
    if (auto started = server_->start(); !started) {
        return started;
    }
    return write_private(
        file_, R"({"url":"http://127.0.0.1:)" + std::to_string(server_->port()) + R"(","token":")" + token_ + "\"}\n");
}

void AdminServer::stop() {
    if (server_ != nullptr) {
        std::error_code ec;
        std::filesystem::remove(file_, ec);
        server_->stop();
        server_.reset();
    }
}

void AdminServer::handle(const ExchangePtr& exchange) {
    auto& request = exchange->request();
    if (!equal_in_constant_time(request.header("authorization"), "Bearer " + token_)) {
        return exchange->respond(error_response(fail(Errc::unauthorized, "not the secret of admin.json")));
    }
    auto found = router_.find(request.method, request.path);
    if (found.route == nullptr) {
        return exchange->respond(error_response(fail(Errc::not_found)));
    }
    found.route->handler(exchange, found.values);
}

void AdminServer::list(const ExchangePtr& exchange) {
    const auto query = exchange->request().query;
    auto filter = read_run_filter(query);
    if (!filter) {
        return exchange->respond(error_response(filter.error()));
    }
    filter->user_id = query_value(query, "user");
    host_.runs().list(std::move(*filter), [exchange](const Result<std::vector<RunSummary>>& runs) {
        if (!runs) {
            return exchange->respond(error_response(runs.error()));
        }
        std::string body;
        for (const auto& run : *runs) {
            body += operator_summary_json(run) + "\n";
        }
        exchange->respond(json_response(200, std::move(body)));
    });
}

void AdminServer::show(const ExchangePtr& exchange, std::string_view id) {
    host_.runs().show(std::string(id), [exchange](const Result<StoredRun>& run) {
        exchange->respond(run ? json_response(200, stored_run_json(*run) + "\n") : error_response(run.error()));
    });
}

void AdminServer::cancel(const ExchangePtr& exchange, std::string_view id) {
    host_.runs().cancel(std::string(id), {}, [exchange, run = std::string(id)](const Result<void>& cancelled) {
        exchange->respond(cancelled ? json_response(200, R"({"job_id":)" + json_quote(run) + R"(,"status":"cancelled"})" + "\n")
                                    : error_response(cancelled.error()));
    });
}

void AdminServer::replay(const ExchangePtr& exchange, std::string_view id) {
    host_.runs().replay(std::string(id), [exchange, run = std::string(id)](const Result<std::string>& made) {
        exchange->respond(made ? json_response(200,
                                               R"({"job_id":)" + json_quote(*made) + R"(,"replay_of":)" + json_quote(run) +
                                                   R"(,"status":"queued"})" + "\n")
                               : error_response(made.error()));
    });
}

void AdminServer::forget_user(const ExchangePtr& exchange, std::string_view id) {
    const std::string user(id);
    if (auto* ledger = host_.ledger(); ledger != nullptr) {
        ledger->forget("user:" + user);
    }
    host_.runs().forget_user(user, [this, exchange, user](const Result<std::size_t>& runs) {
        if (!runs) {
            return exchange->respond(error_response(runs.error()));
        }
        host_.grants().forget_user(user, [exchange, user, count = *runs](const Result<std::size_t>& grants) {
            exchange->respond(grants
                                  ? json_response(200,
                                                  R"({"user_id":)" + json_quote(user) + R"(,"runs":)" + std::to_string(count) +
                                                      R"(,"grants":)" + std::to_string(*grants) + "}\n")
                                  : error_response(grants.error()));
        });
    });
}

/// The operator is told the whole reason: what a client would not see of it is for him.
void AdminServer::reload(const ExchangePtr& exchange) {
    auto& threads = host_.threads();
    reloads_.request([exchange, &threads, asker = threads.current_thread()](const Result<runtime::ReloadReport>& report) {
        auto response = report ? json_response(200, reload_json(*report) + "\n")
                               : json_response(report.error().http_status(), error_body(report.error()));
        threads.post_to(asker, [exchange, response = std::move(response)](TaskFate) { exchange->respond(response); });
    });
}

void AdminServer::explain(const ExchangePtr& exchange, std::string_view id) {
    auto found = runtime::explain_json(host_.attempts(), id);
    exchange->respond(found ? json_response(200, std::move(*found)) : error_response(fail(Errc::not_found)));
}

Result<AdminReply> ask_host(const std::filesystem::path& data_dir,
                            std::string_view method,
                            std::string_view target,
                            std::chrono::milliseconds timeout) {
    const auto address = read_address(data_dir);
    if (!address) {
        return address.error();
    }
    net::IoThreads::Options options;
    options.io_threads = 1;
    net::IoThreads threads(std::move(options));
    net::HttpClient client(threads, {});
    threads.start();
    HttpRequest request;
    request.method = method;
    request.url = address->first + std::string(target);
    request.headers = {{"authorization", "Bearer " + address->second}};
    request.deadline = system_clock().now() + timeout;
    request.response_bytes_max = limits::kUpstreamBodyBytesMax;
    std::promise<Result<AdminReply>> promise;
    auto reply = promise.get_future();
    const auto answer = std::make_shared<Answer>(std::move(promise));
    threads.post_to(0, [&client, answer, request = std::move(request)](TaskFate) mutable {
        auto call = client.start(std::move(request), *answer);
        if (call) {
            answer->call = std::move(call.value());
        } else {
            const auto error = call.error();
            answer->on_done(&error);
        }
    });
    auto result = reply.get();
    threads.post_to(0, [answer](TaskFate) { answer->call.reset(); });
    threads.stop();
    if (!result && result.error().code == Errc::provider_unreachable) {
        return fail(Errc::not_found, "no host serves " + data_dir.string());  // a file that a killed host has left
    }
    return result;
}

}  // namespace eco2::app
