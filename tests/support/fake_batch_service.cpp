#include "support/fake_batch_service.hpp"

#include "base/text.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>

namespace eco2::test {
namespace {

constexpr std::int64_t kPieceBytes = 256 * 1024;

class StillClock final : public Clock {
public:
    Monotonic now() const noexcept override { return Monotonic{} + std::chrono::hours(1); }
    std::int64_t wall_ns() const noexcept override { return 1'700'000'000'000'000'000; }
};

const StillClock still_clock;

std::string_view header(const FakeBatchService::Headers& headers, std::string_view name) {
    const auto found =
        std::find_if(headers.begin(), headers.end(), [name](const auto& each) { return to_lower_ascii(each.first) == name; });
    return found == headers.end() ? std::string_view{} : std::string_view(found->second);
}

/// The path and what comes behind it, without host and /v1.
std::string_view target_of(std::string_view url) {
    if (const std::size_t scheme = url.find("://"); scheme != url.npos) {
        url.remove_prefix(std::min(url.find('/', scheme + 3), url.size()));
    }
    url.remove_prefix(url.starts_with("/v1/") ? 3 : 0);
    return url;
}

}  // namespace

std::string FakeBatchService::Answer::body() const {
    std::string out;
    read_body([&out](std::string_view piece) {
        out += piece;
        return true;
    });
    return out;
}

bool FakeBatchService::Answer::read_body(const std::function<bool(std::string_view piece)>& take) const {
    if (!reply.file) {
        return bytes == 0 || take(std::string_view(reply.body).substr(0, static_cast<std::size_t>(bytes)));
    }
    std::string piece;
    for (std::int64_t at = 0; at < bytes; at += static_cast<std::int64_t>(piece.size())) {
        piece.resize(static_cast<std::size_t>(std::min(kPieceBytes, bytes - at)));
        const Result<std::size_t> got = reply.file->read(reply.range.begin + at, piece.data(), piece.size());
        if (!got || *got < piece.size() || !take(piece)) {
            return false;
        }
    }
    return true;
}

FakeBatchService::FakeBatchService(fake::FakeOptions options, const Clock* clock)
    : clock_(clock != nullptr ? *clock : still_clock), control_(std::move(options), clock_), api_(control_, clock_) {}

FakeBatchService::Answer FakeBatchService::answer(std::string_view method,
                                                  std::string_view url,
                                                  const Headers& headers,
                                                  std::string_view body) {
    return ask(method, url, headers, body, nullptr);
}

FakeBatchService::Answer FakeBatchService::upload(std::string_view url,
                                                  const Headers& headers,
                                                  std::string_view body,
                                                  const std::filesystem::path& file,
                                                  std::string_view body_end) {
    return ask("POST", url, headers, std::string(body) + std::string(body_end), &file);
}

FakeBatchService::Answer FakeBatchService::ask(std::string_view method,
                                               std::string_view url,
                                               const Headers& headers,
                                               std::string_view body,
                                               const std::filesystem::path* file) {
    api_.desk().settle();
    const std::string_view target = target_of(url);
    const std::size_t query = std::min(target.find('?'), target.size());
    fake::BatchAsk out;
    out.method = method;
    out.path = target.substr(0, query);
    out.query = target.substr(std::min(query + 1, target.size()));
    out.body = body;
    out.file = file;
    out.content_type = header(headers, "content-type");
    out.range = header(headers, "range");
    out.authorization = header(headers, "authorization");
    out.api_key = header(headers, "api-key");
    if (!fake::BatchApi::owns(out.path)) {
        Answer nothing;
        nothing.status = 404;
        return nothing;
    }
    return seen(api_.answer(out));
}

FakeBatchService::Answer FakeBatchService::seen(fake::BatchReply reply) const {
    using Kind = fake::BatchFaultKind;
    Answer out;
    const Kind kind = reply.fault ? reply.fault->kind : Kind::truncate;
    if (kind == Kind::lost_reply || kind == Kind::reset || kind == Kind::silence) {
        out.end = kind == Kind::silence ? Answer::End::silence : Answer::End::no_reply;
        return out;
    }
    out.status = reply.status;
    out.headers = std::move(reply.headers);
    out.headers.emplace_back("content-length", std::to_string(reply.bytes()));
    out.bytes = reply.bytes_sent();
    out.end = out.bytes < reply.bytes() ? Answer::End::cut : Answer::End::whole;
    out.reply = std::move(reply);
    return out;
}

void FakeBatchService::advance(std::chrono::milliseconds time) {
    clock_.advance(time);
    api_.desk().settle();
}

std::string FakeBatchService::bill_json(std::size_t executions_max) const {
    return boost::json::serialize(bill(executions_max));
}

std::int64_t FakeBatchService::executed() const {
    return bill().at("total").at("executed").to_number<std::int64_t>();
}

std::int64_t FakeBatchService::cost_picousd() const {
    return bill().at("total").at("cost_picousd").to_number<std::int64_t>();
}

std::vector<std::string> FakeBatchService::batch_ids() {
    std::vector<std::string> out;
    for (const fake::BatchDesk::Seen& batch : api_.desk().list()) {
        out.push_back(batch.object.id);
    }
    std::reverse(out.begin(), out.end());
    return out;
}

std::vector<std::string> FakeBatchService::file_ids() const {
    std::vector<std::string> out;
    for (const fake::FileShelf::Stored& file : api_.shelf().list(clock_.wall_ns() / 1'000'000)) {
        out.push_back(file.object.id);
    }
    std::reverse(out.begin(), out.end());
    return out;
}

}  // namespace eco2::test
