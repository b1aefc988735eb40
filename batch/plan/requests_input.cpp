#include "base/io_thread.hpp"
#include "base/limits.hpp"
#include "base/text.hpp"
#include "batch/limits.hpp"
#include "batch/plan/input_forms.hpp"
#include "batch/plan/item_fields.hpp"
#include "batch/plan/json_line.hpp"
#include "batch/plan/line_reader.hpp"
#include "protocol/json_members.hpp"

#include <boost/json/monotonic_resource.hpp>

#include <array>
#include <utility>

namespace eco2::batch {
namespace {

namespace json = boost::json;

class RequestsInput final : public InputReader {
public:
    RequestsInput(std::string input, LineReader lines) : input_(std::move(input)), lines_(std::move(lines)) {}

    InputKind kind() const noexcept override { return InputKind::requests; }
    std::int64_t done() const noexcept override { return lines_.done(); }
    std::int64_t total() const noexcept override { return lines_.total(); }
    Result<std::optional<InputItem>> next() override;

private:
    const std::string input_;
    LineReader lines_;
};

/// Null where the key is absent or null: the provider takes both for the same.
const json::value* find(const json::object& object, std::string_view key) noexcept {
    const auto* value = object.if_contains(key);
    return value == nullptr || value->is_null() ? nullptr : value;
}

Result<std::string> text_of(const json::object& object, std::string_view key, std::string_view what) {
    const auto* value = find(object, key);
    if (value == nullptr) {
        return fail(Errc::invalid_field, std::string(key) + " is missing; " + std::string(what));
    }
    if (!value->is_string()) {
        return fail(Errc::invalid_field, std::string(key) + " is " + std::string(kind_of(*value)) + "; " + std::string(what));
    }
    return std::string(value->get_string());
}

/// What the body must have, by the endpoint; empty: an endpoint that is not known here.
std::string_view input_of(std::string_view endpoint) noexcept {
    if (endpoint.ends_with("/chat/completions")) {
        return "messages";
    }
    if (endpoint.ends_with("/completions")) {
        return "prompt";
    }
    return endpoint.ends_with("/responses") || endpoint.ends_with("/embeddings") || endpoint.ends_with("/moderations") ? "input"
                                                                                                                       : "";
}

Result<void> check_body(const json::object& body, std::string_view text, const std::string& endpoint) {
    if (count_json_members(text) != body.size()) {
        return fail(Errc::invalid_field, "a key of body stands there twice");
    }
    const auto* stream = find(body, "stream");
    if (stream != nullptr && !(stream->is_bool() && !stream->get_bool())) {
        return fail(Errc::invalid_field,
                    "body.stream is " + std::string(kind_of(*stream)) + "; a batch is not streamed, leave it out");
    }
    const auto wanted = input_of(endpoint);
    const auto* input = find(body, wanted);
    if (wanted.empty()) {
        input = find(body, "messages") != nullptr ? find(body, "messages") : find(body, "input");
        input = input != nullptr ? input : find(body, "prompt");
    }
    const auto name = wanted.empty() ? std::string("messages or input") : std::string(wanted);
    if (input == nullptr) {
        return fail(Errc::invalid_field, "body has no " + name + ", which " + shown(endpoint) + " takes");
    }
    const bool is_list = input->is_array() && !input->get_array().empty();
    if (!is_list && (wanted == "messages" || !input->is_string())) {
        return fail(Errc::invalid_field,
                    "body's " + name + " must be a list that is not empty" + (wanted == "messages" ? "" : ", or a text"));
    }
    return {};
}

Result<InputItem> read_request(std::string_view line) {
    if (trim(line).empty()) {
        return fail(Errc::invalid_field, "the line is blank, for which the provider refuses the whole file; take it out");
    }
    json::monotonic_resource memory;
    const auto object = read_json_line(line, limits::kChatJsonDepthMax, &memory);
    if (!object) {
        return object.error();
    }
    const std::vector<std::string> keys{"custom_id", "method", "url", "body"};
    for (const auto& [key, value] : *object) {
        if (std::find(keys.begin(), keys.end(), std::string_view(key)) == keys.end()) {
            return fail(Errc::invalid_field, "the key " + shown(key) + " is not known" + advice(key, keys));
        }
    }
    InputItem item;
    auto id = text_of(*object, "custom_id", "each line needs a text of its own there");
    const auto method = text_of(*object, "method", "it must be \"POST\"");
    auto endpoint = text_of(*object, "url", "it must be the endpoint, such as \"/v1/chat/completions\"");
    for (const auto* read : {&std::as_const(id), &method, &std::as_const(endpoint)}) {
        if (!*read) {
            return read->error();
        }
    }
    if (auto checked = check_item_id(*id); !checked) {
        return fail(Errc::invalid_field, "custom_id: " + checked.error().detail);
    }
    if (*method != "POST") {
        return fail(Errc::invalid_field, "method is " + shown(*method) + "; it must be \"POST\"");
    }
    if (!endpoint->starts_with('/') || endpoint->size() > limits::kUrlBytesMax) {
        return fail(Errc::invalid_field,
                    "url is " + shown(*endpoint) + "; it must be a path, such as \"/v1/chat/completions\"");
    }
    const auto* body = find(*object, "body");
    const auto text = json_member(line, "body");
    if (body == nullptr || !body->is_object() || text.empty()) {
        return fail(Errc::invalid_field, "body must be an object: the request itself");
    }
    auto model = text_of(body->get_object(), "model", "body must name it");
    if (!model) {
        return fail(Errc::invalid_field, "body." + model.error().detail);
    }
    if (model->empty() || model->size() > limits::kModelNameBytesMax) {
        return fail(Errc::invalid_field,
                    "body.model must have 1 to " + std::to_string(limits::kModelNameBytesMax) + " bytes, it has " +
                        std::to_string(model->size()));
    }
    if (auto checked = check_body(body->get_object(), text, *endpoint); !checked) {
        return checked.error();
    }
    item.id = std::move(*id);
    item.endpoint = std::move(*endpoint);
    item.model = std::move(*model);
    item.body = text;
    return item;
}

Result<std::optional<InputItem>> RequestsInput::next() {
    assert_may_block();
    const auto line = lines_.next();
    if (line && !*line) {
        return std::optional<InputItem>();
    }
    auto item = line ? read_request(**line) : Result<InputItem>(line.error());
    if (!item) {
        return at_line(input_, lines_.line(), item.error());
    }
    item->line = lines_.line();
    return std::optional(std::move(*item));
}

}  // namespace

Result<std::unique_ptr<InputReader>> open_requests(const std::string& input) {
    auto lines = LineReader::open(input, limits::kBatchLineBytesMax);
    if (!lines) {
        return lines.error();
    }
    return std::make_unique<RequestsInput>(input, std::move(*lines));
}

}  // namespace eco2::batch
