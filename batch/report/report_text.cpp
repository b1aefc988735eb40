#include "batch/report/report_text.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace eco2::batch {
namespace {

constexpr std::uint64_t kPicousdPerUsd = 1'000'000'000'000;
constexpr std::size_t kDecimals = 12;
constexpr std::size_t kDecimalsMin = 2;
constexpr std::string_view kCut = "...";

struct Character {
    char32_t code = 0;
    std::size_t bytes = 1;
};

/// The character at the start of `text`; what is no UTF-8 reads as a blank of one byte.
Character first_character(std::string_view text) noexcept {
    const auto lead = static_cast<unsigned char>(text[0]);
    const std::size_t bytes = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (bytes == 1) {
        return {lead, 1};
    }
    if (!is_valid_utf8(text.substr(0, bytes))) {
        return {U' ', 1};
    }
    char32_t code = lead & (0xFFU >> (bytes + 1));
    for (std::size_t i = 1; i < bytes; ++i) {
        code = (code << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
    }
    return {code, bytes};
}

bool is_control(char32_t code) noexcept {
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029 ||
           (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

std::size_t width_of(char32_t code) noexcept {
    return code >= 0x1100 && !(code >= 0x2000 && code <= 0x206F) ? 2 : 1;
}

std::string shown(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto character = first_character(text);
        const auto bytes = text.substr(0, character.bytes);
        const bool is_broken = character.code == U' ' && bytes != " ";
        out += is_control(character.code) || is_broken ? " " : bytes;
        text.remove_prefix(character.bytes);
    }
    return out;
}

}  // namespace

std::string usd_text(std::int64_t picousd) {
    const auto magnitude = picousd < 0 ? 0 - static_cast<std::uint64_t>(picousd) : static_cast<std::uint64_t>(picousd);
    auto decimals = std::to_string(magnitude % kPicousdPerUsd);
    decimals.insert(0, kDecimals - decimals.size(), '0');
    while (decimals.size() > kDecimalsMin && decimals.back() == '0') {
        decimals.pop_back();
    }
    return (picousd < 0 ? "-" : "") + std::to_string(magnitude / kPicousdPerUsd) + "." + decimals;
}

std::string duration_text(std::chrono::nanoseconds duration) {
    struct Unit {
        std::int64_t seconds;
        const char* name;
    };
    static constexpr std::array<Unit, 4> kUnits = {{{86'400, " d"}, {3'600, " h"}, {60, " min"}, {1, " s"}}};
    auto seconds = std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(duration).count());
    for (std::size_t i = 0; i < kUnits.size(); ++i) {
        const auto& unit = kUnits[i];
        if (seconds < unit.seconds && i + 1 < kUnits.size()) {
            continue;
        }
        std::string out = std::to_string(seconds / unit.seconds) + unit.name;
        if (i + 1 < kUnits.size()) {
            const auto rest = seconds % unit.seconds / kUnits[i + 1].seconds;
            out += rest > 0 ? " " + std::to_string(rest) + kUnits[i + 1].name : "";
        }
        return out;
    }
    return {};
}

std::string count_text(std::int64_t count, std::string_view noun) {
    return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

std::size_t columns_of(std::string_view text) noexcept {
    std::size_t columns = 0;
    while (!text.empty()) {
        const auto character = first_character(text);
        columns += width_of(character.code);
        text.remove_prefix(character.bytes);
    }
    return columns;
}

std::string fit(std::string_view text, std::size_t columns) {
    auto out = shown(text);
    if (columns_of(out) <= columns) {
        return out;
    }
    const auto cut = kCut.substr(0, columns);
    std::size_t bytes = 0;
    std::size_t used = cut.size();
    while (bytes < out.size()) {
        const auto character = first_character(std::string_view(out).substr(bytes));
        if (used + width_of(character.code) > columns) {
            break;
        }
        used += width_of(character.code);
        bytes += character.bytes;
    }
    out.resize(bytes);
    return out.append(cut);
}

std::string padded(std::string_view text, std::size_t columns) {
    auto out = fit(text, columns);
    return out.append(columns - columns_of(out), ' ');
}

std::string json_text(std::string_view text) {
    if (is_valid_utf8(text)) {
        return json_quote(text);
    }
    std::string ascii(text);
    std::replace_if(
        ascii.begin(), ascii.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
    return json_quote(ascii);
}

void JsonObject::key(std::string_view name) {
    text_ += text_.size() > 1 ? "," : "";
    text_ += json_quote(name) + ":";
}

JsonObject& JsonObject::raw(std::string_view name, std::string_view json) {
    key(name);
    text_ += json;
    return *this;
}

JsonObject& JsonObject::text(std::string_view name, std::string_view value) {
    return raw(name, json_text(value));
}

JsonObject& JsonObject::text_or_null(std::string_view name, std::string_view value) {
    return value.empty() ? null(name) : text(name, value);
}

JsonObject& JsonObject::number(std::string_view name, std::int64_t value) {
    return raw(name, std::to_string(value));
}

JsonObject& JsonObject::usd(std::string_view name, std::int64_t picousd) {
    return raw(name, usd_text(picousd));
}

JsonObject& JsonObject::milliseconds(std::string_view name, std::chrono::nanoseconds value) {
    return number(name, std::chrono::duration_cast<std::chrono::milliseconds>(value).count());
}

JsonObject& JsonObject::null(std::string_view name) {
    return raw(name, "null");
}

}  // namespace eco2::batch
