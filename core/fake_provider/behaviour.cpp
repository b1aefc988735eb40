#include "fake_provider/behaviour.hpp"

#include "base/limits.hpp"
#include "base/nearest.hpp"
#include "fake_provider/known_names.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

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

bool set_text(std::string& out, const json::value& value) {
    if (!value.is_string()) {
        return false;
    }
    out.assign(value.get_string().data(), value.get_string().size());
    return true;
}

template <class Int>
bool set_integer(Int& out, const json::value& value, std::int64_t low, std::int64_t high) {
    if (!value.is_int64() || value.get_int64() < low || value.get_int64() > high) {
        return false;
    }
    out = static_cast<Int>(value.get_int64());
    return true;
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

Result<void> read_rate(Behaviour& out, std::string_view key, const json::value& value) {
    if (!value.is_number() || value.to_number<double>() < 0 || value.to_number<double>() > 1) {
        return bad_key(key, "a number from 0 to 1");
    }
    out.error_rate = value.to_number<double>();
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

template <bool Behaviour::*member>
Result<void> read_flag(Behaviour& out, std::string_view key, const json::value& value) {
    if (!value.is_bool()) {
        return bad_key(key, "true or false");
    }
    out.*member = value.get_bool();
    return {};
}

/// A line break in a header would let the caller write a second answer.
bool is_header_text(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
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

Result<void> read_retry_after(Behaviour& out, std::string_view key, const json::value& value) {
    if (value.is_int64() && value.get_int64() >= 0) {
        out.retry_after = std::to_string(value.get_int64());
        return {};
    }
    if (set_text(out.retry_after, value) && is_header_text(out.retry_after)) {
        return {};
    }
    return bad_key(key, "seconds or the header's text");
}

template <std::string Behaviour::*member>
Result<void> read_text(Behaviour& out, std::string_view key, const json::value& value) {
    return set_text(out.*member, value) ? Result<void>{} : Result<void>{bad_key(key, "a text")};
}

template <auto member, std::int64_t low, std::int64_t high>
Result<void> read_integer(Behaviour& out, std::string_view key, const json::value& value) {
    return set_integer(out.*member, value, low, high)
               ? Result<void>{}
               : Result<void>{bad_key(key, "an integer from " + std::to_string(low) + " to " + std::to_string(high))};
}

struct Key {
    std::string_view name;
    Result<void> (*read)(Behaviour&, std::string_view, const json::value&);
};

constexpr std::array kKeys{
    Key{"fault", read_fault},
    Key{"status", read_status},
    Key{"error_type", read_text<&Behaviour::error_type>},
    Key{"error_code", read_text<&Behaviour::error_code>},
    Key{"message", read_text<&Behaviour::message>},
    Key{"retry_after", read_retry_after},
    Key{"headers", read_headers},
    Key{"after_chunks", read_integer<&Behaviour::after_chunks, 0, 100'000>},
    Key{"reset", read_flag<&Behaviour::reset>},
    Key{"replace", read_flag<&Behaviour::replace>},
    Key{"once", read_flag<&Behaviour::once>},
    Key{"delay_ms", read_integer<&Behaviour::delay_ms, 0, limits::kFakeDelayMsMax>},
    Key{"pacing_ms", read_integer<&Behaviour::pacing_ms, 0, limits::kFakeDelayMsMax>},
    Key{"slow_ms", read_integer<&Behaviour::slow_ms, 0, limits::kFakeDelayMsMax>},
    Key{"stall_ms", read_integer<&Behaviour::stall_ms, 0, limits::kFakeDelayMsMax>},
    Key{"down_ms", read_integer<&Behaviour::down_ms, 0, limits::kFakeDelayMsMax>},
    Key{"up_ms", read_integer<&Behaviour::up_ms, 0, limits::kFakeDelayMsMax>},
    Key{"bytes", read_integer<&Behaviour::bytes, 1, limits::kFakeHugeBodyBytesMax>},
    Key{"error_rate", read_rate},
    Key{"kind", read_kind},
    Key{"model", read_text<&Behaviour::model>},
    Key{"key", read_text<&Behaviour::key>},
    Key{"times", read_integer<&Behaviour::times, 1, 1'000'000>},
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
    for (const auto& [name, value] : json) {
        const auto key =
            std::find_if(kKeys.begin(), kKeys.end(), [&name = name](const Key& known) { return known.name == name; });
        if (key == kKeys.end()) {
            std::vector<std::string> known{"script", "mix"};
            for (const Key& row : kKeys) {
                known.emplace_back(row.name);
            }
            return unknown_key(name, "a behaviour", known);
        }
        if (Result<void> read = key->read(out, name, value); !read) {
            return read.error();
        }
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
