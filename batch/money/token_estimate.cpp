#include "batch/money/token_estimate.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "batch/money/image_tokens.hpp"
#include "routing/accounting.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <string>

namespace eco2::batch {
namespace {

namespace json = boost::json;

enum class Kind { none, lower, upper, digit, space, line, mark, hangul, kana, han, latin, symbol, astral, other };

// Thousandths of a token, fitted to o200k_base over the shipped prompts, schemas, rules and documents (Korean and English) and
// to samples of a dozen languages.
struct Weight {
    std::int64_t run = 0;   // for a run of them
    std::int64_t each = 0;  // and for each
    std::int64_t each_high = 0;
};

Weight weight_of(Kind kind) noexcept {
    switch (kind) {
        case Kind::none: break;
        case Kind::lower:
        case Kind::upper: return {1'000, 120, 150};  // beyond the first kWordLetters
        case Kind::digit: break;                     // three a token
        case Kind::space: break;                     // one goes with the word behind it, more are a token
        case Kind::line: return {600, 0, 0};
        case Kind::mark: return {570, 230, 300};
        case Kind::hangul: return {170, 820, 1'400};
        case Kind::kana: return {0, 740, 1'050};
        case Kind::han: return {0, 880, 1'450};
        case Kind::latin: return {0, 400, 1'000};
        case Kind::symbol: return {0, 900, 1'200};
        case Kind::astral: return {0, 2'200, 3'000};
        case Kind::other: return {0, 400, 1'200};
    }
    return {};
}

constexpr std::int64_t kWordLetters = 7;
constexpr std::int64_t kDigitsPerToken = 3;
constexpr std::int64_t kJoinedMark = 500;
constexpr std::int64_t kLowPercent = 80;
constexpr std::int64_t kHighPercent = 120;

// What the upstreams document: a message has marks around it, an answer is begun by some.
constexpr std::int64_t kMessageTokens = 4;
constexpr std::int64_t kReplyTokens = 3;

// An answer is about as long as the schema that describes it: property names once, values for types.
constexpr std::int64_t kSchemaAnswerMin = 64;
constexpr std::int64_t kSchemaAnswerMax = 2'000;
constexpr std::int64_t kLowOutputShare = 3;  // a third of the expected

Kind kind_of_ascii(unsigned char c) noexcept {
    if (c >= 'a' && c <= 'z') {
        return Kind::lower;
    }
    if (c >= 'A' && c <= 'Z') {
        return Kind::upper;
    }
    if (c >= '0' && c <= '9') {
        return Kind::digit;
    }
    return c == ' ' ? Kind::space : c < ' ' ? Kind::line : Kind::mark;
}

Kind kind_of(char32_t c) noexcept {
    if (c >= 0x1'0000) {
        return Kind::astral;
    }
    if ((c >= 0xAC00 && c <= 0xD7A3) || (c >= 0x1100 && c <= 0x11FF) || (c >= 0x3130 && c <= 0x318F)) {
        return Kind::hangul;
    }
    if (c >= 0x3040 && c <= 0x30FF) {
        return Kind::kana;
    }
    if ((c >= 0x3400 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF)) {
        return Kind::han;
    }
    if (c < 0x250 || (c >= 0x1E00 && c <= 0x1EFF)) {
        return Kind::latin;
    }
    if ((c >= 0x2000 && c <= 0x303F) || c >= 0xFF00) {
        return Kind::symbol;
    }
    return Kind::other;
}

/// Thousandths of a token, run by run.
class RunCounter {
public:
    void take(Kind kind) noexcept {
        // "Plastic" is one word, "plasticBottle" are two, "JSON" is one
        const bool goes_on = kind == kind_ || (kind_ == Kind::upper && kind == Kind::lower);
        if (!goes_on) {
            // "_category" is one token as a rule, `":"x` is not, nor is " (x"
            const bool is_joined = kind_ == Kind::mark && run_ == 1 && before_ != Kind::space && is_letter(kind);
            finish_run(is_joined);
            before_ = kind_;
            run_ = 0;
        }
        kind_ = kind;
        ++run_;
    }
    void finish() noexcept { finish_run(false); }
    std::int64_t expected_milli() const noexcept { return expected_; }
    std::int64_t high_milli() const noexcept { return expected_ * kHighPercent / 100 + more_; }

private:
    static bool is_letter(Kind kind) noexcept {
        return kind == Kind::lower || kind == Kind::upper || kind == Kind::hangul || kind == Kind::latin;
    }
    void finish_run(bool is_joined) noexcept {
        if (is_joined) {
            add(kJoinedMark, 0);
        } else if (kind_ == Kind::digit) {
            add(1'000 * ((run_ + kDigitsPerToken - 1) / kDigitsPerToken), 0);
        } else if (kind_ == Kind::space) {
            add(run_ > 1 ? 1'000 : 0, 0);
        } else if (kind_ != Kind::none) {
            const auto weight = weight_of(kind_);
            const bool is_word = kind_ == Kind::lower || kind_ == Kind::upper;
            const auto counted = is_word ? std::max<std::int64_t>(run_ - kWordLetters, 0) : run_;
            add(weight.run + counted * weight.each, counted * (weight.each_high - weight.each));
        }
    }
    void add(std::int64_t expected, std::int64_t more) noexcept {
        expected_ += expected;
        more_ += more;
    }

    Kind kind_ = Kind::none;
    Kind before_ = Kind::none;
    std::int64_t run_ = 0;
    std::int64_t expected_ = 0;
    std::int64_t more_ = 0;
};

constexpr std::int64_t tokens_of(std::int64_t milli) noexcept {
    return (milli + 999) / 1'000;
}

Range text_of(const SharedText& text) noexcept {
    return text != nullptr ? estimate_text(*text) : Range{};
}

void add_image(RequestTokens& to, const ImageTokens& image) noexcept {
    to.images += image.tokens;
    to.prompt += image.tokens;
    ++to.image_count;
    to.sizes_assumed += image.is_size_assumed ? 1 : 0;
    to.is_image_rule_assumed = to.is_image_rule_assumed || image.is_rule_assumed;
}

bool is_data_url(std::string_view url) {
    return to_lower_ascii(url.substr(0, 5)) == "data:";
}

void add_image_url(RequestTokens& to, std::string_view model, ImageLook look, std::string_view url) {
    const bool is_inline = is_data_url(url);
    add_image(to, image_tokens(model, look, is_inline ? data_url_image_size(url) : std::nullopt));
    to.image_urls += is_inline ? 0 : 1;
}

void add_part(RequestTokens& to, std::string_view model, const Part& part) {
    switch (part.kind) {
        case Part::Kind::text:
        case Part::Kind::tool_call: to.prompt += text_of(part.text); break;
        case Part::Kind::image_url:
            add_image_url(to, model, look_of(part.detail), part.text != nullptr ? *part.text : std::string_view());
            break;
        case Part::Kind::image_bytes:
            add_image(
                to, image_tokens(model, look_of(part.detail), part.bytes != nullptr ? image_size(*part.bytes) : std::nullopt));
            break;
    }
}

void add_output(
    RequestTokens& to, std::int64_t limit, std::int64_t choices, std::string_view schema_json, const OutputGuess& guess) {
    to.is_output_assumed = limit <= 0;
    const auto high = limit > 0 ? limit : std::max<std::int64_t>(guess.ceiling, 1);
    const auto typical = schema_json.empty()
                             ? guess.typical
                             : std::clamp(estimate_text(schema_json).expected, kSchemaAnswerMin, kSchemaAnswerMax);
    const auto expected = std::clamp<std::int64_t>(typical, 1, high);
    to.output = Range{expected / kLowOutputShare, expected, high} * std::max<std::int64_t>(choices, 1);
}

/// A request as a client wrote it.
class ChatWalk {
public:
    ChatWalk(RequestTokens& to, std::string_view model) : to_(to), model_(model) {}

    void walk(const json::object& body, const OutputGuess& guess) {
        if (const auto* model = text_at(body, "model"); model != nullptr && model_.empty()) {
            model_ = std::string_view(*model);
        }
        if (const auto* messages = body.if_contains("messages"); messages != nullptr && messages->is_array()) {
            for (const auto& message : messages->get_array()) {
                if (const auto* object = message.if_object()) {
                    take_message(*object);
                }
            }
        }
        for (const std::string_view name : {"tools", "functions"}) {
            if (const auto* tools = body.if_contains(name)) {
                to_.prompt += estimate_text(json::serialize(*tools));
            }
        }
        const auto schema = schema_of(body);
        to_.prompt += estimate_text(schema) + Range::exactly(kReplyTokens);
        const auto limit = std::max(number_at(body, "max_completion_tokens"), number_at(body, "max_tokens"));
        add_output(to_, limit, number_at(body, "n"), schema, guess);
    }

private:
    static const json::string* text_at(const json::object& object, std::string_view name) {
        const auto* value = object.if_contains(name);
        return value != nullptr ? value->if_string() : nullptr;
    }

    static std::int64_t number_at(const json::object& object, std::string_view name) {
        const auto* value = object.if_contains(name);
        const auto* number = value != nullptr ? value->if_int64() : nullptr;
        return number != nullptr ? *number : -1;
    }

    static std::string schema_of(const json::object& body) {
        const auto* format = body.if_contains("response_format");
        const auto* object = format != nullptr ? format->if_object() : nullptr;
        const auto* schema = object != nullptr ? object->if_contains("json_schema") : nullptr;
        return schema != nullptr ? json::serialize(*schema) : std::string();
    }

    void take_message(const json::object& message) {
        to_.prompt += Range::exactly(kMessageTokens);
        for (const auto& field : message) {
            if (field.key() == "role" || field.value().is_null()) {
                continue;
            }
            if (const auto* text = field.value().if_string()) {  // content, refusal, name, tool_call_id
                to_.prompt += estimate_text(*text);
            } else if (field.key() == "content" && field.value().is_array()) {
                for (const auto& part : field.value().get_array()) {
                    take_part(part);
                }
            } else {
                to_.is_incomplete = to_.is_incomplete || field.key() == "audio";
                to_.prompt += estimate_text(json::serialize(field.value()));  // tool_calls
            }
        }
    }

    void take_part(const json::value& value) {
        const auto* part = value.if_object();
        if (part == nullptr) {
            to_.is_incomplete = true;
            return;
        }
        const auto* image = part->if_contains("image_url");
        if (image != nullptr && image->is_object()) {
            const auto* url = text_at(image->get_object(), "url");
            const auto* detail = text_at(image->get_object(), "detail");
            const auto look = look_of(detail != nullptr ? std::string_view(*detail) : std::string_view());
            add_image_url(to_, model_, look, url != nullptr ? std::string_view(*url) : std::string_view());
            return;
        }
        for (const std::string_view name : {"text", "refusal"}) {
            if (const auto* text = text_at(*part, name)) {
                to_.prompt += estimate_text(*text);
                return;
            }
        }
        to_.is_incomplete = true;  // input_audio, file
    }

    RequestTokens& to_;
    std::string model_;
};

}  // namespace

Range estimate_text(std::string_view text) noexcept {
    RunCounter runs;
    for (std::size_t at = 0; at < text.size();) {
        const auto lead = static_cast<unsigned char>(text[at++]);
        if (lead < 0x80) {
            runs.take(kind_of_ascii(lead));
            continue;
        }
        char32_t c = lead >= 0xF0 ? lead & 0x07U : lead >= 0xE0 ? lead & 0x0FU : lead & 0x1FU;
        while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) {
            c = c << 6U | (static_cast<unsigned char>(text[at++]) & 0x3FU);
        }
        runs.take(kind_of(c));
    }
    runs.finish();
    const auto expected = tokens_of(runs.expected_milli());
    return {expected * kLowPercent / 100, expected, tokens_of(runs.high_milli())};
}

Result<RequestTokens> estimate_tokens(const GenerateRequest& request, const OutputGuess& guess) {
    RequestTokens out;
    if (request.chat_json != nullptr) {
        json::parse_options options;
        options.max_depth = limits::kChatJsonDepthMax;
        boost::system::error_code ec;
        const auto body = json::parse(*request.chat_json, ec, {}, options);
        if (ec || !body.is_object()) {
            return fail(Errc::invalid_json, "a request's body is no JSON object: " + (ec ? ec.message() : "another value"));
        }
        ChatWalk(out, request.model).walk(body.get_object(), guess);
    } else {
        for (const auto& message : request.messages) {
            for (const auto& part : message.parts) {
                add_part(out, request.model, part);
            }
        }
        const auto frame = kReplyTokens + kMessageTokens * static_cast<std::int64_t>(request.messages.size());
        out.prompt += text_of(request.schema_json) + text_of(request.tools_json) + Range::exactly(frame);
        const std::string_view schema = request.schema_json != nullptr ? std::string_view(*request.schema_json) : "";
        add_output(out, request.max_output_tokens, 1, schema, guess);
    }
    out.prompt.high = std::max(out.prompt.high, routing::estimate_prompt_tokens(request));
    return out;
}

}  // namespace eco2::batch
