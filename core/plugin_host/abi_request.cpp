#include "plugin_host/abi_request.hpp"

#include "plugin_host/abi_values.hpp"

#include <new>
#include <string_view>

namespace eco2::plugin_host {
namespace {

std::string_view view(const SharedText& text) noexcept {
    return text == nullptr ? std::string_view{} : std::string_view{*text};
}

std::int32_t abi_role(Role role) noexcept {
    switch (role) {
        case Role::system: return ECO2_ROLE_SYSTEM;
        case Role::assistant: return ECO2_ROLE_ASSISTANT;
        case Role::tool: return ECO2_ROLE_TOOL;
        case Role::user: break;
    }
    return ECO2_ROLE_USER;
}

std::int32_t abi_detail(ImageDetail detail) noexcept {
    switch (detail) {
        case ImageDetail::low: return ECO2_DETAIL_LOW;
        case ImageDetail::high: return ECO2_DETAIL_HIGH;
        case ImageDetail::automatic: break;
    }
    return ECO2_DETAIL_AUTO;
}

std::int32_t abi_part_kind(Part::Kind kind) noexcept {
    switch (kind) {
        case Part::Kind::image_url: return ECO2_PART_IMAGE_URL;
        case Part::Kind::image_bytes: return ECO2_PART_IMAGE_BYTES;
        case Part::Kind::tool_call: return ECO2_PART_TOOL_CALL;
        case Part::Kind::text: break;
    }
    return ECO2_PART_TEXT;
}

eco2_part abi_part(const Part& part) noexcept {
    const auto bytes = view(part.bytes);
    return {sizeof(eco2_part),
            abi_part_kind(part.kind),
            abi_detail(part.detail),
            0,
            abi_text(view(part.text)),
            abi_text(part.mime),
            {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}};
}

}  // namespace

MessageArena::MessageArena(const std::vector<Message>& messages) : count_(messages.size()) {
    std::size_t parts = 0;
    for (const auto& message : messages) {
        parts += message.parts.size();
    }
    block_ = std::make_unique<std::byte[]>(count_ * (sizeof(eco2_message) + sizeof(void*)) +
                                           parts * (sizeof(eco2_part) + sizeof(void*)));
    fill(messages, parts);
}

/// All members are pointers or larger, so that the arrays follow one another without padding.
template <class T>
T* MessageArena::take(std::size_t count) noexcept {
    static_assert(alignof(T) <= alignof(void*) && sizeof(T) % alignof(void*) == 0);
    auto* first = reinterpret_cast<T*>(block_.get() + used_);
    used_ += count * sizeof(T);
    return first;
}

void MessageArena::fill(const std::vector<Message>& messages, std::size_t part_count) noexcept {
    auto* message = take<eco2_message>(count_);
    auto** message_pointer = take<const eco2_message*>(count_);
    auto* part = take<eco2_part>(part_count);
    auto** part_pointer = take<const eco2_part*>(part_count);
    messages_ = message_pointer;
    for (const auto& from : messages) {
        *message_pointer++ = new (message++) eco2_message{
            sizeof(eco2_message), abi_role(from.role), part_pointer, from.parts.size(), abi_text(from.tool_call_id)};
        for (const auto& part_from : from.parts) {
            *part_pointer++ = new (part++) eco2_part(abi_part(part_from));
        }
    }
}

eco2_generate_request abi_request(const GenerateRequest& request,
                                  const MessageArena& arena,
                                  std::uint64_t key,
                                  bool takes_chat) noexcept {
    return {.struct_size = sizeof(eco2_generate_request),
            .flags = request.is_streamed ? ECO2_GENERATE_STREAM : 0U,
            .deadline_ns = abi_time(request.deadline),
            .key = key,
            .request_id = abi_text(request.request_id),
            .traceparent = abi_text(request.traceparent),
            .model = abi_text(request.model),
            .messages = arena.messages(),
            .message_count = arena.count(),
            .schema_name = abi_text(view(request.schema_name)),
            .schema_json = abi_text(view(request.schema_json)),
            .params_json = abi_text(view(request.params_json)),
            .max_output_tokens = request.max_output_tokens,
            .temperature = request.temperature,
            .top_p = request.top_p,
            .stop_json = abi_text(view(request.stop_json)),
            .tools_json = abi_text(view(request.tools_json)),
            .chat_json = takes_chat ? abi_text(view(request.chat_json)) : eco2_str{}};
}

}  // namespace eco2::plugin_host
