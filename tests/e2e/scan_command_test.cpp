#include "e2e/programs.hpp"

#include <boost/json/parse.hpp>

#include <sstream>

namespace eco2::test {
namespace {

constexpr std::string_view kAnswerStart = "지어낸 답입니다";

class ScanCommand : public Programs {
protected:
    Ended scan_photo(Arguments arguments) {
        arguments.insert(arguments.begin(), "scan");
        arguments.insert(arguments.end(), {"--data", data_dir});
        return run(arguments);
    }
};

TEST_F(ScanCommand, shows_every_stage_and_the_answers_words) {
    start_fake({"--vision-ms", "5", "--answer-ms", "5", "--class", "재활용폐기물/유리병/소주병"});
    const auto result = scan_photo({photo("glass_bottle.jpg"), "--question", "뚜껑도 같이 버리나요?"});
    EXPECT_EQ(result.exit_code, 0) << result;
    for (const auto* part : {"vision", "재활용폐기물 > 유리병 > 소주병", "[openai ", "rule", "answer", "1. ", "reward"}) {
        EXPECT_TRUE(result.shows(part)) << part << "\n" << result;
    }
    EXPECT_TRUE(result.shows(kAnswerStart)) << result;
    EXPECT_EQ(result.out.find('\033'), std::string::npos) << "no terminal, no escape sequences";
    EXPECT_EQ(result.err, "") << "nothing went wrong";
}

TEST_F(ScanCommand, as_json_every_line_is_json_and_the_deltas_add_up) {
    start_fake();
    for (const auto* name : {"pet_bottle.jpg", "t_shirt.jpg"}) {
        const auto result = scan_photo({photo(name), "--json"});
        ASSERT_EQ(result.exit_code, 0) << result;
        std::string words;
        boost::json::value last;
        std::istringstream lines(result.out);
        for (std::string line; std::getline(lines, line);) {
            last = boost::json::parse(line);
            if (const auto* delta = last.as_object().if_contains("delta")) {
                words += delta->as_string();
            }
        }
        const auto& answer = last.at("result").at("pipeline_result").at("final_answer").at("user_answer").as_string();
        EXPECT_EQ(words, answer);
        EXPECT_TRUE(words.starts_with(kAnswerStart)) << words;
    }
}

TEST_F(ScanCommand, what_cannot_be_scanned_is_told_with_its_code) {
    start_fake();
    struct Case {
        Arguments arguments;
        int exit_code;
        std::string_view says;
    };
    const auto bad = source_dir() / "tests" / "support" / "bad_images";
    for (const auto& [arguments, exit_code, says] : std::initializer_list<Case>{
             {{bad / "text-file.jpg"}, 1, "IMAGE_UNSUPPORTED"},
             {{bad / "truncated-half.jpg"}, 1, "IMAGE_BROKEN"},
             {{bad / "one-pixel.png"}, 1, "IMAGE_TOO_SMALL"},
             {{bad / "zero-bytes.jpg"}, 1, "IMAGE_EMPTY"},
             {{bad / "bomb-30000x30000-1bit.png"}, 1, "IMAGE_TOO_LARGE"},
             {{directory / "nowhere.jpg"}, 1, "nowhere.jpg"},
             {{directory}, 1, directory.native()},
             {{"http://images.example.com/a.jpg"}, 1, "HTTPS_REQUIRED"},
             {{"https://127.0.0.1/a.jpg"}, 1, "SSRF_BLOCKED"},
             {{photo("pet_bottle.jpg"), "--model", "gpt-nope"}, 2, "gpt-5.2-mini"},
             {{photo("pet_bottle.jpg"), "--language", "tlh"}, 2, "tlh"},
             {{photo("pet_bottle.jpg"), "--question", "\xED\xA0\x80"}, 2, "--question"},
             {{photo("pet_bottle.jpg"), "--question", std::string(2'001, 'x')}, 2, "--question"},
         }) {
        const auto result = scan_photo(arguments);
        EXPECT_EQ(result.exit_code, exit_code) << arguments.front() << "\n" << result;
        EXPECT_TRUE(result.tells(says)) << says << "\n" << result;
    }
    EXPECT_EQ(fake_count("requests"), 0) << "nothing of this cost anything";
}

TEST_F(ScanCommand, a_provider_that_is_down_is_told_as_unreachable) {
    environment["OPENAI_BASE_URL"] = "http://127.0.0.1:" + std::to_string(free_port()) + "/v1";
    const auto text = scan_photo({photo("pet_bottle.jpg")});
    EXPECT_EQ(text.exit_code, 1) << text;
    EXPECT_TRUE(text.shows("PROVIDER_UNREACHABLE")) << text;
    const auto json = scan_photo({photo("pet_bottle.jpg"), "--json"});
    EXPECT_EQ(json.exit_code, 1);
    EXPECT_TRUE(json.shows("PROVIDER_UNREACHABLE")) << json;
}

TEST_F(ScanCommand, a_fault_of_the_provider_ends_the_scan_with_a_code) {
    start_fake({"--fault", "status", "--status", "401"});
    const auto result = scan_photo({photo("pet_bottle.jpg")});
    EXPECT_EQ(result.exit_code, 1) << result;
    EXPECT_TRUE(result.shows("PROVIDER_KEY")) << result;
    EXPECT_EQ((result.out + result.err).find("test-key-0123456789"), std::string::npos) << "keys are never shown";
}

TEST_F(ScanCommand, without_a_key_it_says_what_to_set) {
    environment.erase("OPENAI_API_KEY");
    const auto result = scan_photo({photo("pet_bottle.jpg")});
    EXPECT_EQ(result.exit_code, 3) << result;
    EXPECT_TRUE(result.tells("OPENAI_API_KEY") && result.tells("eco2 fake-provider")) << result;
}

}  // namespace
}  // namespace eco2::test
