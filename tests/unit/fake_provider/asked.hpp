#pragma once

#include "fake_provider/control.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::fake {

/// A clock that a test moves.
class HandClock final : public Clock {
public:
    Monotonic now() const noexcept override { return now_; }
    std::int64_t wall_ns() const noexcept override { return 1'700'000'000'000'000'000 + (now_ - kBegin).count(); }
    static constexpr Monotonic kBegin{std::chrono::hours(1)};
    Monotonic now_ = kBegin;
};

/// A chat request for `model` with `more` members, each with a comma before it.
inline std::string chat(const std::string& model, const std::string& more = {}) {
    return R"({"model":")" + model + R"(","messages":[{"role":"user","content":"hello"}])" + more + "}";
}

inline std::string bytes_of(const Script& script) {
    std::string out;
    for (const Part& part : script.parts) {
        out += part.bytes;
    }
    return out;
}

inline std::int64_t tokens_of(const Script& script) {
    std::int64_t out = 0;
    for (const Part& part : script.parts) {
        out += part.tokens;
    }
    return out;
}

inline std::string header_of(const Script& script, std::string_view name) {
    for (const auto& [key, value] : script.headers) {
        if (key == name) {
            return value;
        }
    }
    return {};
}

/// The data lines of a stream; nullopt for one that is no JSON. "[DONE]" is left out.
inline std::vector<std::optional<boost::json::value>> events_of(const Script& script) {
    std::vector<std::optional<boost::json::value>> out;
    const std::string all = bytes_of(script);
    for (std::size_t at = all.find("data: "); at != std::string::npos; at = all.find("data: ", at + 1)) {
        const std::string line = all.substr(at + 6, all.find('\n', at) - at - 6);
        if (line != "[DONE]") {
            boost::json::error_code ec;
            boost::json::value value = boost::json::parse(line, ec);
            out.push_back(ec ? std::nullopt : std::optional(std::move(value)));
        }
    }
    return out;
}

/// The text of choice `index` in a chat stream.
inline std::string text_of(const Script& script, int index = 0) {
    std::string out;
    for (const auto& event : events_of(script)) {
        if (!event || !event->as_object().contains("choices")) {
            continue;
        }
        for (const boost::json::value& choice : event->at("choices").as_array()) {
            const boost::json::value* text = choice.at("delta").as_object().if_contains("content");
            if (choice.at("index") == index && text != nullptr && text->is_string()) {
                out += std::string(text->as_string());
            }
        }
    }
    return out;
}

}  // namespace eco2::fake
