#include "fake_provider/fake_options.hpp"

#include "base/limits.hpp"
#include "fake_provider/fault_models.hpp"
#include "fake_provider/known_names.hpp"

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
    } else if (name == "pacing_ms") {
        out.pacing_ms = number;
    } else if (name == "pieces_max") {
        out.pieces_max = number;
    } else {
        return unknown_key(
            name,
            "latency",
            {"vision_ms", "answer_ms", "first_token_ms", "tokens_per_second", "jitter_percent", "pieces_max", "pacing_ms"});
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
    if (name == "text") {
        if (!value.is_string()) {
            return bad_option(name, "a text");
        }
        out.text.assign(value.get_string().data(), value.get_string().size());
        return {};
    }
    std::vector<std::string>* target = name == "classes"           ? &out.classes
                                       : name == "situation_tags"  ? &out.situation_tags
                                       : name == "insufficiencies" ? &out.insufficiencies
                                                                   : nullptr;
    if (target == nullptr) {
        return unknown_key(name, "answers", {"classes", "pick", "situation_tags", "insufficiencies", "text"});
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
      situation_tags{"내용물_없음"},
      text(
          "This answer is made up. It comes from the fake provider of eco2, which tests how a gateway behaves when things go "
          "wrong. No model was asked and nothing here is true. Count the words if you like: there are sixty, so that a "
          "stream that was cut is easily told from a whole one by anyone who reads it.") {}

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
    if (latency.pacing_ms != -1 && !is_delay(latency.pacing_ms)) {
        return bad_option("pacing_ms", "from 0 to an hour, or -1");
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
    if (answers.text.empty() || answers.text.size() > limits::kFakeTextBytesMax) {
        return bad_option("text", "from 1 to " + std::to_string(limits::kFakeTextBytesMax) + " bytes long");
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
    if (!(options.fault_scale >= 0 && options.fault_scale <= 1000)) {
        return bad_option("fault_scale", "from 0 to 1000");
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
           "/fake/reset\n  bill: GET " + base + "/fake/bill    batches: POST " + base +
           "/fake/batch/advance    models that misbehave by their name:\n" + fault_model_help();
}

}  // namespace eco2::fake
