#include "openai/request_body.hpp"
#include "openai_batch/lines.hpp"

#include "eco2/plugin/json_members.hpp"
#include "eco2/plugin/upstream_errors.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace eco2::openai_batch {

using plugin::GenerateRequest;
using plugin::Result;

namespace {

/// Takes a document and keeps nothing of it.
struct NullHandler {
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
    using Text = boost::json::string_view;
    using Code = boost::json::error_code;

    bool on_document_begin(Code&) { return true; }
    bool on_document_end(Code&) { return true; }
    bool on_object_begin(Code&) { return true; }
    bool on_object_end(std::size_t, Code&) { return true; }
    bool on_array_begin(Code&) { return true; }
    bool on_array_end(std::size_t, Code&) { return true; }
    bool on_key_part(Text, std::size_t, Code&) { return true; }
    bool on_key(Text, std::size_t, Code&) { return true; }
    bool on_string_part(Text, std::size_t, Code&) { return true; }
    bool on_string(Text, std::size_t, Code&) { return true; }
    bool on_number_part(Text, Code&) { return true; }
    bool on_int64(std::int64_t, Text, Code&) { return true; }
    bool on_uint64(std::uint64_t, Text, Code&) { return true; }
    bool on_double(double, Text, Code&) { return true; }
    bool on_bool(bool, Code&) { return true; }
    bool on_null(Code&) { return true; }
    bool on_comment_part(Text, Code&) { return true; }
    bool on_comment(Text, Code&) { return true; }
};

bool is_json(std::string_view text) {
    boost::json::parse_options options;
    options.max_depth = 128;  // a client's schemas go deeper than answers do
    boost::json::basic_parser<NullHandler> parser(options);
    boost::json::error_code ec;
    return parser.write_some(false, text.data(), text.size(), ec) == text.size() && !ec && parser.done();
}

/// In which form an image comes decides; a data URL is bytes whatever it is called.
Result<void> check_images(const GenerateRequest& request, const Options& options) {
    for (const plugin::Message message : request.messages()) {
        for (const plugin::Part part : message.parts()) {
            const bool is_url = part.kind() == plugin::PartKind::image_url;
            const bool is_bytes = part.kind() == plugin::PartKind::image_bytes || (is_url && part.text().starts_with("data:"));
            if (is_bytes && !options.takes_image_bytes) {
                return plugin::caller_fault("this batch provider takes images by URL only (image_bytes = false)");
            }
            if (is_url && !is_bytes && !options.takes_image_urls) {
                return plugin::caller_fault("this batch provider takes images inline only (image_urls = false)");
            }
        }
    }
    return {};
}

/// A client's request may say that it wants no stream; batches do not know the word.
Result<std::string> write_body(const GenerateRequest& request, const openai::Options& live) {
    if (live.api == openai::Api::responses) {
        return openai::write_responses_body(request, live);
    }
    if (request.chat_json().empty()) {
        return openai::write_chat_body(request, live);
    }
    Result<std::string> body = openai::write_client_body(request, live);
    if (!body || plugin::find_json_member(*body, "stream").empty()) {
        return body;
    }
    static constexpr std::array kChanges{plugin::JsonChange{"stream", ""}};
    return plugin::change_json_members(*body, kChanges).value_or(*body);
}

}  // namespace

Result<std::string> write_line(const GenerateRequest& request, std::string_view custom_id, const Options& options) {
    if (custom_id.empty()) {
        return plugin::fail(plugin::Status::invalid_argument, "custom_id", "a line needs an id of its own");
    }
    if (Result<void> checked = check_images(request, options); !checked) {
        return std::move(checked).error();
    }
    const Result<std::string> body = write_body(request, options.live);
    if (!body) {
        return body.error();
    }
    if (!is_json(*body)) {
        return plugin::caller_fault("the request does not make a body in JSON: look at its schema, tools and params");
    }
    std::string line;
    line.reserve(body->size() + custom_id.size() + options.endpoint.size() + 64);
    line += R"({"custom_id":)";
    plugin::append_json_quoted(line, custom_id);
    line += R"(,"method":"POST","url":)";
    plugin::append_json_quoted(line, options.endpoint);
    line += R"(,"body":)";
    const auto body_at = static_cast<std::ptrdiff_t>(line.size());
    line += *body;
    line += '}';
    // Inside strings JSON has no line ends: what stands here are blanks of whoever wrote a schema by hand.
    std::replace_if(
        line.begin() + body_at, line.end(), [](char byte) { return byte == '\n' || byte == '\r'; }, ' ');
    return line;
}

}  // namespace eco2::openai_batch
