// What the parts of a run cost, one by one: `build/release/tests/bench_parts`. The whole is measured by eco2_load.
#include "app/scan_frames.hpp"
#include "app/scan_request.hpp"
#include "base/json_schema.hpp"
#include "config/pipeline_file.hpp"
#include "net/url_guard.hpp"
#include "pipeline/stage_work.hpp"
#include "protocol/string_field_tap.hpp"

#include <eco2/wire/sse_reader.hpp>

#include <benchmark/benchmark.h>

#include <string>

namespace eco2 {
namespace {

const std::string kVision =
    R"({"classification":{"major_category":"재활용폐기물","middle_category":"무색페트병","minor_category":"음료PET병"},)"
    R"("situation_tags":["내용물_없음","비닐_라벨_부착"],"meta":{"user_input":"이건 어떻게 버려요?"}})";
const std::string kAnswer =
    R"({"user_answer":"라벨을 떼고 헹군 뒤 찌그러뜨려 뚜껑을 닫아 투명 페트병 수거함에 넣으세요.","disposal_steps":{"단계1":"내용물을 )"
    R"(비웁니다","단계2":"라벨을 뗍니다","단계3":"물로 헹굽니다","단계4":null,"단계5":null,"단계6":null,"단계7":null,"단계8":null,)"
    R"("단계9":null,"단계10":null},"insufficiencies":[]})";

std::shared_ptr<const Pipeline> shipped() {
    static const auto pipeline =
        Pipeline::compile(config::load_pipeline(ECO2_BENCH_CONFIG_DIR "/pipelines/scan.toml").value()).value();
    return pipeline;
}

RunInput input() {
    RunInput out;
    out.language = "ko";
    out.model = shipped()->definition().models.front();
    out.question = "이건 어떻게 버려요?";
    out.image_url = std::make_shared<const std::string>("https://images.example.com/a.jpg");
    return out;
}

RunValues values() {
    RunValues out;
    out.input = {{"question", "이건 어떻게 버려요?"}};
    out.outputs.resize(shipped()->stages().size());
    return out;
}

void prepare_vision(benchmark::State& state) {
    const auto in = input();
    const auto run_values = values();
    for (auto _ : state) {
        benchmark::DoNotOptimize(prepare_infer(shipped()->stages()[0], in, run_values));
    }
}
BENCHMARK(prepare_vision);

void settle_vision(benchmark::State& state) {
    const auto in = input();
    for (auto _ : state) {
        benchmark::DoNotOptimize(settle_infer(shipped()->stages()[0], in, kVision, FinishReason::stop).value());
    }
}
BENCHMARK(settle_vision);

void settle_answer(benchmark::State& state) {
    const auto in = input();
    for (auto _ : state) {
        benchmark::DoNotOptimize(settle_infer(shipped()->stages()[2], in, kAnswer, FinishReason::stop).value());
    }
}
BENCHMARK(settle_answer);

void check_answer_schema(benchmark::State& state) {
    const auto& schema = *shipped()->stages()[2].schema;
    for (auto _ : state) {
        benchmark::DoNotOptimize(schema.check(kAnswer).has_value());
    }
}
BENCHMARK(check_answer_schema);

void tap_words(benchmark::State& state) {
    for (auto _ : state) {
        StringFieldTap tap("user_answer");
        std::string words;
        for (std::size_t at = 0; at < kAnswer.size(); at += 16) {
            tap.feed(std::string_view(kAnswer).substr(at, 16), words);
        }
        benchmark::DoNotOptimize(words);
    }
}
BENCHMARK(tap_words);

void parse_request(benchmark::State& state) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(
            app::parse_scan_request(R"({"image_url":"https://images.example.com/a.jpg","user_input":"이건?"})").value());
    }
}
BENCHMARK(parse_request);

void judge_url(benchmark::State& state) {
    const net::UrlRules rules{.hosts = {"images.example.com"}};
    for (auto _ : state) {
        benchmark::DoNotOptimize(net::check_image_url("https://images.example.com/scan/a.jpg", rules).value());
    }
}
BENCHMARK(judge_url);

void read_events(benchmark::State& state) {
    std::string stream;
    for (int i = 0; i < 60; ++i) {
        stream += R"(data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"가나"},"finish_reason":null}]})"
                  "\n\n";
    }
    for (auto _ : state) {
        wire::SseReader reader(1U << 20U);
        std::size_t bytes = 0;
        (void)reader.feed(stream, [&](const wire::SseEvent& event) {
            bytes += event.data.size();
            return true;
        });
        benchmark::DoNotOptimize(bytes);
    }
    state.SetItemsProcessed(state.iterations() * 60);
}
BENCHMARK(read_events);

}  // namespace
}  // namespace eco2

BENCHMARK_MAIN();
