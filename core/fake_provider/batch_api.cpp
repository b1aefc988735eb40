#include "fake_provider/batch_api.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "fake_provider/openai_wire.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <utility>
#include <vector>

namespace eco2::fake {
namespace {

namespace json = boost::json;

constexpr std::string_view kFiles = "/files";
constexpr std::string_view kBatches = "/batches";
constexpr std::size_t kFilesPage = 10'000;
constexpr std::size_t kBatchesPage = 20;
constexpr std::size_t kBatchesPageMax = 100;
constexpr std::size_t kPieceBytes = 256 * 1024;  // of an upload that is on a disk

std::string tag_of(const Clock& clock) {
    std::array<char, 24> out{};
    std::snprintf(out.data(), out.size(), "%012llx", static_cast<unsigned long long>(clock.wall_ns() / 1'000'000));
    return out.data();
}

BatchReply json_reply(const json::object& body) {
    return {200, {{"content-type", "application/json"}}, json::serialize(body), nullptr, {}, std::nullopt};
}

ApiFault no_file(std::string_view id) {
    return {404, "No such File object: " + shorten(id, limits::kFakeNameBytesMax), "invalid_request_error", "id", ""};
}

ApiFault no_batch(std::string_view id) {
    return {404, "No batch found with id '" + shorten(id, limits::kFakeNameBytesMax) + "'.", "invalid_request_error", "", ""};
}

/// One page of what is newest first; `object_of` makes an entry's JSON, with its "id".
template <class Entry, class ObjectOf>
std::variant<json::object, ApiFault> page_of(std::vector<Entry> all, const Page& page, ObjectOf object_of) {
    if (page.is_ascending) {
        std::reverse(all.begin(), all.end());
    }
    auto begin = all.begin();
    if (!page.after.empty()) {
        begin = std::find_if(all.begin(), all.end(), [&](const Entry& entry) { return entry.object.id == page.after; });
        if (begin == all.end()) {
            return ApiFault{404,
                            "No object found with id '" + shorten(page.after, limits::kFakeNameBytesMax) +
                                "' to go on after; begin without 'after'.",
                            "invalid_request_error",
                            "after",
                            ""};
        }
        ++begin;
    }
    const auto count = std::min(page.limit, static_cast<std::size_t>(all.end() - begin));
    const auto end = begin + static_cast<std::ptrdiff_t>(count);
    json::array data;
    for (auto entry = begin; entry != end; ++entry) {
        data.push_back(object_of(*entry));
    }
    json::object out{{"object", "list"}};
    out["first_id"] = data.empty() ? json::value(nullptr) : data.front().at("id");
    out["last_id"] = data.empty() ? json::value(nullptr) : data.back().at("id");
    out["has_more"] = end != all.end();
    out["data"] = std::move(data);
    return out;
}

ApiFault fault_as_told(const BatchFault& fault) {
    ApiFault out = usual_fault(fault.status);
    out.message = fault.message.empty() ? out.message : fault.message;
    out.code = fault.error_code.empty() ? out.code : fault.error_code;
    return out;
}

/// Of a file of so many bytes, where it seems to end early.
std::int64_t bytes_left(const BatchFault& truncated, std::int64_t bytes) {
    if (truncated.bytes >= 0) {
        return std::min(truncated.bytes, bytes);
    }
    return truncated.last_bytes >= 0 ? std::max<std::int64_t>(bytes - truncated.last_bytes, 0) : bytes / 2;
}

/// Whether what was asked for is done all the same.
bool is_done(const BatchFault& fault) {
    switch (fault.kind) {
        case BatchFaultKind::reset:
        case BatchFaultKind::not_found: return false;
        case BatchFaultKind::status:
        case BatchFaultKind::silence: return fault.executed;
        default: return true;
    }
}

}  // namespace

std::int64_t BatchReply::bytes_sent() const noexcept {
    const bool is_cut = fault && fault->kind == BatchFaultKind::half_body;
    return !is_cut ? bytes() : fault->bytes >= 0 ? std::min(fault->bytes, bytes()) : bytes() / 2;
}

BatchApi::BatchApi(Control& control, MovableClock& clock)
    : control_(control),
      clock_(clock),
      shelf_(control.options().batch_directory, tag_of(clock)),
      desk_({shelf_,
             control.batch_rules(),
             bill_,
             [&control](const ChatRequest& request, std::uint64_t number, const Behaviour& behaviour) {
                 return control.answer_line(request, number, behaviour);
             },
             control.options().prices,
             control.options().seed,
             clock}) {}

bool BatchApi::owns(std::string_view path) noexcept {
    const auto is_under = [path](std::string_view root) {
        return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
    };
    return is_under(kFiles) || is_under(kBatches);
}

bool BatchApi::is_upload(std::string_view method, std::string_view path) noexcept {
    return method == "POST" && path == kFiles;
}

std::optional<BatchApi::Route> BatchApi::route_of(std::string_view method, std::string_view path) noexcept {
    const bool is_file = path.starts_with(kFiles);
    path.remove_prefix(is_file ? kFiles.size() : kBatches.size());
    const bool is_get = method == "GET";
    const bool is_post = method == "POST";
    if (path.empty()) {
        if (is_get) {
            return Route{is_file ? BatchStep::list_files : BatchStep::list, {}};
        }
        return is_post ? std::optional(Route{is_file ? BatchStep::upload : BatchStep::create, {}}) : std::nullopt;
    }
    path.remove_prefix(1);
    const std::string_view id = path.substr(0, path.find('/'));
    const std::string_view action = path.substr(id.size());
    if (action.empty() && is_get) {
        return Route{is_file ? BatchStep::file : BatchStep::retrieve, id};
    }
    if (is_file && action.empty() && method == "DELETE") {
        return Route{BatchStep::delete_file, id};
    }
    if (is_file && action == "/content" && is_get) {
        return Route{BatchStep::content, id};
    }
    if (!is_file && action == "/cancel" && is_post) {
        return Route{BatchStep::cancel, id};
    }
    return std::nullopt;
}

BatchFacts BatchApi::facts_of(const Route& route, std::string& kind) {
    BatchFacts out;
    out.step = route.step;
    if (route.id.empty()) {
        return out;
    }
    std::optional<std::int64_t> made_at_ms;
    if (const std::optional<FileShelf::Stored> file = shelf_.find(route.id, now_ms())) {
        made_at_ms = file->made_at_ms;
        kind = file->kind;
        out.file = kind;
    } else if (const std::optional<BatchDesk::Seen> batch = desk_.find(route.id)) {
        made_at_ms = batch->made_at_ms;
    }
    if (made_at_ms) {
        out.age = std::chrono::milliseconds(now_ms() - *made_at_ms);
    }
    return out;
}

BatchReply BatchApi::answer(const BatchAsk& ask) {
    const std::optional<Route> route = route_of(ask.method, ask.path);
    if (!route) {
        control_.ledger()->count("other", {}, {});
        return error({404,
                      "Invalid URL (" + shorten(std::string(ask.method) + " " + std::string(ask.path), 200) + ")",
                      "invalid_request_error",
                      "",
                      ""});
    }
    if (const std::optional<ApiFault> fault = control_.key_fault(ask.authorization, ask.api_key)) {
        control_.ledger()->count("refused", {}, {});
        return error(*fault);
    }
    std::string kind;
    const BatchFacts facts = facts_of(*route, kind);
    std::optional<BatchFault> fault = control_.batch_rules().take(facts);
    const std::string_view fault_name = fault ? batch_fault_name(fault->kind) : std::string_view{};
    control_.ledger()->count("batch." + std::string(batch_step_name(route->step)), fault_name, {});
    if (!fault) {
        return sealed(act(*route, ask));
    }
    const bool is_truncated = fault->kind == BatchFaultKind::truncate;
    BatchReply reply = is_done(*fault) ? act(*route, ask, is_truncated ? &*fault : nullptr) : BatchReply{};
    switch (fault->kind) {
        case BatchFaultKind::status:
            reply = error(fault_as_told(*fault));
            if (!fault->retry_after.empty()) {
                reply.headers.emplace_back("retry-after", fault->retry_after);
            }
            return reply;
        case BatchFaultKind::not_found: {
            const bool is_file = ask.path.starts_with(kFiles);
            return error(is_file ? no_file(route->id) : no_batch(route->id));
        }
        case BatchFaultKind::truncate: return sealed(std::move(reply));
        default: break;
    }
    reply = sealed(std::move(reply));
    reply.fault = std::move(fault);
    return reply;
}

BatchReply BatchApi::act(const Route& route, const BatchAsk& ask, const BatchFault* truncated) {
    switch (route.step) {
        case BatchStep::upload: return upload(ask);
        case BatchStep::list_files: return list_files(ask);
        case BatchStep::file: {
            const std::optional<FileShelf::Stored> file = shelf_.find(route.id, now_ms());
            return file ? json_reply(to_object(file->object)) : error(no_file(route.id));
        }
        case BatchStep::content: return content(route.id, ask.range, truncated);
        case BatchStep::delete_file:
            return shelf_.remove(route.id) ? json_reply({{"object", "file"}, {"id", route.id}, {"deleted", true}})
                                           : error(no_file(route.id));
        case BatchStep::create: return create(ask);
        case BatchStep::retrieve: return show(route.id, true);
        case BatchStep::list: return list(ask);
        case BatchStep::cancel: return cancel(route.id);
    }
    return error(usual_fault(500));
}

BatchReply BatchApi::upload(const BatchAsk& ask) {
    const auto read = read_upload(ask.body, ask.content_type);
    if (const ApiFault* fault = std::get_if<ApiFault>(&read)) {
        return error(*fault);
    }
    const Upload& upload = std::get<Upload>(read);
    const auto broken = [this](const Error& why) { return error({500, why.text(), "server_error", "", ""}); };
    Result<std::unique_ptr<Draft>> draft = shelf_.begin();
    if (!draft) {
        return broken(draft.error());
    }
    if (Result<void> written = write_upload(**draft, upload, ask); !written) {
        return broken(written.error());
    }
    FileShelf::Stored stored;
    stored.kind = "input";
    stored.made_at_ms = now_ms();
    stored.object.file_name = upload.file_name;
    stored.object.purpose = "batch";
    stored.object.created_at = stored.made_at_ms / 1000;
    stored.object.expires_at = stored.object.created_at + upload.life_seconds;
    const Result<FileObject> put = shelf_.put(*std::move(draft), std::move(stored));
    return put ? json_reply(to_object(*put)) : broken(put.error());
}

Result<void> BatchApi::write_upload(Draft& draft, const Upload& upload, const BatchAsk& ask) {
    if (ask.file == nullptr) {
        return draft.append(upload.bytes);
    }
    std::ifstream file(*ask.file, std::ios::binary);
    std::string piece(kPieceBytes, '\0');
    while (file) {
        file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
        const std::string_view got = std::string_view(piece).substr(0, static_cast<std::size_t>(file.gcount()));
        if (Result<void> written = draft.append(got); !written) {
            return written;
        }
    }
    return file.eof() ? Result<void>{} : fail(Errc::io_failed, "cannot read \"" + ask.file->string() + "\"");
}

BatchReply BatchApi::list_files(const BatchAsk& ask) {
    const auto page = read_page(ask.query, kFilesPage, kFilesPage);
    if (const ApiFault* fault = std::get_if<ApiFault>(&page)) {
        return error(*fault);
    }
    const std::string& purpose = std::get<Page>(page).purpose;
    const std::int64_t newest_ms = now_ms() - control_.batch_rules().settings().list_lag_ms;
    std::vector<FileShelf::Stored> files = shelf_.list(now_ms());
    std::erase_if(files, [&](const FileShelf::Stored& file) {
        return file.made_at_ms > newest_ms || (!purpose.empty() && file.object.purpose != purpose);
    });
    const auto shown =
        page_of(std::move(files), std::get<Page>(page), [](const FileShelf::Stored& file) { return to_object(file.object); });
    const json::object* body = std::get_if<json::object>(&shown);
    return body != nullptr ? json_reply(*body) : error(std::get<ApiFault>(shown));
}

BatchReply BatchApi::content(std::string_view id, std::string_view range, const BatchFault* truncated) {
    std::optional<FileShelf::Stored> file = shelf_.find(id, now_ms());
    if (!file) {
        return error(no_file(id));
    }
    BatchReply out;
    out.file = std::move(file->bytes);
    out.headers = {{"content-type", "application/octet-stream"}, {"accept-ranges", "bytes"}};
    const std::int64_t bytes = truncated != nullptr ? bytes_left(*truncated, out.file->bytes()) : out.file->bytes();
    const std::optional<ByteRange> asked = read_range(range, bytes);
    if (!asked) {
        BatchReply refused = error({416, "The requested range is behind the file's end.", "invalid_request_error", "", ""});
        refused.headers.emplace_back("content-range", "bytes */" + std::to_string(bytes));
        return refused;
    }
    out.range = *asked;
    if (asked->is_part) {
        out.status = 206;
        out.headers.emplace_back(
            "content-range",
            "bytes " + std::to_string(asked->begin) + "-" + std::to_string(asked->end - 1) + "/" + std::to_string(bytes));
    }
    return out;
}

BatchReply BatchApi::create(const BatchAsk& ask) {
    auto order = read_batch_order(ask.body);
    if (const ApiFault* fault = std::get_if<ApiFault>(&order)) {
        return error(*fault);
    }
    const std::optional<FileShelf::Stored> input = shelf_.find(std::get<BatchOrder>(order).input_file_id, now_ms());
    // A file that does not exist is taken here and found out at validation, as by OpenAI.
    if (input && input->object.purpose != "batch") {
        return error(
            {400,
             "Invalid file purpose for input_file_id: '" + input->object.purpose + "'. Upload a file with purpose 'batch'.",
             "invalid_request_error",
             "input_file_id",
             ""});
    }
    const auto made = desk_.create(std::get<BatchOrder>(std::move(order)));
    const ApiFault* fault = std::get_if<ApiFault>(&made);
    if (fault == nullptr) {
        return json_reply(to_object(std::get<BatchObject>(made)));
    }
    BatchReply out = error(*fault);
    if (fault->retry_after.count() > 0) {
        out.headers.emplace_back("retry-after", std::to_string(fault->retry_after.count() / 1000));
    }
    return out;
}

BatchReply BatchApi::show(std::string_view id, bool is_poll) {
    const std::optional<BatchDesk::Seen> batch = desk_.find(id, is_poll);
    return batch ? json_reply(to_object(batch->object)) : error(no_batch(id));
}

BatchReply BatchApi::list(const BatchAsk& ask) {
    const auto page = read_page(ask.query, kBatchesPage, kBatchesPageMax);
    if (const ApiFault* fault = std::get_if<ApiFault>(&page)) {
        return error(*fault);
    }
    const std::int64_t newest_ms = now_ms() - control_.batch_rules().settings().list_lag_ms;
    std::vector<BatchDesk::Seen> batches = desk_.list();
    std::erase_if(batches, [&](const BatchDesk::Seen& batch) { return batch.made_at_ms > newest_ms; });
    const auto shown =
        page_of(std::move(batches), std::get<Page>(page), [](const BatchDesk::Seen& batch) { return to_object(batch.object); });
    const json::object* body = std::get_if<json::object>(&shown);
    return body != nullptr ? json_reply(*body) : error(std::get<ApiFault>(shown));
}

BatchReply BatchApi::cancel(std::string_view id) {
    switch (desk_.cancel(id)) {
        case BatchDesk::Cancelled::unknown: return error(no_batch(id));
        case BatchDesk::Cancelled::was_over: {
            const std::optional<BatchDesk::Seen> batch = desk_.find(id);
            const std::string status(batch ? batch_status_name(batch->object.status) : "completed");
            return error({409, "Cannot cancel a batch with status '" + status + "'.", "invalid_request_error", "", ""});
        }
        case BatchDesk::Cancelled::yes: break;
    }
    return show(id, false);
}

BatchReply BatchApi::error(const ApiFault& fault) {
    return sealed({fault.status, {{"content-type", "application/json"}}, openai_error_body(fault), nullptr, {}, std::nullopt});
}

BatchReply BatchApi::sealed(BatchReply reply) {
    const bool is_sealed = std::any_of(
        reply.headers.begin(), reply.headers.end(), [](const auto& header) { return header.first == "x-eco2-fake"; });
    if (!is_sealed) {
        for (auto& header : usual_headers(Dialect::chat, "batchfake" + std::to_string(++request_number_), 1)) {
            reply.headers.push_back(std::move(header));
        }
    }
    return reply;
}

void BatchApi::reset() {
    desk_.reset();
    shelf_.clear();
    bill_.reset();
}

}  // namespace eco2::fake
