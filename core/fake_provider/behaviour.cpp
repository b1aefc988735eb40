#include "fake_provider/behaviour.hpp"

#include "base/limits.hpp"
#include "base/nearest.hpp"
#include "fake_provider/json_keys.hpp"
#include "fake_provider/known_names.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <span>

namespace eco2::fake {
namespace {

namespace json = boost::json;

struct FaultName {
    Fault fault;
    std::string_view name;
};

constexpr std::array kFaultNames{
    FaultName{Fault::none, "none"},
    FaultName{Fault::status, "status"},
    FaultName{Fault::reset_before_head, "reset_before_head"},
    FaultName{Fault::reset_after_head, "reset_after_head"},
    FaultName{Fault::cut_stream, "cut_stream_after_n_chunks"},
    FaultName{Fault::silence, "silence"},
    FaultName{Fault::stall, "stall_after_n_chunks"},
    FaultName{Fault::garbage_head, "garbage_head"},
    FaultName{Fault::garbage_body, "garbage_body"},
    FaultName{Fault::html_error, "html_error"},
    FaultName{Fault::malformed_chunk, "malformed_chunk"},
    FaultName{Fault::missing_done, "missing_done"},
    FaultName{Fault::no_finish, "no_finish"},
    FaultName{Fault::wrong_schema, "wrong_schema"},
    FaultName{Fault::outside_taxonomy, "outside_taxonomy"},
    FaultName{Fault::empty_choices, "empty_choices"},
    FaultName{Fault::refusal, "refusal"},
    FaultName{Fault::content_filter, "content_filter"},
    FaultName{Fault::context_length, "context_length"},
    FaultName{Fault::insufficient_quota, "insufficient_quota"},
    FaultName{Fault::error_in_stream, "error_in_stream"},
    FaultName{Fault::huge_body, "huge_body"},
    FaultName{Fault::slow_headers, "slow_headers"},
    FaultName{Fault::content_policy, "content_policy"},
    FaultName{Fault::refuse_prefill, "refuse_prefill"},
    FaultName{Fault::slow_first_token, "slow_first_token"},
    FaultName{Fault::flap, "flap"},
    FaultName{Fault::length, "length"},
};

constexpr std::array kStatuses{400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529};
constexpr std::array<std::string_view, 5> kKinds{"", "vision", "answer", "schema", "plain"};

std::optional<Fault> fault_by_name(std::string_view name) {
    for (const FaultName& row : kFaultNames) {
        if (row.name == name) {
            return row.fault;
        }
    }
    // The short forms, for the command line.
    if (name == "cut_stream") {
        return Fault::cut_stream;
    }
    if (name == "stall") {
        return Fault::stall;
    }
    return std::nullopt;
}

std::string fault_names() {
    std::string out;
    for (const FaultName& row : kFaultNames) {
        out += (out.empty() ? "" : " ") + std::string(row.name);
    }
    return out;
}

Result<void> read_fault(Behaviour& out, std::string_view key, const json::value& value) {
    std::string name;
    const std::optional<Fault> fault = set_text(name, value) ? fault_by_name(name) : std::nullopt;
    if (!fault) {
        std::vector<std::string> known;
        for (const FaultName& row : kFaultNames) {
            known.emplace_back(row.name);
        }
        const std::string near = nearest(name, known);
        return bad_key(key, "the name of a fault" + (near.empty() ? ": " + fault_names() : "; did you mean \"" + near + "\"?"));
    }
    out.fault = *fault;
    return {};
}

Result<void> read_status(Behaviour& out, std::string_view key, const json::value& value) {
    if (!set_integer(out.status, value, 0, 999) || !is_playable_status(out.status)) {
        return bad_key(key, "an error status that providers send");
    }
    return {};
}

Result<void> read_kind(Behaviour& out, std::string_view key, const json::value& value) {
    if (set_text(out.kind, value)) {
        for (const std::string_view kind : kKinds) {
            if (out.kind == kind) {
                return {};
            }
        }
    }
    return bad_key(key, "vision, answer, schema or plain");
}

Result<void> read_headers(Behaviour& out, std::string_view key, const json::value& value) {
    if (!value.is_object()) {
        return bad_key(key, "an object of texts");
    }
    for (const auto& [name, text] : value.get_object()) {
        std::string header_value;
        if (!set_text(header_value, text) || !is_header_text(header_value) || !is_header_text(name)) {
            return bad_key(key, "an object of texts without line breaks");
        }
        out.headers.emplace_back(std::string(name), std::move(header_value));
    }
    return {};
}

constexpr std::array kKeys{
    Key<Behaviour>{"fault", read_fault},
    Key<Behaviour>{"status", read_status},
    Key<Behaviour>{"error_type", read_text<&Behaviour::error_type>},
    Key<Behaviour>{"error_code", read_text<&Behaviour::error_code>},
    Key<Behaviour>{"message", read_text<&Behaviour::message>},
    Key<Behaviour>{"retry_after", read_retry_after<&Behaviour::retry_after>},
    Key<Behaviour>{"headers", read_headers},
    Key<Behaviour>{"after_chunks", read_integer<&Behaviour::after_chunks, 0, 100'000>},
    Key<Behaviour>{"reset", read_flag<&Behaviour::reset>},
    Key<Behaviour>{"replace", read_flag<&Behaviour::replace>},
    Key<Behaviour>{"once", read_flag<&Behaviour::once>},
    Key<Behaviour>{"delay_ms", read_integer<&Behaviour::delay_ms, 0, limits::kFakeDelayMsMax>},
    Key<Behaviour>{"pacing_ms", read_integer<&Behaviour::pacing_ms, 0, limits::kFakeDelayMsMax>},
    Key<Behaviour>{"slow_ms", read_integer<&Behaviour::slow_ms, 0, limits::kFakeDelayMsMax>},
    Key<Behaviour>{"stall_ms", read_integer<&Behaviour::stall_ms, 0, limits::kFakeDelayMsMax>},
    Key<Behaviour>{"down_ms", read_integer<&Behaviour::down_ms, 0, limits::kFakeDelayMsMax>},
    Key<Behaviour>{"up_ms", read_integer<&Behaviour::up_ms, 0, limits::kFakeDelayMsMax>},
    Key<Behaviour>{"bytes", read_integer<&Behaviour::bytes, 1, limits::kFakeHugeBodyBytesMax>},
    Key<Behaviour>{"error_rate", read_share<&Behaviour::error_rate>},
    Key<Behaviour>{"kind", read_kind},
    Key<Behaviour>{"model", read_text<&Behaviour::model>},
    Key<Behaviour>{"key", read_text<&Behaviour::key>},
    Key<Behaviour>{"times", read_integer<&Behaviour::times, 1, 1'000'000>},
};

bool fits(const Behaviour& behaviour, const RequestFacts& facts) {
    return (behaviour.kind.empty() || behaviour.kind == facts.kind) &&
           (behaviour.model.empty() || behaviour.model == facts.model) && (behaviour.key.empty() || behaviour.key == facts.key);
}

}  // namespace

std::string_view fault_name(Fault fault) noexcept {
    return kFaultNames[static_cast<std::size_t>(fault)].name;
}

bool is_playable_status(int status) noexcept {
    for (const int known : kStatuses) {
        if (known == status) {
            return true;
        }
    }
    return false;
}

Result<Behaviour> read_behaviour(const json::object& json) {
    return read_behaviour(json, {});
}

Result<Behaviour> read_behaviour(const json::object& json, Behaviour out) {
    if (Result<void> read = read_keys(out, json, std::span(kKeys), "a behaviour", {"script", "mix", "batch"}); !read) {
        return read.error();
    }
    if (out.fault == Fault::flap && !json.contains("status")) {
        out.status = 503;
    }
    return out;
}

Behaviour as_it_is(Behaviour chosen, const RequestFacts& facts, Clock::Monotonic since) {
    bool is_hit = true;
    if (chosen.fault == Fault::refuse_prefill) {
        is_hit = facts.is_prefill;
    } else if (chosen.fault == Fault::flap) {
        const std::chrono::milliseconds down(chosen.down_ms);
        auto age = facts.now - since;
        if (chosen.up_ms > 0) {
            age %= down + std::chrono::milliseconds(chosen.up_ms);
        }
        is_hit = age < down;
    }
    if (is_hit) {
        return chosen;
    }
    Behaviour honest;
    honest.pacing_ms = chosen.pacing_ms;
    return honest;
}

Result<void> BehaviourBook::load(const json::object& json, Clock::Monotonic now) {
    json::object own = json;
    std::deque<Behaviour> script;
    if (const json::value* list = own.if_contains("script")) {
        if (!list->is_array()) {
            return bad_key("script", "a list of behaviours");
        }
        if (list->get_array().size() > limits::kFakeScriptMax) {
            return fail(Errc::limit_exceeded, "a script holds at most " + std::to_string(limits::kFakeScriptMax) + " entries");
        }
        for (const json::value& entry : list->get_array()) {
            if (!entry.is_object()) {
                return bad_key("script", "a list of behaviours");
            }
            Result<Behaviour> read = read_behaviour(entry.get_object());
            if (!read) {
                return read.error();
            }
            script.push_back(std::move(*read));
        }
        own.erase("script");
    }
    FaultMix mix;
    if (const json::value* shares = own.if_contains("mix")) {
        if (!shares->is_object()) {
            return bad_key("mix", "an object of faults and shares");
        }
        Result<FaultMix> read = read_mix(shares->get_object(), fault_scale_);
        if (!read) {
            return read.error();
        }
        mix = std::move(*read);
        own.erase("mix");
    }
    Result<Behaviour> standing = read_behaviour(own);
    if (!standing) {
        return standing.error();
    }
    standing_ = std::move(*standing);
    script_ = std::move(script);
    mix_ = std::move(mix);
    hit_ = {};
    since_ = now;
    return {};
}

Behaviour BehaviourBook::choose(const RequestFacts& facts) {
    return as_it_is(chosen(facts), facts, since_);
}

Behaviour BehaviourBook::chosen(const RequestFacts& facts) {
    const auto is_hit = [&](const Behaviour& behaviour) {
        return facts.dice < behaviour.error_rate && (!behaviour.once || hit_.is_first(facts.model));
    };
    for (auto entry = script_.begin(); entry != script_.end(); ++entry) {
        if (!fits(*entry, facts)) {
            continue;
        }
        Behaviour chosen = *entry;
        if (--entry->times <= 0) {
            script_.erase(entry);
        }
        return is_hit(chosen) ? chosen : Behaviour{};
    }
    if (!fits(standing_, facts)) {
        return {};
    }
    Behaviour chosen = is_hit(standing_) ? standing_ : Behaviour{};
    if (const Behaviour* drawn = chosen.fault == Fault::none ? mix_.draw(facts.number) : nullptr) {
        return *drawn;
    }
    return chosen;
}

}  // namespace eco2::fake
