#include "fake_provider/fake_options.hpp"

#include "base/limits.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

namespace eco2::fake {
namespace {

namespace json = boost::json;

Error bad_option(std::string_view name, std::string_view expected) {
    return fail(Errc::invalid_field, std::string(name) + " must be " + std::string(expected));
}

bool is_delay(int ms) {
    return ms >= 0 && ms <= limits::kFakeDelayMsMax;
}

Result<std::vector<std::string>> read_texts(std::string_view name, const json::value& value) {
    std::vector<std::string> out;
    if (!value.is_array()) {
        return bad_option(name, "a list of texts");
    }
    for (const json::value& entry : value.get_array()) {
        if (!entry.is_string()) {
            return bad_option(name, "a list of texts");
        }
        out.emplace_back(entry.get_string().data(), entry.get_string().size());
    }
    return out;
}

Result<void> read_latency_key(Latency& out, std::string_view name, const json::value& value) {
    if (name == "tokens_per_second" && value.is_number()) {
        out.tokens_per_second = value.to_number<double>();
        return {};
    }
    if (!value.is_int64() || value.get_int64() < -1 || value.get_int64() > limits::kFakeDelayMsMax) {
        return bad_option(name, "an integer");
    }
    const int number = static_cast<int>(value.get_int64());
    if (name == "vision_ms") {
        out.vision_ms = number;
    } else if (name == "answer_ms") {
        out.answer_ms = number;
    } else if (name == "first_token_ms") {
        out.first_token_ms = number;
    } else if (name == "jitter_percent") {
        out.jitter_percent = number;
    } else if (name == "pieces_max") {
        out.pieces_max = number;
    } else {
        return bad_option(name, "left out: it is not a key of latency");
    }
    return {};
}

Result<void> read_answers_key(Answers& out, std::string_view name, const json::value& value) {
    if (name == "pick") {
        if (value != "by_image" && value != "round_robin") {
            return bad_option(name, "by_image or round_robin");
        }
        out.pick = value == "by_image" ? ClassPick::by_image : ClassPick::round_robin;
        return {};
    }
    std::vector<std::string>* target = name == "classes"           ? &out.classes
                                       : name == "situation_tags"  ? &out.situation_tags
                                       : name == "insufficiencies" ? &out.insufficiencies
                                                                   : nullptr;
    if (target == nullptr) {
        return bad_option(name, "left out: it is not a key of answers");
    }
    Result<std::vector<std::string>> texts = read_texts(name, value);
    if (!texts) {
        return texts.error();
    }
    *target = std::move(*texts);
    return {};
}

}  // namespace

Answers::Answers()
    : classes{"재활용폐기물/종이/골판지류",
              "재활용폐기물/종이팩/우유팩",
              "재활용폐기물/무색페트병/음료PET병",
              "재활용폐기물/플라스틱류/PP용기",
              "재활용폐기물/비닐류/비닐포장재",
              "재활용폐기물/발포합성수지/스티로폼식품용기",
              "재활용폐기물/유리병/소주병",
              "재활용폐기물/금속류/알루미늄캔",
              "재활용폐기물/의류및원단/티셔츠",
              "재활용폐기물/전지/리튬이온전지",
              "재활용폐기물/조명제품/LED전구형",
              "재활용폐기물/전기전자제품/휴대폰"},
      situation_tags{"내용물_없음"} {}

Result<void> check(const Latency& latency) {
    if (!is_delay(latency.vision_ms)) {
        return bad_option("vision_ms", "from 0 to an hour");
    }
    if (!is_delay(latency.answer_ms)) {
        return bad_option("answer_ms", "from 0 to an hour");
    }
    if (latency.first_token_ms != -1 && !is_delay(latency.first_token_ms)) {
        return bad_option("first_token_ms", "from 0 to an hour, or -1");
    }
    if (!(latency.tokens_per_second == 0 || (latency.tokens_per_second >= 0.01 && latency.tokens_per_second <= 1e6))) {
        return bad_option("tokens_per_second", "0, or from 0.01 to 1000000");
    }
    if (latency.jitter_percent < 0 || latency.jitter_percent > 100) {
        return bad_option("jitter_percent", "from 0 to 100");
    }
    if (latency.pieces_max < 1 || latency.pieces_max > limits::kFakePiecesMax) {
        return bad_option("pieces_max", "from 1 to " + std::to_string(limits::kFakePiecesMax));
    }
    return {};
}

Result<void> check(const Answers& answers) {
    if (answers.classes.empty()) {
        return bad_option("classes", "a list with at least one class");
    }
    for (const std::string& name : answers.classes) {
        if (name.empty() || name.front() == '/') {
            return bad_option("classes", "written major/middle/minor, not \"" + name + "\"");
        }
    }
    return {};
}

Result<FakeOptions> checked(FakeOptions options) {
    if (Result<void> latency = check(options.latency); !latency) {
        return latency.error();
    }
    if (Result<void> answers = check(options.answers); !answers) {
        return answers.error();
    }
    if (options.requests_per_minute < 0) {
        return bad_option("requests_per_minute", "0 or more");
    }
    return options;
}

Result<Latency> read_latency(Latency latency, const json::object& json) {
    for (const auto& [name, value] : json) {
        if (Result<void> read = read_latency_key(latency, name, value); !read) {
            return read.error();
        }
    }
    if (Result<void> good = check(latency); !good) {
        return good.error();
    }
    return latency;
}

Result<Answers> read_answers(Answers answers, const json::object& json) {
    for (const auto& [name, value] : json) {
        if (Result<void> read = read_answers_key(answers, name, value); !read) {
            return read.error();
        }
    }
    if (Result<void> good = check(answers); !good) {
        return good.error();
    }
    return answers;
}

std::string banner(const FakeOptions& options, unsigned short port) {
    const std::string base = "http://" + options.host + ":" + std::to_string(port);
    return "eco2 fake-provider: NOT a real model. Every class and every answer is made up; the photo is never looked at.\n"
           "  OPENAI_BASE_URL=" +
           base + "/v1\n  vision " + std::to_string(options.latency.vision_ms) + " ms, answer " +
           std::to_string(options.latency.answer_ms) + " ms, jitter " + std::to_string(options.latency.jitter_percent) +
           " %\n  faults: POST " + base + "/fake/behaviour    counts: GET " + base + "/fake/stats    clear: POST " + base +
           "/fake/reset\n";
}

}  // namespace eco2::fake
