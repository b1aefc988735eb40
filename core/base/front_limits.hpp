#pragma once

#include <chrono>
#include <cstddef>

namespace eco2::limits {

using namespace std::chrono_literals;

// the OpenAI-compatible front door
inline constexpr std::size_t kChatJsonDepthMax = 64;            // tools carry JSON Schemas, which nest
inline constexpr std::size_t kChatPendingBytesMax = 64 * 1024;  // unread by a slow client; beyond it the upstream waits
inline constexpr auto kChatSilenceMax = 15s;              // before a stream is opened without content: proxies give up at 30
inline constexpr std::size_t kChatTrailBytesMax = 1'024;  // of x-eco2-trail: proxies take 4 KiB of headers
inline constexpr std::size_t kRequestIdBytesMax = 128;    // a client's own x-request-id
inline constexpr std::size_t kMergedAnswersMax = 1'000;   // answers with an Idempotency-Key under way; others go alone
inline constexpr std::size_t kMergedAnswerBytesMax = 256 * 1024;  // kept of one for late joiners; beyond it none can join

}  // namespace eco2::limits
