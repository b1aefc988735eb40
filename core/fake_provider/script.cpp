#include "fake_provider/script.hpp"

#include "base/text.hpp"
#include "fake_provider/answer_text.hpp"
#include "fake_provider/openai_wire.hpp"
#include "fake_provider/pacing.hpp"
#include "fake_provider/raw_http.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

namespace eco2::fake {
namespace {

using std::chrono::microseconds;

/// Between the last byte and a RST, so that the bytes are on the wire before the kernel throws its buffer away.
constexpr microseconds kBeforeReset{10'000};

std::uint64_t scramble(std::uint64_t x) noexcept {
    x += 0x9E3779B97F4A7C15ULL;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ x >> 27) * 0x94D049BB133111EBULL;
    return x ^ x >> 31;
}

std::string hex_id(std::uint64_t number) {
    std::array<char, 33> digits{};
    std::snprintf(digits.data(),
                  digits.size(),
                  "%016llx%016llx",
                  static_cast<unsigned long long>(scramble(number)),
                  static_cast<unsigned long long>(number));
    return digits.data();
}

Script whole_reply(
    Dialect dialect, int status, std::string_view content_type, std::string body, microseconds at, std::uint64_t number) {
    Script script;
    script.status = status;
    script.headers = usual_headers(dialect, hex_id(number), at.count() / 1000);
    script.headers.emplace(script.headers.begin(), "content-type", content_type);
    script.parts.push_back({at, std::move(body), 0});
    return script;
}

class Planner {
public:
    explicit Planner(const Scene& scene)
        : scene_(scene),
          dialect_(scene.request.dialect),
          behaviour_(scene.behaviour),
          pace_(pace_of(scene)),
          wire_(make_wire(dialect_,
                          {hex_id(scene.number),
                           scene.created,
                           scene.request.model,
                           scene.request.wants_usage,
                           scene.request.tool,
                           scene.request.prompt_tokens})) {}

    Script plan() {
        Script script = dispatch();
        script.headers.insert(script.headers.end(), behaviour_.headers.begin(), behaviour_.headers.end());
        if (!behaviour_.retry_after.empty()) {
            script.headers.emplace_back("retry-after", behaviour_.retry_after);
        }
        return is_broken_on_the_wire() ? break_wire(std::move(script)) : script;
    }

private:
    Script dispatch() {
        switch (behaviour_.fault) {
            case Fault::status: return error(usual_fault(behaviour_.status));
            case Fault::context_length: return error(context_length_fault(dialect_));
            case Fault::insufficient_quota: return error(quota_fault(dialect_));
            case Fault::html_error: return html_error();
            case Fault::garbage_body:
                return whole_reply(
                    dialect_, 200, "application/json", "<<<this is not JSON: \x01\x02", pace_.last, scene_.number);
            case Fault::silence: {
                Script script;
                script.form = Script::Form::silence;
                script.prompt_tokens = scene_.request.prompt_tokens;
                return script;
            }
            case Fault::error_in_stream:
                if (!scene_.request.is_stream) {
                    return error(usual_fault(500));
                }
                break;
            default: break;
        }
        return scene_.request.is_stream ? stream_answer() : whole_answer();
    }

    microseconds error_time() const { return std::chrono::milliseconds(std::max(behaviour_.delay_ms, 0)); }

    /// The fault in the words that the behaviour has for it.
    ApiFault named(ApiFault fault) const {
        const auto set = [](std::string& word, const std::string& chosen) { word = chosen.empty() ? word : chosen; };
        set(fault.message, behaviour_.message);
        set(fault.type, behaviour_.error_type);
        set(fault.code, behaviour_.error_code);
        return fault;
    }

    Script error(const ApiFault& fault) const {
        return whole_reply(
            dialect_, fault.status, "application/json", error_body(dialect_, named(fault)), error_time(), scene_.number);
    }

    Script html_error() const {
        const std::string status = std::to_string(behaviour_.status);
        return whole_reply(dialect_,
                           behaviour_.status,
                           "text/html",
                           "<html>\r\n<head><title>" + status + " Fake Proxy Error</title></head>\r\n<body>\r\n<center><h1>" +
                               status + "</h1></center>\r\n</body>\r\n</html>\r\n",
                           error_time(),
                           scene_.number);
    }

    std::string text() const {
        switch (behaviour_.fault) {
            case Fault::wrong_schema: return answer_outside_schema();
            case Fault::outside_taxonomy: return answer_outside_taxonomy(scene_.request);
            case Fault::refusal: return "I'm sorry, I can't help with that. (made up by the fake provider)";
            case Fault::huge_body: return std::string(behaviour_.bytes, 'x');
            case Fault::content_filter: {
                std::string half = answer_text(scene_.request, scene_.answers, scene_.number);
                const std::vector<std::string_view> halves = cut_into_pieces(half, 2);
                half.resize(halves.empty() ? 0 : halves.front().size());
                return half;
            }
            default: return answer_text(scene_.request, scene_.answers, scene_.number);
        }
    }

    TextField field() const { return behaviour_.fault == Fault::refusal ? TextField::refusal : TextField::content; }
    Ending ending() const {
        return behaviour_.fault == Fault::content_filter ? Ending::content_filter
               : behaviour_.fault == Fault::no_finish    ? Ending::none
                                                         : Ending::stop;
    }

    Said said(std::string_view text) const {
        return {text, field(), ending(), scene_.request.prompt_tokens, estimate_tokens(text)};
    }

    Script whole_answer() const {
        const std::string words = text();
        const Said said = this->said(words);
        std::string body = behaviour_.fault == Fault::empty_choices ? wire_->whole_empty(said) : wire_->whole(said);
        if (behaviour_.fault == Fault::malformed_chunk) {
            body.resize(body.size() / 2);
        }
        Script script = whole_reply(dialect_, 200, "application/json", std::move(body), pace_.last, scene_.number);
        script.parts.front().tokens = said.completion_tokens;
        script.prompt_tokens = said.prompt_tokens;
        return script;
    }

    Script stream_answer() const {
        const std::string words = text();
        const Said said = this->said(words);
        Script script = whole_reply(dialect_, 200, "text/event-stream; charset=utf-8", {}, pace_.first, scene_.number);
        script.form = Script::Form::stream;
        script.headers.emplace_back("cache-control", "no-cache");
        script.prompt_tokens = said.prompt_tokens;
        if (behaviour_.fault == Fault::empty_choices) {
            script.parts = {{pace_.last, wire_->empty_stream(said), said.completion_tokens}};
            return script;
        }
        StreamPlan plan = stream_parts(*wire_, said, pace_);
        script.parts = std::move(plan.parts);
        bend_stream(script, plan);
        return script;
    }

    /// Number of content pieces that go out before something happens; the role chunk goes out in any case.
    std::size_t kept(const Script& script) const {
        return std::min(script.parts.size(), static_cast<std::size_t>(behaviour_.after_chunks));
    }

    /// Drops what comes after `after_chunks` pieces, the end marks included.
    void keep_pieces(Script& script, const StreamPlan& plan) const {
        const std::size_t count = kept(script);
        const microseconds next = script.parts[std::min(count, script.parts.size() - 1)].at;
        if (count == script.parts.size()) {
            std::string& last = script.parts.back().bytes;
            last.resize(last.size() - plan.end_bytes);
        }
        const std::string begin = script.parts.front().bytes.substr(0, plan.begin_bytes);
        script.parts.resize(count);
        if (script.parts.empty()) {
            script.parts.push_back({pace_.first, begin, 0});
        }
        script.parts.push_back({next, {}, 0});
    }

    void bend_stream(Script& script, const StreamPlan& plan) const {
        switch (behaviour_.fault) {
            case Fault::stall:
                keep_pieces(script, plan);
                script.hangs = true;
                break;
            case Fault::cut_stream:
            case Fault::no_finish: keep_pieces(script, plan); break;
            case Fault::error_in_stream:
                keep_pieces(script, plan);
                script.parts.back().bytes = wire_->error_event(named(usual_fault(behaviour_.status)));
                break;
            case Fault::malformed_chunk:
                script.parts[std::min(kept(script), script.parts.size() - 1)].bytes.insert(0, wire_->malformed());
                break;
            case Fault::missing_done: {
                std::string& end = script.parts.back().bytes;
                end.resize(end.size() - wire_->end_mark().size());
                break;
            }
            default: break;
        }
    }

    bool is_broken_on_the_wire() const {
        switch (behaviour_.fault) {
            case Fault::reset_before_head:
            case Fault::reset_after_head:
            case Fault::garbage_head:
            case Fault::slow_headers:
            case Fault::cut_stream: return true;
            case Fault::stall: return !scene_.request.is_stream;
            default: return false;
        }
    }

    Script break_wire(Script script) const {
        switch (behaviour_.fault) {
            case Fault::reset_before_head: return only("", error_time(), true);
            case Fault::garbage_head: return only("\x16\x03\x01 this is not HTTP\r\n\r\n", error_time(), false);
            case Fault::reset_after_head: {
                const microseconds at = script.parts.front().at;
                return only(raw_head(200, script.headers, "transfer-encoding: chunked"), at, true);
            }
            case Fault::slow_headers: return slow_headers(std::move(script));
            default: return cut(std::move(script));
        }
    }

    static Script only(std::string bytes, microseconds at, bool resets) {
        Script script;
        script.form = Script::Form::raw;
        const bool waits = resets && !bytes.empty();
        script.parts.push_back({at, std::move(bytes), 0});
        if (waits) {
            script.parts.push_back({at + kBeforeReset, {}, 0});
        }
        script.resets = resets;
        script.is_broken = true;
        return script;
    }

    Script cut(Script script) const {
        const bool was_stream = script.form == Script::Form::stream;
        if (was_stream && script.parts.back().bytes.empty()) {
            script.parts.pop_back();  // an empty chunk would be the clean end
        }
        script = as_raw(std::move(script));
        if (!was_stream) {
            std::string& bytes = script.parts.front().bytes;
            const std::size_t head = bytes.find("\r\n\r\n") + 4;
            bytes.resize(head + (bytes.size() - head) / 2);
        }
        script.is_broken = true;
        script.hangs = behaviour_.fault == Fault::stall;
        script.resets = behaviour_.reset;
        if (script.resets) {
            script.parts.push_back({script.parts.back().at + kBeforeReset, {}, 0});
        }
        return script;
    }

    static Script slow_headers(Script script) {
        std::string body;
        std::int64_t tokens = 0;
        for (const Part& part : script.parts) {
            body += part.bytes;
            tokens += part.tokens;
        }
        const microseconds last = script.parts.back().at;
        const std::string head = raw_head(script.status, script.headers, "content-length: " + std::to_string(body.size()));
        script.parts.clear();
        for (std::size_t i = 0; i < head.size(); ++i) {
            const auto nth = static_cast<std::int64_t>(i + 1);
            script.parts.push_back({last * nth / static_cast<std::int64_t>(head.size()), head.substr(i, 1), 0});
        }
        script.parts.push_back({last, std::move(body), tokens});
        script.form = Script::Form::raw;
        return script;
    }

    const Scene& scene_;
    const Dialect dialect_;
    const Behaviour& behaviour_;
    Pace pace_;
    std::unique_ptr<AnswerWire> wire_;
};

}  // namespace

Script plan(const Scene& scene) {
    return Planner(scene).plan();
}

Script refusal(Dialect dialect, const ApiFault& fault, std::uint64_t number) {
    return whole_reply(dialect, fault.status, "application/json", error_body(dialect, fault), microseconds(0), number);
}

double dice(std::uint64_t seed, std::uint64_t number, std::uint64_t purpose) noexcept {
    const std::uint64_t drawn = scramble(scramble(seed ^ purpose << 56) ^ number);
    return static_cast<double>(drawn >> 11) * 0x1.0p-53;
}

}  // namespace eco2::fake
