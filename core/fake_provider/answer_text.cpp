#include "fake_provider/answer_text.hpp"

#include "base/text.hpp"
#include "fake_provider/schema_sample.hpp"

#include <algorithm>

namespace eco2::fake {
namespace {

constexpr std::string_view kMadeUp =
    "지어낸 답입니다: eco2의 가짜 제공자(fake provider)는 사진을 보지 않으며, 분류와 안내가 모두 꾸며낸 것입니다. (Made up: "
    "the fake "
    "provider never looks at the photo, so the class is invented.)";

constexpr std::string_view kSteps =
    "{\"단계1\":\"내용물을 비웁니다 (지어낸 단계).\",\"단계2\":\"물로 헹굽니다 (지어낸 단계).\",\"단계3\":\"종류별로 나누어 "
    "배출합니다 "
    "(지어낸 "
    "단계).\",\"단계4\":null,\"단계5\":null,\"단계6\":null,\"단계7\":null,\"단계8\":null,\"단계9\":null,\"단계10\":null}";

struct ClassName {
    std::string_view major;
    std::string_view middle;
    std::string_view minor;  // empty: null
};

/// Splits at the first two slashes only: the taxonomy has minor classes with a slash in them.
ClassName split_class(std::string_view text) {
    ClassName out;
    const std::size_t first = text.find('/');
    out.major = text.substr(0, first);
    if (first == std::string_view::npos) {
        out.middle = out.major;  // majors without middle classes repeat their name, as the vision prompt asks
        return out;
    }
    text.remove_prefix(first + 1);
    const std::size_t second = text.find('/');
    out.middle = text.substr(0, second);
    if (second != std::string_view::npos) {
        out.minor = text.substr(second + 1);
    }
    return out;
}

void append_quoted(std::string& out, std::string_view text) {
    out += '"';
    append_json_escaped(out, text);
    out += '"';
}

void append_list(std::string& out, const std::vector<std::string>& texts) {
    out += '[';
    for (const std::string& text : texts) {
        if (out.back() != '[') {
            out += ',';
        }
        append_quoted(out, text);
    }
    out += ']';
}

std::string vision_text(const ChatRequest& request, const ClassName& name, const std::vector<std::string>& tags) {
    std::string out = "{\"classification\":{";
    append_quoted(out, request.class_keys.major);
    out += ':';
    append_quoted(out, name.major);
    out += ',';
    append_quoted(out, request.class_keys.middle);
    out += ':';
    append_quoted(out, name.middle);
    out += ',';
    append_quoted(out, request.class_keys.minor);
    out += ':';
    if (name.minor.empty()) {
        out += "null";
    } else {
        append_quoted(out, name.minor);
    }
    out += "},\"situation_tags\":";
    append_list(out, tags);
    out += ",\"meta\":{\"user_input\":";
    append_quoted(out, request.user_text);
    out += '}';
    out += request.more_members;
    out += '}';
    return out;
}

/// user_answer first, as the schema orders it and as a model under a strict schema would write it.
std::string recycling_text(const ChatRequest& request, const std::vector<std::string>& insufficiencies) {
    std::string out = "{\"user_answer\":";
    append_quoted(out, kMadeUp);
    out += ",\"disposal_steps\":";
    out += kSteps;
    out += ",\"insufficiencies\":";
    append_list(out, insufficiencies);
    out += request.more_members;
    out += '}';
    return out;
}

bool is_inside_character(std::string_view text, std::size_t at) noexcept {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
}

}  // namespace

std::string answer_text(const ChatRequest& request, const Answers& answers, std::uint64_t number) {
    switch (request.kind) {
        case AnswerKind::vision: {
            const std::uint64_t index = answers.pick == ClassPick::by_image ? request.photo_hash >> 8 : number;
            const std::string& name = answers.classes[index % answers.classes.size()];
            return vision_text(request, split_class(name), answers.situation_tags);
        }
        case AnswerKind::answer: return recycling_text(request, answers.insufficiencies);
        case AnswerKind::schema: return sample_of_schema(request.schema, !request.tool.empty());
        case AnswerKind::plain: break;
    }
    return request.tool.empty() ? answers.text : sample_of_schema(request.schema, true);
}

bool is_plain_text(const ChatRequest& request) noexcept {
    return request.kind == AnswerKind::plain && request.tool.empty();
}

Allowed allowed_text(const ChatRequest& request, std::string text) {
    Allowed out{std::move(text), Ending::stop, {}};
    std::size_t end = out.text.size();
    for (const std::string& stop : request.stop) {
        if (const std::size_t at = out.text.find(stop); at < end) {
            end = at;
            out.stop_sequence = stop;
        }
    }
    const auto tokens_max = static_cast<std::size_t>(request.tokens_max);
    if (tokens_max > 0) {
        const std::vector<std::string_view> words = cut_into_words(std::string_view(out.text).substr(0, end));
        if (words.size() > tokens_max) {
            end = static_cast<std::size_t>(words[tokens_max].data() - out.text.data());
            out.ending = Ending::length;
            out.stop_sequence.clear();
        }
    }
    out.text.resize(end);
    return out;
}

std::string answer_outside_schema() {
    return "{\"unexpected\":\"made up by the fake provider, outside the schema\"}";
}

std::string answer_outside_taxonomy(const ChatRequest& request) {
    return vision_text(request, ClassName{"우주폐기물", "운석", "달의 뒷면"}, {"중력_없음"});
}

std::vector<std::string_view> cut_into_pieces(std::string_view text, std::size_t pieces_max) {
    constexpr std::size_t kPieceBytes = 4;
    const std::size_t step = std::max(kPieceBytes, (text.size() + pieces_max - 1) / std::max<std::size_t>(pieces_max, 1));
    std::vector<std::string_view> out;
    out.reserve(text.size() / step + 1);
    while (!text.empty()) {
        std::size_t end = std::min(step, text.size());
        while (is_inside_character(text, end)) {
            ++end;
        }
        out.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return out;
}

std::vector<std::string_view> cut_into_words(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    std::vector<std::string_view> out;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t word = text.find_first_not_of(kBlanks, begin);
        std::size_t end = word == std::string_view::npos ? text.size() : text.find_first_of(kBlanks, word);
        if (end == std::string_view::npos || text.find_first_not_of(kBlanks, end) == std::string_view::npos) {
            end = text.size();
        }
        out.push_back(text.substr(begin, end - begin));
        begin = end;
    }
    return out;
}

}  // namespace eco2::fake
