#pragma once

#include "eco2/abi/provider.h"
#include "eco2/plugin/result.hpp"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>

namespace eco2::plugin {
inline namespace draft_2 {

enum class Role : std::int32_t {
    system = ECO2_ROLE_SYSTEM,
    user = ECO2_ROLE_USER,
    assistant = ECO2_ROLE_ASSISTANT,
    tool = ECO2_ROLE_TOOL
};
enum class PartKind : std::int32_t {
    text = ECO2_PART_TEXT,
    image_url = ECO2_PART_IMAGE_URL,
    image_bytes = ECO2_PART_IMAGE_BYTES,
    tool_call = ECO2_PART_TOOL_CALL
};
enum class ImageDetail : std::int32_t { automatic = ECO2_DETAIL_AUTO, low = ECO2_DETAIL_LOW, high = ECO2_DETAIL_HIGH };

/// Views over the request as the host made it: nothing is copied. Lifetime of all: until the call is done.
class Part {
public:
    explicit Part(const eco2_part& part) noexcept : part_(&part) {}

    PartKind kind() const noexcept { return static_cast<PartKind>(part_->kind); }
    ImageDetail detail() const noexcept { return static_cast<ImageDetail>(part_->detail); }
    /// The text, the image's URL, or a tool call in the form of OpenAI's message.tool_calls[].
    std::string_view text() const noexcept { return from_abi(part_->text); }
    std::string_view mime() const noexcept { return from_abi(part_->mime); }
    std::span<const std::uint8_t> bytes() const noexcept { return {part_->bytes.data, part_->bytes.size}; }

private:
    const eco2_part* part_;
};

/// A range over an array of pointers, as `View` objects.
template <class View, class Abi>
class ViewRange {
public:
    class Iterator {
    public:
        explicit Iterator(const Abi* const* at) noexcept : at_(at) {}
        View operator*() const noexcept { return View(**at_); }
        Iterator& operator++() noexcept {
            ++at_;
            return *this;
        }
        bool operator==(const Iterator&) const = default;

    private:
        const Abi* const* at_;
    };

    ViewRange(const Abi* const* first, std::size_t count) noexcept : first_(first), count_(count) {}
    Iterator begin() const noexcept { return Iterator(first_); }
    Iterator end() const noexcept { return Iterator(first_ + count_); }
    std::size_t size() const noexcept { return count_; }
    View operator[](std::size_t index) const noexcept { return View(*first_[index]); }

private:
    const Abi* const* first_;
    std::size_t count_;
};

class Message {
public:
    explicit Message(const eco2_message& message) noexcept : message_(&message) {}

    Role role() const noexcept { return static_cast<Role>(message_->role); }
    ViewRange<Part, eco2_part> parts() const noexcept { return {message_->parts, message_->part_count}; }
    /// Which call a tool's result answers.
    std::string_view tool_call_id() const noexcept { return from_abi(message_->tool_call_id); }

private:
    const eco2_message* message_;
};

class GenerateRequest {
public:
    explicit GenerateRequest(const eco2_generate_request& request) noexcept : request_(&request) {}

    /// Text is wanted as it arrives; otherwise one delta with all of it is as good.
    bool is_streamed() const noexcept { return (request_->flags & ECO2_GENERATE_STREAM) != 0; }
    /// On the host's monotonic clock; the host enforces it.
    std::int64_t deadline_ns() const noexcept { return request_->deadline_ns; }
    /// Handle of the key to use; 0: the upstream needs none.
    std::uint64_t key() const noexcept { return request_->key; }
    bool has_key() const noexcept { return request_->key != 0; }
    std::string_view request_id() const noexcept { return from_abi(request_->request_id); }
    std::string_view traceparent() const noexcept { return from_abi(request_->traceparent); }
    std::string_view model() const noexcept { return from_abi(request_->model); }
    ViewRange<Message, eco2_message> messages() const noexcept { return {request_->messages, request_->message_count}; }
    std::string_view schema_name() const noexcept { return from_abi(request_->schema_name); }
    /// JSON Schema that the text must obey; empty: free text.
    std::string_view schema_json() const noexcept { return from_abi(request_->schema_json); }
    /// JSON object of further fields for the upstream's request; empty: none.
    std::string_view params_json() const noexcept { return from_abi(request_->params_json); }
    /// -1: the upstream's default.
    std::int64_t max_output_tokens() const noexcept { return request_->max_output_tokens; }
    /// Negative: the upstream's default.
    double temperature() const noexcept { return request_->temperature; }
    /// Negative: the upstream's default.
    double top_p() const noexcept { return request_->top_p; }
    /// JSON array of texts that end the answer; empty: none.
    std::string_view stop_json() const noexcept { return from_abi(request_->stop_json); }
    /// JSON object with OpenAI's "tools", "tool_choice", "parallel_tool_calls"; empty: no tools.
    std::string_view tools_json() const noexcept { return from_abi(request_->tools_json); }
    /// The client's own request in the form of OpenAI's chat completions; empty unless there is one and the plugin has declared
    /// the capability "chat".
    std::string_view chat_json() const noexcept { return from_abi(request_->chat_json); }

private:
    const eco2_generate_request* request_;
};

}  // namespace draft_2
}  // namespace eco2::plugin
