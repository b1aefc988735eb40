#include "openai_batch/steps.hpp"

#include "eco2/abi/services.h"
#include "eco2/plugin/json_text.hpp"
#include "eco2/wire/utf8.hpp"

#include <cstddef>
#include <optional>
#include <utility>

namespace eco2::openai_batch {

using plugin::BatchAsk;
using plugin::BatchRequest;
using plugin::BatchStep;
using plugin::Failure;
using plugin::Result;

namespace {

constexpr std::size_t kMetadataBytesMax = 512;  // OpenAI's limit is as many characters

// Any word would do as a boundary: no line of JSON begins with two dashes.
constexpr std::string_view kContentType = "multipart/form-data; boundary=eco2-batch-file";
constexpr std::string_view kPartStart = "--eco2-batch-file\r\nContent-Disposition: form-data; name=\"";
constexpr std::string_view kFormEnd = "\r\n--eco2-batch-file--\r\n";

Failure invalid(std::string message) {
    return plugin::fail(plugin::Status::invalid_argument, "invalid_ask", std::move(message));
}

void append_field(std::string& form, std::string_view name, std::string_view value) {
    form += kPartStart;
    form += name;
    form += "\"\r\n\r\n";
    form += value;
    form += "\r\n";
}

/// Source: WHATWG HTML, "Multipart form data".
void append_file_name(std::string& form, std::string_view name) {
    for (const char byte : name) {
        switch (byte) {
            case '"': form += "%22"; break;
            case '\r': form += "%0D"; break;
            case '\n': form += "%0A"; break;
            default: form += byte;
        }
    }
}

std::string form_start(std::string_view file_name, const Options& options) {
    std::string form;
    append_field(form, "purpose", "batch");
    if (options.files_expire_s > 0) {
        append_field(form, "expires_after[anchor]", "created_at");
        append_field(form, "expires_after[seconds]", std::to_string(options.files_expire_s));
    }
    form += kPartStart;
    form += "file\"; filename=\"";
    append_file_name(form, file_name);
    form += "\"\r\nContent-Type: application/jsonl\r\n\r\n";
    return form;
}

std::string create_body(const BatchAsk& ask, const Options& options) {
    std::string body = R"({"input_file_id":)";
    plugin::append_json_quoted(body, ask.id);
    body += R"(,"endpoint":)";
    plugin::append_json_quoted(body, options.endpoint);
    body += R"(,"completion_window":)";
    plugin::append_json_quoted(body, options.completion_window);
    if (options.has_metadata && !(ask.tag.empty() && ask.job.empty())) {
        char separator = '{';
        body += R"(,"metadata":)";
        const auto put = [&](std::string_view name, std::string_view value) {
            if (!value.empty()) {
                body += separator;
                separator = ',';
                plugin::append_json_quoted(body, name);
                body += ':';
                plugin::append_json_quoted(body, value);
            }
        };
        put(kTagName, ask.tag);
        put(kJobName, wire::utf8_prefix(ask.job, kMetadataBytesMax));
        body += '}';
    }
    body += '}';
    return body;
}

/// "/files/{id}/content" and the like; nothing: the id would make another path of it.
std::optional<std::string> path_of(std::string_view collection, std::string_view id, std::string_view action = {}) {
    if (id.empty() || id == "." || id == "..") {
        return std::nullopt;
    }
    std::string path(collection);
    path += '/';
    openai::append_url_text(path, id);
    path += action;
    return path;
}

/// What comes before the configured query.
struct Target {
    std::string method;
    std::optional<std::string> path;
    std::string query;  // without its mark
};

std::string list_query(std::string_view fixed, std::string_view after) {
    std::string query(fixed);
    if (!after.empty()) {
        query += "&after=";
        openai::append_url_text(query, after);
    }
    return query;
}

Result<Target> target_of(const BatchAsk& ask) {
    switch (ask.step) {
        case BatchStep::upload: return Target{"POST", "/files", {}};
        case BatchStep::list_files:
            return Target{"GET", "/files", list_query("purpose=batch&limit=100&order=desc", ask.page_after)};
        case BatchStep::delete_file: return Target{"DELETE", path_of("/files", ask.id), {}};
        case BatchStep::download: return Target{"GET", path_of("/files", ask.id, "/content"), {}};
        case BatchStep::create: return Target{"POST", "/batches", {}};
        case BatchStep::retrieve: return Target{"GET", path_of("/batches", ask.id), {}};
        case BatchStep::list: return Target{"GET", "/batches", list_query("limit=100", ask.page_after)};
        case BatchStep::cancel: return Target{"POST", path_of("/batches", ask.id, "/cancel"), {}};
    }
    return plugin::fail(plugin::Status::unsupported, "unknown_step", "this plugin does not know the step");
}

void add_headers(BatchRequest& request, const BatchAsk& ask, const openai::Options& live) {
    const bool is_json = ask.step != BatchStep::download;
    request.headers.add("accept", is_json ? "application/json" : "*/*");
    if (ask.has_key && !live.has_own_authorization()) {
        request.headers.add("authorization", "Bearer " ECO2_KEY_PLACEHOLDER);
    }
    if (!live.organization.empty()) {
        request.headers.add("openai-organization", live.organization);
    }
    if (!live.project.empty()) {
        request.headers.add("openai-project", live.project);
    }
    for (const auto& [name, value] : live.extra_headers) {
        request.headers.add(name, value);
    }
}

}  // namespace

Result<BatchRequest> write_request(const BatchAsk& ask, const Options& options) {
    Result<Target> target = target_of(ask);
    if (!target) {
        return std::move(target).error();
    }
    if (!target->path || (ask.step == BatchStep::create && ask.id.empty())) {
        return invalid("no file or batch can have the id \"" + std::string(ask.id) + '"');
    }
    if (ask.step == BatchStep::upload && ask.file_name.empty()) {
        return invalid("an upload needs a file name: a lost one is found again by it");
    }
    if (ask.tag.size() > kMetadataBytesMax) {
        return invalid("a tag has at most 512 bytes");
    }
    BatchRequest request;
    request.method = std::move(target->method);
    request.url = options.live.base_url + *target->path + options.live.query;
    if (!target->query.empty()) {
        request.url += options.live.query.empty() ? '?' : '&';
        request.url += target->query;
    }
    if (ask.step == BatchStep::upload) {
        request.headers.add("content-type", kContentType);
        request.body = form_start(ask.file_name, options);
        request.body_end = kFormEnd;
    } else if (ask.step == BatchStep::create) {
        request.headers.add("content-type", "application/json");
        request.body = create_body(ask, options);
    }
    add_headers(request, ask, options.live);
    return request;
}

}  // namespace eco2::openai_batch
