#include "fake_provider/pacing.hpp"

#include "fake_provider/answer_text.hpp"

#include <algorithm>
#include <utility>

namespace eco2::fake {
namespace {

using std::chrono::microseconds;

constexpr double kFirstTokenShare = 0.4;
constexpr std::uint64_t kJitterPurpose = 1;

microseconds from_us(double us) {
    return microseconds(static_cast<std::int64_t>(us));
}

microseconds due(const Pace& pace, std::size_t index, std::size_t count) {
    if (pace.gap.count() >= 0) {
        return pace.first + pace.gap * static_cast<std::int64_t>(index);
    }
    if (pace.tokens_per_second > 0) {
        return pace.first + from_us(static_cast<double>(index) * 1e6 / pace.tokens_per_second);
    }
    if (index + 1 == count) {
        return pace.last;
    }
    const double share = static_cast<double>(index) / static_cast<double>(count - 1);
    return pace.first + from_us(share * static_cast<double>((pace.last - pace.first).count()));
}

}  // namespace

Pace pace_of(const Scene& scene) {
    const Latency& latency = scene.latency;
    const int whole_ms = scene.behaviour.delay_ms >= 0              ? scene.behaviour.delay_ms
                         : scene.request.kind == AnswerKind::vision ? latency.vision_ms
                                                                    : latency.answer_ms;
    const double swing = (2 * dice(scene.seed, scene.number, kJitterPurpose) - 1) * latency.jitter_percent / 100.0;
    const double whole_us = whole_ms * 1000.0 * (1 + swing);
    Pace pace;
    pace.last = from_us(whole_us);
    pace.first =
        from_us(latency.first_token_ms >= 0 ? latency.first_token_ms * 1000.0 * (1 + swing) : whole_us * kFirstTokenShare);
    pace.tokens_per_second = latency.tokens_per_second;
    pace.is_by_word = is_plain_text(scene.request) && scene.behaviour.fault != Fault::huge_body;
    pace.gap = std::chrono::milliseconds(scene.behaviour.pacing_ms >= 0 ? scene.behaviour.pacing_ms : latency.pacing_ms);
    pace.pieces_max = latency.tokens_per_second > 0 ? SIZE_MAX : static_cast<std::size_t>(latency.pieces_max);
    if (scene.request.dialect == Dialect::gemini && !scene.request.tool.empty()) {
        pace.pieces_max = 1;
    }
    if (pace.tokens_per_second <= 0) {
        pace.first = std::min(pace.first, pace.last);
    }
    return pace;
}

StreamPlan stream_parts(AnswerWire& wire, const Said& said, const Pace& pace) {
    const std::vector<std::string_view> pieces =
        pace.is_by_word ? cut_into_words(said.text) : cut_into_pieces(said.text, pace.pieces_max);
    const std::int64_t tokens = said.completion_tokens;
    const auto count = static_cast<std::int64_t>(std::max<std::size_t>(pieces.size(), 1));
    const std::string begin = wire.begin(said.field);
    StreamPlan plan;
    plan.parts.reserve(pieces.size() + 1);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const auto nth = static_cast<std::int64_t>(i);
        // Shares that add up to the whole: usage of a stream that was read to its end is what the stream tells at its end.
        const std::int64_t share = tokens * (nth + 1) / count - tokens * nth / count;
        plan.parts.push_back({due(pace, i, pieces.size()), wire.piece(pieces[i], said.field), share});
    }
    if (plan.parts.empty()) {
        plan.parts.push_back({pace.last, {}, 0});
    }
    plan.parts.front().bytes.insert(0, begin);
    plan.begin_bytes = begin.size();
    const std::string end = wire.end(said);
    plan.parts.back().bytes += end;
    plan.end_bytes = end.size();
    return plan;
}

}  // namespace eco2::fake
