#include "fake_provider/script.hpp"

#include "fake_provider/answer_text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace eco2::fake {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

/// A scene with its own copies of everything that a Scene refers to.
struct Stage {
    ChatRequest request;
    Behaviour behaviour;
    Latency latency;
    Answers answers;
    std::uint64_t number = 1;

    explicit Stage(AnswerKind kind, bool is_stream, Fault fault = Fault::none) {
        request.model = "gpt-test";
        request.kind = kind;
        request.is_stream = is_stream;
        request.wants_usage = true;
        request.user_text = "병 \"유리\"";
        request.prompt_tokens = 100;
        behaviour.fault = fault;
    }
    Script run() const { return plan({request, behaviour, latency, answers, number, 1, 1'700'000'000}); }
};

/// What a reader of the stream sees, in order; nullopt for a data line that is no JSON.
struct Seen {
    std::vector<std::optional<json::value>> chunks;
    bool is_done = false;
    std::string content;
    std::string refusal;
    std::string finish_reason;
    std::optional<json::value> usage;
};

Seen read_stream(const Script& script) {
    std::string all;
    for (const Part& part : script.parts) {
        all += part.bytes;
    }
    Seen seen;
    for (std::size_t at = 0; at < all.size();) {
        const std::size_t end = all.find("\n\n", at);
        EXPECT_NE(end, std::string::npos);
        std::string_view line = std::string_view(all).substr(at, end - at);
        EXPECT_EQ(line.substr(0, 6), "data: ");
        line.remove_prefix(6);
        at = end + 2;
        EXPECT_FALSE(seen.is_done) << "nothing follows [DONE]";
        if (line == "[DONE]") {
            seen.is_done = true;
            continue;
        }
        json::error_code ec;
        json::value chunk = json::parse(line, ec);
        if (ec) {
            seen.chunks.emplace_back(std::nullopt);
            continue;
        }
        if (const json::value* choices = chunk.as_object().if_contains("choices");
            choices != nullptr && !choices->as_array().empty()) {
            const json::object& choice = choices->as_array().front().as_object();
            const json::object& delta = choice.at("delta").as_object();
            if (const json::value* text = delta.if_contains("content")) {
                seen.content += std::string(text->as_string());
            }
            if (const json::value* text = delta.if_contains("refusal"); text != nullptr && text->is_string()) {
                seen.refusal += std::string(text->as_string());
            }
            if (choice.at("finish_reason").is_string()) {
                seen.finish_reason = std::string(choice.at("finish_reason").as_string());
            }
        }
        if (const json::value* usage = chunk.as_object().if_contains("usage"); usage != nullptr && usage->is_object()) {
            seen.usage = *usage;
        }
        seen.chunks.emplace_back(std::move(chunk));
    }
    return seen;
}

std::string_view header(const Script& script, std::string_view name) {
    for (const auto& [key, value] : script.headers) {
        if (key == name) {
            return value;
        }
    }
    return {};
}

TEST(FakeScript, a_whole_vision_answer_is_what_openai_would_send) {
    const Stage stage(AnswerKind::vision, false);
    const Script script = stage.run();
    EXPECT_EQ(script.form, Script::Form::whole);
    EXPECT_EQ(script.status, 200);
    EXPECT_EQ(header(script, "x-eco2-fake"), "1");
    EXPECT_EQ(header(script, "content-type"), "application/json");
    EXPECT_EQ(header(script, "x-request-id").substr(0, 4), "req_");
    EXPECT_EQ(header(script, "openai-processing-ms"), "400");
    ASSERT_EQ(script.parts.size(), 1U);
    EXPECT_EQ(script.parts[0].at, milliseconds(400));
    const json::object body = json::parse(script.parts[0].bytes).as_object();
    EXPECT_EQ(body.at("object"), json::value("chat.completion"));
    EXPECT_EQ(body.at("model"), json::value("gpt-test"));
    EXPECT_EQ(body.at("system_fingerprint"), json::value("fake"));
    EXPECT_EQ(body.at("created").to_number<int>(), 1'700'000'000);
    EXPECT_EQ(body.at("usage").at("prompt_tokens").to_number<int>(), 100);
    EXPECT_EQ(body.at("usage").at("completion_tokens").to_number<std::int64_t>(), script.parts[0].tokens);
    EXPECT_GT(script.parts[0].tokens, 0);
    const json::value& choice = body.at("choices").at(0);
    EXPECT_EQ(choice.at("finish_reason"), json::value("stop"));
    EXPECT_TRUE(choice.at("message").at("refusal").is_null());
    const json::value content = json::parse(choice.at("message").at("content").as_string());
    EXPECT_EQ(content.at("classification").at("major_category"), json::value("재활용폐기물"));
    EXPECT_TRUE(content.at("situation_tags").is_array());
    EXPECT_EQ(content.at("meta").at("user_input"), json::value("병 \"유리\""));
}

TEST(FakeScript, the_answer_says_that_it_is_made_up_and_has_the_asked_insufficiencies) {
    Stage stage(AnswerKind::answer, false);
    stage.answers.insufficiencies = {"라벨 제거"};
    const json::value content =
        json::parse(json::parse(stage.run().parts.at(0).bytes).at("choices").at(0).at("message").at("content").as_string());
    EXPECT_NE(std::string(content.at("user_answer").as_string()).find("지어낸"), std::string::npos);
    EXPECT_NE(std::string(content.at("user_answer").as_string()).find("Made up"), std::string::npos);
    EXPECT_EQ(content.at("disposal_steps").as_object().size(), 10U);
    EXPECT_EQ(content.at("insufficiencies").at(0), json::value("라벨 제거"));
    EXPECT_EQ(content.as_object().begin()->key(), "user_answer");
}

TEST(FakeScript, a_stream_has_role_text_finish_usage_and_done_in_this_order) {
    const Stage stage(AnswerKind::answer, true);
    const Script script = stage.run();
    EXPECT_EQ(script.form, Script::Form::stream);
    EXPECT_EQ(header(script, "content-type"), "text/event-stream; charset=utf-8");
    const Seen seen = read_stream(script);
    EXPECT_TRUE(seen.is_done);
    EXPECT_EQ(seen.content, answer_text(stage.request, stage.answers, 1));
    EXPECT_EQ(seen.finish_reason, "stop");
    ASSERT_GE(seen.chunks.size(), 4U);
    EXPECT_EQ(seen.chunks.front()->at("choices").at(0).at("delta").at("role"), json::value("assistant"));
    const json::value& last = *seen.chunks.back();
    EXPECT_TRUE(last.at("choices").as_array().empty());
    EXPECT_TRUE(last.at("usage").is_object());
    EXPECT_TRUE(seen.chunks[seen.chunks.size() - 2]->at("choices").at(0).at("finish_reason").is_string());
    std::int64_t tokens = 0;
    for (const Part& part : script.parts) {
        tokens += part.tokens;
    }
    EXPECT_EQ(tokens, last.at("usage").at("completion_tokens").to_number<std::int64_t>());
    for (const auto& chunk : seen.chunks) {
        EXPECT_EQ(chunk->at("id"), seen.chunks.front()->at("id"));
        EXPECT_EQ(chunk->at("object"), json::value("chat.completion.chunk"));
        EXPECT_TRUE(chunk->as_object().contains("usage"));
    }
}

TEST(FakeScript, without_include_usage_no_chunk_speaks_of_it) {
    Stage stage(AnswerKind::plain, true);
    stage.request.wants_usage = false;
    for (const auto& chunk : read_stream(stage.run()).chunks) {
        EXPECT_FALSE(chunk->as_object().contains("usage"));
        EXPECT_FALSE(chunk->at("choices").as_array().empty());
    }
}

TEST(FakeScript, a_stream_starts_at_two_fifths_and_ends_on_time_at_an_even_pace) {
    Stage stage(AnswerKind::answer, true);
    stage.latency.answer_ms = 1000;
    const Script script = stage.run();
    EXPECT_EQ(script.parts.front().at, milliseconds(400));
    EXPECT_EQ(script.parts.back().at, milliseconds(1000));
    EXPECT_LE(script.parts.size(), 40U);
    const auto gap = script.parts[1].at - script.parts[0].at;
    for (std::size_t i = 1; i < script.parts.size(); ++i) {
        EXPECT_NEAR(
            static_cast<double>((script.parts[i].at - script.parts[i - 1].at).count()), static_cast<double>(gap.count()), 2.0);
    }
    stage.latency.first_token_ms = 50;
    EXPECT_EQ(stage.run().parts.front().at, milliseconds(50));
    stage.latency.tokens_per_second = 100;
    const Script by_rate = stage.run();
    EXPECT_EQ(by_rate.parts[1].at - by_rate.parts[0].at, milliseconds(10));
    EXPECT_GT(by_rate.parts.size(), 40U);
}

TEST(FakeScript, jitter_stays_in_its_bounds_and_repeats_with_the_seed) {
    Stage stage(AnswerKind::vision, false);
    stage.latency.jitter_percent = 20;
    std::set<std::int64_t> times;
    for (stage.number = 1; stage.number <= 200; ++stage.number) {
        const auto at = stage.run().parts.at(0).at;
        EXPECT_GE(at, milliseconds(320));
        EXPECT_LE(at, milliseconds(480));
        EXPECT_EQ(at, stage.run().parts.at(0).at);
        times.insert(at.count());
    }
    EXPECT_GT(times.size(), 150U);
}

TEST(FakeScript, classes_go_by_photo_or_round) {
    Stage stage(AnswerKind::vision, false);
    std::set<std::string> by_photo;
    for (std::uint64_t photo = 0; photo < 2000; ++photo) {
        stage.request.photo_hash = photo * 0x9E3779B97F4A7C15ULL;
        by_photo.insert(answer_text(stage.request, stage.answers, 1));
        EXPECT_EQ(answer_text(stage.request, stage.answers, 1), answer_text(stage.request, stage.answers, 2));
    }
    EXPECT_EQ(by_photo.size(), 12U);
    stage.answers.pick = ClassPick::round_robin;
    stage.answers.classes = {"a/b/c/d", "e"};
    const json::value first = json::parse(answer_text(stage.request, stage.answers, 2)).at("classification");
    EXPECT_EQ(first.at("minor_category"), json::value("c/d"));
    const json::value second = json::parse(answer_text(stage.request, stage.answers, 3)).at("classification");
    EXPECT_EQ(second.at("middle_category"), json::value("e"));
    EXPECT_TRUE(second.at("minor_category").is_null());
}

TEST(FakeScript, pieces_join_to_the_text_and_never_split_a_character) {
    const std::string text = "a가b나🙂c다라마바사아";
    for (std::size_t pieces_max = 1; pieces_max < 20; ++pieces_max) {
        std::string joined;
        for (const std::string_view piece : cut_into_pieces(text, pieces_max)) {
            EXPECT_NE(static_cast<unsigned char>(piece.front()) & 0xC0U, 0x80U);
            joined += piece;
        }
        EXPECT_EQ(joined, text);
        EXPECT_LE(cut_into_pieces(text, pieces_max).size(), pieces_max);
    }
}

TEST(FakeScript, every_status_has_openais_error_shape_and_the_chosen_hints) {
    for (const int status : {400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529}) {
        Stage stage(AnswerKind::vision, true, Fault::status);
        stage.behaviour.status = status;
        stage.behaviour.retry_after = "7";
        stage.behaviour.headers = {{"x-should-retry", "false"}};
        const Script script = stage.run();
        EXPECT_EQ(script.form, Script::Form::whole);
        EXPECT_EQ(script.status, status);
        EXPECT_EQ(header(script, "retry-after"), "7");
        EXPECT_EQ(header(script, "x-should-retry"), "false");
        EXPECT_EQ(script.prompt_tokens, 0) << "errors are not billed";
        const json::value error = json::parse(script.parts.at(0).bytes).at("error");
        EXPECT_FALSE(error.at("message").as_string().empty());
        EXPECT_EQ(error.as_object().size(), 4U);
    }
    Stage stage(AnswerKind::vision, false, Fault::status);
    stage.behaviour.status = 429;
    stage.behaviour.error_type = "tokens";
    stage.behaviour.error_code = "slow_down";
    stage.behaviour.delay_ms = 30;
    const Script script = stage.run();
    EXPECT_EQ(json::parse(script.parts.at(0).bytes).at("error").at("code"), json::value("slow_down"));
    EXPECT_EQ(script.parts.at(0).at, milliseconds(30));
}

TEST(FakeScript, faults_of_the_answers_content) {
    const auto error_code = [](Fault fault) {
        const Script script = Stage(AnswerKind::vision, false, fault).run();
        return std::to_string(script.status) + " " +
               std::string(json::parse(script.parts.at(0).bytes).at("error").at("code").as_string());
    };
    EXPECT_EQ(error_code(Fault::context_length), "400 context_length_exceeded");
    EXPECT_EQ(error_code(Fault::insufficient_quota), "429 insufficient_quota");
    for (const bool is_stream : {false, true}) {
        const auto content = [is_stream](Fault fault) {
            const Script script = Stage(AnswerKind::vision, is_stream, fault).run();
            return is_stream
                       ? read_stream(script).content
                       : std::string(
                             json::parse(script.parts.at(0).bytes).at("choices").at(0).at("message").at("content").as_string());
        };
        EXPECT_TRUE(json::parse(content(Fault::wrong_schema)).as_object().contains("unexpected"));
        EXPECT_EQ(json::parse(content(Fault::outside_taxonomy)).at("classification").at("major_category"),
                  json::value("우주폐기물"));
        EXPECT_THROW(json::parse(content(Fault::content_filter)), std::exception);
    }
    const Seen refusal = read_stream(Stage(AnswerKind::vision, true, Fault::refusal).run());
    EXPECT_TRUE(refusal.content.empty());
    EXPECT_FALSE(refusal.refusal.empty());
    EXPECT_EQ(read_stream(Stage(AnswerKind::vision, true, Fault::content_filter).run()).finish_reason, "content_filter");
    EXPECT_TRUE(json::parse(Stage(AnswerKind::vision, false, Fault::empty_choices).run().parts.at(0).bytes)
                    .at("choices")
                    .as_array()
                    .empty());
    const Seen empty = read_stream(Stage(AnswerKind::vision, true, Fault::empty_choices).run());
    EXPECT_TRUE(empty.is_done);
    EXPECT_EQ(empty.content + empty.finish_reason, "");
    json::error_code ec;
    json::parse(Stage(AnswerKind::vision, false, Fault::garbage_body).run().parts.at(0).bytes, ec);
    EXPECT_TRUE(ec);
    EXPECT_EQ(header(Stage(AnswerKind::vision, false, Fault::html_error).run(), "content-type"), "text/html");
}

TEST(FakeScript, a_stream_stops_after_any_number_of_chunks) {
    const std::size_t all = Stage(AnswerKind::vision, true).run().parts.size();
    const std::string whole = read_stream(Stage(AnswerKind::vision, true).run()).content;
    for (std::size_t count = 0; count <= all + 1; ++count) {
        for (const Fault fault : {Fault::stall, Fault::no_finish, Fault::error_in_stream}) {
            Stage stage(AnswerKind::vision, true, fault);
            stage.behaviour.after_chunks = static_cast<int>(count);
            const Script script = stage.run();
            EXPECT_EQ(script.hangs, fault == Fault::stall);
            const Seen seen = read_stream(script);
            EXPECT_FALSE(seen.is_done);
            EXPECT_EQ(seen.finish_reason, "");
            EXPECT_EQ(whole.substr(0, seen.content.size()), seen.content);
            EXPECT_EQ(seen.content == whole, count >= all) << count;
            const bool has_error = seen.chunks.back()->as_object().contains("error");
            EXPECT_EQ(has_error, fault == Fault::error_in_stream);
            EXPECT_EQ(seen.chunks.size(), 1 + std::min(count, all) + (has_error ? 1 : 0));
        }
    }
}

TEST(FakeScript, a_cut_stream_is_chunked_by_hand_and_has_no_last_chunk) {
    for (const bool resets : {false, true}) {
        for (int count = 0; count < 5; ++count) {
            Stage stage(AnswerKind::vision, true, Fault::cut_stream);
            stage.behaviour.after_chunks = count;
            stage.behaviour.reset = resets;
            const Script script = stage.run();
            EXPECT_EQ(script.form, Script::Form::raw);
            EXPECT_TRUE(script.is_broken);
            EXPECT_EQ(script.resets, resets);
            const std::string& head = script.parts.front().bytes;
            EXPECT_EQ(head.substr(0, 17), "HTTP/1.1 200 OK\r\n");
            EXPECT_NE(head.find("transfer-encoding: chunked\r\n\r\n"), std::string::npos);
            std::string all;
            for (const Part& part : script.parts) {
                all += part.bytes;
            }
            EXPECT_EQ(all.find("\r\n0\r\n"), std::string::npos);
            EXPECT_EQ(all.find("[DONE]"), std::string::npos);
        }
    }
}

TEST(FakeScript, broken_wires_without_a_stream) {
    Stage cut(AnswerKind::vision, false, Fault::cut_stream);
    const std::string bytes = cut.run().parts.at(0).bytes;
    const std::size_t at = bytes.find("content-length: ");
    const std::size_t body = bytes.size() - (bytes.find("\r\n\r\n") + 4);
    EXPECT_GT(std::stoul(bytes.substr(at + 16)), body);
    EXPECT_TRUE(Stage(AnswerKind::vision, false, Fault::stall).run().hangs);
    EXPECT_EQ(Stage(AnswerKind::vision, false, Fault::silence).run().form, Script::Form::silence);
    const Script reset = Stage(AnswerKind::vision, false, Fault::reset_before_head).run();
    EXPECT_TRUE(reset.resets && reset.parts.at(0).bytes.empty());
    EXPECT_NE(Stage(AnswerKind::vision, false, Fault::garbage_head).run().parts.at(0).bytes.substr(0, 4), "HTTP");
    const Script after_head = Stage(AnswerKind::vision, true, Fault::reset_after_head).run();
    EXPECT_TRUE(after_head.resets);
    EXPECT_EQ(after_head.parts.at(0).bytes.substr(after_head.parts.at(0).bytes.size() - 4), "\r\n\r\n");
}

TEST(FakeScript, slow_headers_trickle_byte_by_byte_until_the_replys_time) {
    const Script script = Stage(AnswerKind::vision, false, Fault::slow_headers).run();
    EXPECT_EQ(script.form, Script::Form::raw);
    EXPECT_FALSE(script.is_broken);
    EXPECT_EQ(script.parts.back().at, milliseconds(400));
    for (std::size_t i = 0; i + 1 < script.parts.size(); ++i) {
        EXPECT_EQ(script.parts[i].bytes.size(), 1U);
        EXPECT_LE(script.parts[i].at, script.parts[i + 1].at);
    }
    EXPECT_TRUE(json::parse(script.parts.back().bytes).is_object());
}

TEST(FakeScript, end_marks_can_be_left_out_and_lines_broken) {
    const Seen missing = read_stream(Stage(AnswerKind::vision, true, Fault::missing_done).run());
    EXPECT_FALSE(missing.is_done);
    EXPECT_EQ(missing.finish_reason, "stop");
    const Seen malformed = read_stream(Stage(AnswerKind::vision, true, Fault::malformed_chunk).run());
    EXPECT_FALSE(malformed.chunks.at(3).has_value());
    EXPECT_TRUE(malformed.is_done);
}

TEST(FakeScript, a_huge_body_is_as_large_as_asked) {
    for (const bool is_stream : {false, true}) {
        Stage stage(AnswerKind::vision, is_stream, Fault::huge_body);
        stage.behaviour.bytes = 300'000;
        std::size_t size = 0;
        for (const Part& part : stage.run().parts) {
            size += part.bytes.size();
        }
        EXPECT_GT(size, 300'000U);
        EXPECT_LT(size, 400'000U);
    }
}

}  // namespace
}  // namespace eco2::fake
