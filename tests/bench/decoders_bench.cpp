// What a provider's answer costs to read, a chunk at a time: `build/release/tests/bench_decoders`.
#include "openai/answer_decoder.hpp"
#include "openai/chat_decoder.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <string>
#include <vector>

namespace {

constexpr int kChunks = 100;

/// `is_odd`: with a space that says nothing, each time at another place, so that no chunk is like the one before.
std::vector<std::string> chunks(bool is_odd) {
    std::vector<std::string> out;
    for (int index = 0; index < kChunks; ++index) {
        out.push_back(
            R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"gpt-test-2026",)"
            R"("service_tier":"default","system_fingerprint":null,"choices":[{"index":0,"delta":{"content":" word)" +
            std::to_string(index) + R"("},"logprobs":null,"finish_reason":null}],"usage":null})" + "\n\n");
        if (is_odd) {
            out.back().insert(out.back().find("\"object\""), static_cast<std::size_t>(index) + 1, ' ');
        }
    }
    return out;
}

class Counter final : public eco2::plugin::DeltaWriter {
public:
    std::size_t bytes = 0;

private:
    void put(const eco2_delta& delta) override { bytes += delta.text.size + delta.meta.size; }
};

template <class Decoder, class... Options>
void read_stream(benchmark::State& state, bool is_odd, Options... options) {
    const auto stream = chunks(is_odd);
    for (auto _ : state) {
        Counter out;
        Decoder decoder(options...);
        for (const std::string& chunk : stream) {
            if (!decoder.feed(chunk, out)) {
                state.SkipWithError("the stream was not read");
            }
        }
        benchmark::DoNotOptimize(out.bytes);
    }
    state.SetItemsProcessed(state.iterations() * kChunks);
}

void chat_alike(benchmark::State& state) {
    read_stream<eco2::openai::ChatDecoder>(state, false, true, std::size_t{1});
}
BENCHMARK(chat_alike);

void chat_parsed(benchmark::State& state) {
    read_stream<eco2::openai::ChatDecoder>(state, true, true, std::size_t{1});
}
BENCHMARK(chat_parsed);

void text_alike(benchmark::State& state) {
    read_stream<eco2::openai::AnswerDecoder>(state, false, true, false);
}
BENCHMARK(text_alike);

}  // namespace

BENCHMARK_MAIN();
