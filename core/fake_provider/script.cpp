#include "fake_provider/script.hpp"

#include "base/text.hpp"
#include "fake_provider/answer_text.hpp"
#include "fake_provider/openai_wire.hpp"
#include "fake_provider/pacing.hpp"
#include "fake_provider/raw_http.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
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
                           scene.request.prompt_tokens,
                           scene.request.choices})) {}

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
            case Fault::refuse_prefill: return error(prefill_fault());
            case Fault::flap: return error(usual_fault(behaviour_.status));
            case Fault::content_policy:
                if (dialect_ != Dialect::gemini) {
                    return error(content_policy_fault(dialect_));
                }
                break;  // Gemini answers, without an answer
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
        fault.retry_after = hinted_wait(behaviour_);
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
            case Fault::content_policy:
            case Fault::refusal: return "I'm sorry, I can't help with that. (made up by the fake provider)";
            case Fault::huge_body: return std::string(behaviour_.bytes, 'x');
            case Fault::length:
            case Fault::content_filter: {
                std::string half = answer_text(scene_.request, scene_.answers, scene_.number);
                const std::vector<std::string_view> halves = cut_into_pieces(half, 2);
                half.resize(halves.empty() ? 0 : halves.front().size());
                return half;
            }
            default: return answer_text(scene_.request, scene_.answers, scene_.number);
        }
    }

    TextField field() const {
        const bool declines = behaviour_.fault == Fault::refusal || behaviour_.fault == Fault::content_policy;
        return declines ? TextField::refusal : TextField::content;
    }
    Ending ending() const {
        return behaviour_.fault == Fault::content_filter ? Ending::content_filter
               : behaviour_.fault == Fault::length       ? Ending::length
               : behaviour_.fault == Fault::no_finish    ? Ending::none
                                                         : Ending::stop;
    }

    /// The text with what the request allows of it; a fault's ending goes before.
    Allowed spoken() const {
        if (!pace_.is_by_word || field() != TextField::content) {
            return {text(), ending(), {}};
        }
        Allowed out = allowed_text(scene_.request, text());
        out.ending = ending() == Ending::stop ? out.ending : ending();
        return out;
    }

    Said said(const Allowed& spoken) const {
        const std::int64_t tokens =
            pace_.is_by_word ? static_cast<std::int64_t>(cut_into_words(spoken.text).size()) : estimate_tokens(spoken.text);
        const bool is_chat = dialect_ == Dialect::chat;
        return {spoken.text,
                field(),
                spoken.ending,
                scene_.request.prompt_tokens,
                tokens * (is_chat ? scene_.request.choices : 1),
                spoken.stop_sequence};
    }

    /// How much of an answer a reader has who reads all that is sent, errors on the wire aside.
    Answered answered() const {
        switch (behaviour_.fault) {
            case Fault::garbage_body: return Answered::nothing;
            case Fault::malformed_chunk: return scene_.request.is_stream ? Answered::whole : Answered::part;
            case Fault::cut_stream:
            case Fault::stall:
            case Fault::error_in_stream:
            case Fault::no_finish: return Answered::part;
            default: return Answered::whole;
        }
    }

    Script whole_answer() const {
        const Allowed spoken = this->spoken();
        const Said said = this->said(spoken);
        std::string body = behaviour_.fault == Fault::empty_choices ? wire_->whole_empty(said) : wire_->whole(said);
        if (behaviour_.fault == Fault::malformed_chunk) {
            body.resize(body.size() / 2);
        }
        const microseconds late = std::chrono::milliseconds(is_slow() ? behaviour_.slow_ms : 0);
        Script script = whole_reply(dialect_, 200, "application/json", std::move(body), pace_.last + late, scene_.number);
        script.answered = answered();
        script.parts.front().tokens = said.completion_tokens;
        script.parts.front().tells_usage = script.answered == Answered::whole || behaviour_.fault == Fault::no_finish;
        script.prompt_tokens = said.prompt_tokens;
        return script;
    }

    bool is_slow() const { return behaviour_.fault == Fault::slow_first_token; }
    bool tells_usage() const { return dialect_ != Dialect::chat || scene_.request.wants_usage; }

    Script stream_answer() const {
        const Allowed spoken = this->spoken();
        const Said said = this->said(spoken);
        Script script = whole_reply(dialect_, 200, "text/event-stream; charset=utf-8", {}, pace_.first, scene_.number);
        script.form = Script::Form::stream;
        script.headers.emplace_back("cache-control", "no-cache");
        script.prompt_tokens = said.prompt_tokens;
        script.answered = answered();
        if (behaviour_.fault == Fault::empty_choices) {
            script.parts = {{pace_.last, wire_->empty_stream(said), said.completion_tokens}};
            return script;
        }
        StreamPlan plan = stream_parts(*wire_, said, pace_);
        script.parts = std::move(plan.parts);
        script.parts.back().tells_usage = tells_usage();
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
            script.parts.back().tells_usage = false;
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
            case Fault::malformed_chunk: break_event(script, plan); break;
            case Fault::slow_first_token: delay_first(script, plan); break;
            case Fault::missing_done: {
                std::string& end = script.parts.back().bytes;
                end.resize(end.size() - wire_->end_mark().size());
                break;
            }
            default: break;
        }
    }

    /// A broken event before a piece, or in its place.
    void break_event(Script& script, const StreamPlan& plan) const {
        const std::size_t index = std::min(kept(script), script.parts.size() - 1);
        std::string& bytes = script.parts[index].bytes;
        const std::size_t begin = index == 0 ? plan.begin_bytes : 0;
        const std::size_t end = index + 1 == script.parts.size() ? plan.end_bytes : 0;
        bytes.replace(begin, behaviour_.replace ? bytes.size() - begin - end : 0, wire_->malformed());
    }

    /// What comes before the content comes in time.
    void delay_first(Script& script, const StreamPlan& plan) const {
        for (Part& part : script.parts) {
            part.at += std::chrono::milliseconds(behaviour_.slow_ms);
        }
        std::string& first = script.parts.front().bytes;
        std::string begin = first.substr(0, plan.begin_bytes);
        first.erase(0, plan.begin_bytes);
        script.parts.insert(script.parts.begin(), Part{pace_.first, std::move(begin), 0});
    }

    bool ends_after_a_while() const { return behaviour_.fault == Fault::stall && behaviour_.stall_ms >= 0; }

    bool is_broken_on_the_wire() const {
        switch (behaviour_.fault) {
            case Fault::reset_before_head:
            case Fault::reset_after_head:
            case Fault::garbage_head:
            case Fault::slow_headers:
            case Fault::cut_stream: return true;
            case Fault::stall: return !scene_.request.is_stream || ends_after_a_while();
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
            script.parts.front().tokens /= 2;
        }
        script.is_broken = true;
        script.hangs = behaviour_.fault == Fault::stall && !ends_after_a_while();
        if (ends_after_a_while()) {
            script.parts.push_back({script.parts.back().at + std::chrono::milliseconds(behaviour_.stall_ms), {}, 0});
        }
        script.resets = behaviour_.reset;
        if (script.resets) {
            script.parts.push_back({script.parts.back().at + kBeforeReset, {}, 0});
        }
        return script;
    }

    static Script slow_headers(Script script) {
        std::string body;
        std::int64_t tokens = 0;
        const bool tells_usage = script.parts.back().tells_usage;
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
        script.parts.push_back({last, std::move(body), tokens, tells_usage});
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

std::chrono::milliseconds hinted_wait(const Behaviour& behaviour) {
    double ms = 0;
    for (const auto& [name, value] : behaviour.headers) {
        if (name == "retry-after-ms") {
            ms = std::strtod(value.c_str(), nullptr);
        }
    }
    ms = ms > 0 ? ms : std::strtod(behaviour.retry_after.c_str(), nullptr) * 1000;
    return std::chrono::milliseconds(static_cast<std::int64_t>(std::clamp(ms, 0.0, 1e9)));
}

Script refusal(Dialect dialect, const ApiFault& fault, std::uint64_t number) {
    return whole_reply(dialect, fault.status, "application/json", error_body(dialect, fault), microseconds(0), number);
}

double dice(std::uint64_t seed, std::uint64_t number, std::uint64_t purpose) noexcept {
    const std::uint64_t drawn = scramble(scramble(seed ^ purpose << 56) ^ number);
    return static_cast<double>(drawn >> 11) * 0x1.0p-53;
}

}  // namespace eco2::fake
