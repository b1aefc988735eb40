#pragma once

#include "model/calls.hpp"

#include <eco2/abi/provider.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace eco2::plugin_host {

/// A conversation as the ABI's structs, in one block of memory; its texts stay in the request.
class MessageArena {
public:
    explicit MessageArena(const std::vector<Message>& messages);

    void reset() noexcept { block_.reset(); }
    const eco2_message* const* messages() const noexcept { return messages_; }
    std::size_t count() const noexcept { return count_; }

private:
    template <class T>
    T* take(std::size_t count) noexcept;
    void fill(const std::vector<Message>& messages, std::size_t part_count) noexcept;

    std::size_t count_;
    std::size_t used_ = 0;
    std::unique_ptr<std::byte[]> block_;
    const eco2_message* const* messages_ = nullptr;
};

/// The request as the ABI has it. `key` is the handle of the key, 0: none. Lifetime: borrows from both.
eco2_generate_request abi_request(const GenerateRequest& request,
                                  const MessageArena& arena,
                                  std::uint64_t key,
                                  bool takes_chat) noexcept;

}  // namespace eco2::plugin_host
