#include "routing/accounting.hpp"

#include "base/money.hpp"

#include <algorithm>
#include <limits>

namespace eco2::routing {
namespace {

// Thousandths of a token. Tokenizers of today give English 4 to 4.5 letters a token; a Hangul syllable or an ideograph costs
// 0.5 to 0.9 of one, by the tokenizer's age.
constexpr std::int64_t kAsciiMilli = 250;
constexpr std::int64_t kOtherMilli = 700;
// A message has marks around it, an answer is begun by some: what the upstreams document.
constexpr std::int64_t kMessageTokens = 4;
constexpr std::int64_t kReplyTokens = 3;
// A prompt is estimated for reservations and caps: it may come out a tenth too large rather than a little too small.
constexpr std::int64_t kPromptPercent = 110;
// Of an image, as OpenAI counts them: one tile of 85 in low detail, a square of 1,024 pixels else.
constexpr std::int64_t kImageLowTokens = 85;
constexpr std::int64_t kImageTokens = 765;

constexpr std::int64_t kCostMax = std::numeric_limits<std::int64_t>::max() / 4;

/// Thousandths of a token.
std::int64_t milli_tokens(std::string_view text) noexcept {
    std::int64_t ascii = 0;
    std::int64_t other = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        ascii += byte < 0x80 ? 1 : 0;
        other += byte >= 0xC0 ? 1 : 0;  // lead bytes: one a character
    }
    return ascii * kAsciiMilli + other * kOtherMilli;
}

std::int64_t milli_tokens(const SharedText& text) noexcept {
    return text != nullptr ? milli_tokens(*text) : 0;
}

std::int64_t milli_tokens(const Part& part) noexcept {
    switch (part.kind) {
        case Part::Kind::text:
        case Part::Kind::tool_call: return milli_tokens(part.text);
        case Part::Kind::image_url:
        case Part::Kind::image_bytes: break;
    }
    return 1'000 * (part.detail == ImageDetail::low ? kImageLowTokens : kImageTokens);
}

/// Never beyond kCostMax: a nonsensical number of tokens must not turn a cap around.
std::int64_t cost(std::int64_t tokens, double usd_per_million) noexcept {
    const auto each = picousd_per_token(usd_per_million);
    if (tokens <= 0 || each <= 0) {
        return 0;
    }
    return each > kCostMax / tokens ? kCostMax : each * tokens;
}

const PriceDefinition* find_price(const PriceTable& table, std::string_view provider, std::string_view model) noexcept {
    const auto found = std::find_if(table.prices.begin(), table.prices.end(), [&](const PriceDefinition& price) {
        return (price.provider.empty() || price.provider == provider) && glob_matches(price.match, model);
    });
    return found != table.prices.end() ? &*found : nullptr;
}

double cached_price(const PriceDefinition& price) noexcept {
    return price.cached_input_usd < 0 ? price.input_usd : price.cached_input_usd;
}

}  // namespace

PriceBook::PriceBook(PriceTable table) : table_(std::move(table)) {}

void PriceBook::price(AttemptRecord& record) const {
    record.price_version = table_.version;
    record.cost_picousd = 0;
    const auto* price = find_price(table_, record.provider, record.answered.empty() ? record.model : record.answered);
    record.is_priced = price != nullptr;
    if (price == nullptr) {
        return;
    }
    const auto input = std::max<std::int64_t>(record.input_tokens, 0);
    const auto cached = std::clamp<std::int64_t>(record.cached_input_tokens, 0, input);
    const auto prompt = std::min(cost(input - cached, price->input_usd) + cost(cached, cached_price(*price)), kCostMax);
    record.cost_picousd = std::min(prompt + cost(record.output_tokens, price->output_usd), kCostMax);
}

std::int64_t PriceBook::worst_picousd(std::string_view provider,
                                      std::string_view model,
                                      std::int64_t input_tokens,
                                      std::int64_t output_tokens) const {
    const auto* price = find_price(table_, provider, model);
    if (price == nullptr) {
        return 0;
    }
    const auto input_usd = std::max(price->input_usd, cached_price(*price));
    return std::min(cost(input_tokens, input_usd) + cost(output_tokens, price->output_usd), kCostMax);
}

std::int64_t estimate_prompt_tokens(const GenerateRequest& request) {
    std::int64_t milli = milli_tokens(request.schema_json) + milli_tokens(request.tools_json);
    for (const auto& message : request.messages) {
        for (const auto& part : message.parts) {
            milli += milli_tokens(part);
        }
    }
    const auto frame = kReplyTokens + kMessageTokens * static_cast<std::int64_t>(request.messages.size());
    return frame + (milli * kPromptPercent + 99'999) / 100'000;
}

std::int64_t estimate_text_tokens(std::string_view text) {
    return text.empty() ? 0 : std::max<std::int64_t>((milli_tokens(text) + 500) / 1'000, 1);
}

}  // namespace eco2::routing
