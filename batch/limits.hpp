#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// Limits of the offline half, each with its reason; those that it shares with serving are in base/limits.hpp.
namespace eco2::limits {

using namespace std::chrono_literals;

// walks
inline constexpr std::size_t kBatchWalksPerThread = 64;  // runs in memory at once; more would only wait for the same core

// inputs
inline constexpr std::size_t kBatchLineBytesMax = 16 * 1024 * 1024;  // a request with a 10 MiB photo as base64, and its prompt
inline constexpr std::size_t kBatchItemIdBytesMax = 512;             // two long paths' names; stands in every result line
inline constexpr std::int64_t kBatchItemsMax = 5'000'000;            // of a job: the check holds 20 to 60 bytes of each

// results
inline constexpr std::size_t kBatchCsvColumnsMax = 200;       // of a result's fields; people read a CSV in a spreadsheet
inline constexpr std::size_t kBatchCsvColumnBytesMax = 200;   // of a column's name, which comes out of a model's answer
inline constexpr std::size_t kBatchResultJsonDepthMax = 128;  // of a result: the flattening walks down it

// the wire
inline constexpr std::chrono::milliseconds kBatchConnectTimeout = 15s;  // TCP, proxy and TLS; nobody waits for a batch
inline constexpr std::chrono::milliseconds kBatchIdleTimeout = 120s;    // an upload is answered when it has been looked through
inline constexpr std::chrono::milliseconds kBatchCallTimeMax = 180s;    // of a small call as a whole
inline constexpr std::chrono::milliseconds kBatchAskInterval = 500ms;   // between two looks at whether to go on
inline constexpr std::size_t kBatchReplyBytesMax = 16 * 1024 * 1024;    // a page of 100 batches takes about 200 KB
inline constexpr std::size_t kBatchFilePieceBytes = 128 * 1024;         // read and sent at a time
inline constexpr std::size_t kBatchReadBytes = 64 * 1024;               // received at a time

}  // namespace eco2::limits
