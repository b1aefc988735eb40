#pragma once

#include <cstddef>
#include <cstdint>

/// Limits of the offline half, each with its reason; those that it shares with serving are in base/limits.hpp.
namespace eco2::limits {

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

}  // namespace eco2::limits
