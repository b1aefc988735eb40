#pragma once

#include "batch/jobs/job.hpp"
#include "model/batch_provider.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace eco2::batch {

/// The same word whatever the provider calls it.
std::string_view name_of(RemoteBatch::State state) noexcept;

/// A shard as the store keeps it: one file of requests, and what became of it at the provider.
struct Shard {
    std::int64_t key = 0;
    std::int64_t job = 0;
    int stage = 0;
    ShardState state = ShardState::planned;
    std::string nonce;  // in the file's name, the batch's tag and every custom_id
    std::string model;
    std::int64_t lines = 0;
    std::int64_t bytes = 0;     // of the file; before it is built: of its requests, about
    std::int64_t tokens = 0;    // prompt tokens, high estimate
    std::int64_t reserved = 0;  // picousd, worst case; given back when it is settled
    std::int64_t booked = 0;
    std::int64_t synchronous = 0;
    std::string file_sha256;

    std::string input_file;  // the provider's ids; empty: not known
    std::string batch;
    std::string output_file;
    std::string error_file;
    std::string remote_state;  // name_of(RemoteBatch::State); empty: not asked yet
    std::int64_t remote_total = 0;
    std::int64_t remote_done = 0;
    std::int64_t usage_input = -1;  // the batch's own sum, where it tells one
    std::int64_t usage_cached = -1;
    std::int64_t usage_output = -1;
    std::int64_t unexplained = 0;  // picousd: the batch's own sum less the lines'

    std::int64_t output_offset = 0;  // how far its files have been read
    std::int64_t error_offset = 0;
    int fetches = 0;             // downloads that were begun anew because lines were missing
    int tries = 0;               // of the present step, in a row
    int scans = 0;               // clean look-ups that did not find it, in a row
    int polls_null = 0;          // terminal, but without the ids of its files
    int cancel = 0;              // 1: wanted, 2: sent
    bool has_stray = false;      // an upload went unclear: files of this name may be there that nobody uses
    bool has_twin = false;       // created again: the first batch may show up yet
    int refusals = 0;            // creations that the provider has refused for good, in a row
    bool is_cleaned = false;     // settled, and nothing of it is left with the provider
    std::int64_t since_ns = 0;   // when the present state began
    std::int64_t intent_ns = 0;  // when the intent of the present upload or create was written
    std::int64_t next_ns = 0;    // not before
    std::string trouble;         // the last thing that went wrong, for people
};

}  // namespace eco2::batch
