#include "app/scan_request.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace eco2::app {
namespace {

TEST(ScanRequest, takes_the_known_fields_and_ignores_others) {
    const auto request =
        parse_scan_request(R"({"image_url":" https://a/b.jpg ","user_input":" 이건? ","model":"m","extra":[1,{"x":2}]})")
            .value();
    EXPECT_EQ(request.image_url, "https://a/b.jpg");
    EXPECT_EQ(request.question, "이건?");
    EXPECT_EQ(request.model, "m");
    EXPECT_FALSE(request.image);
}

TEST(ScanRequest, null_and_absent_are_the_same) {
    for (const std::string_view body : {"{}", R"({"image_url":null,"user_input":null,"model":null,"image":null})"}) {
        const auto request = parse_scan_request(body).value();
        EXPECT_TRUE(request.image_url.empty() && request.question.empty() && request.model.empty() && !request.image);
    }
}

TEST(ScanRequest, decodes_a_data_url) {
    EXPECT_EQ(parse_scan_request(R"({"image":"data:image/png;base64,Zm9vYg=="})").value().image, "foob");
    EXPECT_EQ(parse_scan_request(R"({"image":"DATA:;BASE64,"})").value().image, "");
}

TEST(ScanRequest, names_the_field_that_is_wrong) {
    for (const auto& [body, word] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
             {R"({"image_url":7})", "image_url"},
             {R"({"user_input":["x"]})", "user_input"},
             {R"({"model":{}})", "model"},
             {R"({"image":true})", "image"},
             {R"({"image":"aGk="})", "data URL"},
             {R"({"image":"data:image/png,abc"})", "data URL"},
             {R"({"image":"data:image/png;base64,a"})", "base64"},
             {R"({"image":"data:image/png;base64,aGk=","image_url":"https://a"})", "not both"},
         }) {
        const auto request = parse_scan_request(body);
        ASSERT_FALSE(request) << body;
        EXPECT_EQ(request.error().code, Errc::invalid_field) << body;
        EXPECT_NE(request.error().detail.find(word), std::string::npos) << request.error().detail;
    }
}

TEST(ScanRequest, fingerprint_is_of_what_is_asked_for_not_of_how_it_is_written) {
    const auto json = [](std::string_view body) { return fingerprint_of(parse_scan_request(body).value(), "scan"); };
    const auto form = [](std::string boundary, std::string image) {
        const auto body = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n" + image + "\r\n--" +
                          boundary + "--\r\n";
        return fingerprint_of(parse_scan_form(body, "multipart/form-data; boundary=" + boundary).value(), "scan");
    };
    EXPECT_EQ(form("a", "foob"), form("b", "foob"));
    EXPECT_EQ(form("a", "foob"), json(R"({"image":"data:image/png;base64,Zm9vYg=="})"));
    EXPECT_NE(form("a", "foob"), form("a", "fooB"));
    EXPECT_EQ(json(R"({"image_url":"a","user_input":"b"})"), json(R"({ "user_input": "b", "extra": 1, "image_url": "a" })"));
    const std::vector<std::string> different = {json("{}"),
                                                json(R"({"user_input":"a"})"),
                                                json(R"({"model":"a"})"),
                                                json(R"({"image_url":"a"})"),
                                                json(R"({"language":"a"})"),
                                                fingerprint_of({}, "other")};
    EXPECT_EQ(std::set<std::string>(different.begin(), different.end()).size(), different.size());
}

TEST(ScanRequest, a_question_has_a_limit) {
    const std::string fits(limits::kQuestionBytesMax, 'x');
    EXPECT_TRUE(parse_scan_request(R"({"user_input":")" + fits + "\"}"));
    EXPECT_EQ(parse_scan_request(R"({"user_input":"x)" + fits + "\"}").error().code, Errc::invalid_field);
}

TEST(ScanRequest, what_is_not_a_json_object_is_told_so) {
    for (const std::string_view body : {"", "null", "[]", "7", "\"x\"", "{", "{\"a\":\"\xff\"}", "{}x", "image_url=x"}) {
        EXPECT_EQ(parse_scan_request(body).error().code, Errc::invalid_json) << json_quote(body);
    }
    EXPECT_EQ(parse_scan_request(R"({"a":)" + std::string(100'000, '[')).error().code, Errc::invalid_json);
}

TEST(ScanRequest, a_body_cut_anywhere_is_not_taken) {
    constexpr std::string_view kBody = R"({"image":"data:image/png;base64,Zm9vYg==","user_input":"가"})";
    for (std::size_t size = 0; size < kBody.size(); ++size) {
        EXPECT_FALSE(parse_scan_request(kBody.substr(0, size))) << size;
    }
}

std::string form(const std::vector<std::pair<std::string, std::string>>& parts) {
    std::string body;
    for (const auto& [name, value] : parts) {
        body += "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
    }
    return body + "--b--\r\n";
}

const std::string kForm = "multipart/form-data; boundary=b";

TEST(ScanForm, brings_the_photos_bytes_as_they_are) {
    const std::string photo("\xFF\xD8\0\r\n--x", 9);
    const auto request =
        parse_scan_form(form({{"image", photo}, {"user_input", " 이건? "}, {"language", "en"}, {"other", "x"}}), kForm).value();
    EXPECT_EQ(request.image, photo);
    EXPECT_EQ(request.question, "이건?");
    EXPECT_EQ(request.language, "en");
    EXPECT_FALSE(parse_scan_form(form({{"user_input", "?"}}), kForm)->image);
}

TEST(ScanForm, is_refused_like_the_json) {
    const auto code = [](const std::string& body) { return parse_scan_form(body, kForm).error().code; };
    EXPECT_EQ(code(form({{"image", "x"}, {"image_url", "https://a/b.jpg"}})), Errc::invalid_field);
    EXPECT_EQ(code(form({{"user_input", std::string(limits::kQuestionBytesMax + 1, 'x')}})), Errc::invalid_field);
    EXPECT_EQ(code(form({{"user_input", "\xFF"}})), Errc::invalid_field);
    EXPECT_EQ(code("--b\r\n"), Errc::bad_request);
    EXPECT_EQ(parse_scan_form("", "multipart/mixed; boundary=b").error().code, Errc::unsupported_media_type);
}

}  // namespace
}  // namespace eco2::app
