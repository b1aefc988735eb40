#include "protocol/multipart.hpp"

#include "base/limits.hpp"

#include <gtest/gtest.h>

namespace eco2 {
namespace {

using namespace std::string_literals;

constexpr auto kType = "multipart/form-data; boundary=X";

std::string part(const std::string& name, const std::string& body) {
    return "--X\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + body + "\r\n";
}

std::string outcome(const std::string& body, const std::string& type = kType) {
    const auto parts = parse_form(body, type);
    if (!parts) {
        return std::string(parts.error().name());
    }
    std::string out;
    for (const auto& each : *parts) {
        out += each.name + "=" + std::string(each.body) + ";";
    }
    return out;
}

TEST(Multipart, reads_fields_and_files_byte_for_byte) {
    const std::string bytes = "\xff\xd8\0--X\r\n\n--X\r--Y\r\n"s;
    EXPECT_EQ(outcome(part("a", "1") + part("b", "") + part("c", bytes) + "--X--\r\n"), "a=1;b=;c=" + bytes + ";");
    EXPECT_EQ(outcome("--X--"), "");
    EXPECT_EQ(outcome("--X\r\ncontent-type: "
                      "image/png\r\ncontent-disposition:form-data;filename=\"a\\\";name=z\";name=image\r\n\r\nB\r\n--X--"),
              "image=B;");
}

TEST(Multipart, tells_a_files_name_and_takes_members_of_objects) {
    const std::string body = "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b.jsonl\"\r\n\r\n{}\r\n" +
                             part("expires_after[seconds]", "3600") + "--X--";
    const auto parts = parse_form(body, kType);
    ASSERT_TRUE(parts);
    EXPECT_EQ(parts->at(0).file_name, "a b.jsonl");
    EXPECT_EQ(parts->at(1).name, "expires_after[seconds]");
    EXPECT_EQ(parts->at(1).file_name, "");
}

TEST(Multipart, boundaries_are_what_the_rfc_lets_them_be) {
    const std::string longest(70, 'b');
    EXPECT_EQ(outcome("--" + longest + "--", "Multipart/Form-Data; charset=utf-8; BOUNDARY=" + longest), "");
    EXPECT_EQ(outcome("--a b:c--", "multipart/form-data;boundary=\"a b:c\""), "");
    for (const auto& type : {"multipart/form-data"s,
                             "multipart/form-data; boundary="s,
                             "multipart/form-data; boundary=\"\""s,
                             "multipart/form-data; boundary=" + longest + "b",
                             "multipart/form-data; boundary=\"X"s,
                             "multipart/form-data; boundary=X; boundary=Y"s,
                             "multipart/form-data; boundary=\"X \""s,
                             "multipart/form-data boundary=X"s,
                             "multipart/form-data; boundary=\"X\r\n\""s}) {
        const auto result = outcome("--X--", type);
        EXPECT_TRUE(result == "BAD_REQUEST" || result == "UNSUPPORTED_MEDIA_TYPE") << type << result;
    }
    EXPECT_EQ(outcome("--X--", "multipart/mixed; boundary=X"), "UNSUPPORTED_MEDIA_TYPE");
}

TEST(Multipart, cut_at_any_byte_it_is_refused) {
    const auto whole = part("a", "12") + part("image", "\r\n\r\nxx--X") + "--X--";
    ASSERT_NE(outcome(whole), "BAD_REQUEST");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        ASSERT_EQ(outcome(whole.substr(0, size)), "BAD_REQUEST") << size;
    }
}

TEST(Multipart, what_could_be_read_in_two_ways_is_refused) {
    const auto disposition = "Content-Disposition: form-data; name=a\r\n"s;
    for (const auto& body : {
             ""s,
             "preamble\r\n--X--"s,
             "\r\n--X--"s,
             "--X--epilogue"s,
             "--X--\r\nepilogue"s,
             "--X\nContent-Disposition: form-data; name=a\n\n1\n--X--"s,
             "--X\r\n\r\n1\r\n--X--"s,
             "--X\r\ncontent-type: text/plain\r\n\r\n1\r\n--X--"s,
             "--X\r\n" + disposition + disposition + "\r\n1\r\n--X--",
             "--X\r\n" + disposition + "\r\n--X--",
             "--X\r\n" + disposition + " folded: 1\r\n\r\n1\r\n--X--",
             "--X\r\n" + disposition + "no colon\r\n\r\n1\r\n--X--",
             "--X\r\n" + disposition + "content-transfer-encoding: base64\r\n\r\n1\r\n--X--",
             "--X\r\n" + disposition + "\r\n1\r\n--Xy\r\n--X--",
             "--X \r\n" + disposition + "\r\n1\r\n--X--",
             "--X\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--X--"s,
             "--X\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n1\r\n--X--"s,
             "--X\r\nContent-Disposition: form-data; name=a; filename=b; filename=c\r\n\r\n1\r\n--X--"s,
             "--X\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n1\r\n--X--"s,
             "--X\r\nContent-Disposition: form-data; name*=utf-8''a\r\n\r\n1\r\n--X--"s,
             "--X\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--X--"s,
             part("a", "1") + part("a", "2") + "--X--",
             part("a\0b"s, "1") + "--X--",
         }) {
        EXPECT_EQ(outcome(body), "BAD_REQUEST") << body;
    }
}

TEST(Multipart, limits_hold_at_their_borders) {
    std::string body;
    for (std::size_t i = 0; i < limits::kFormPartsMax; ++i) {
        body += part("f" + std::to_string(i), "");
    }
    EXPECT_NE(outcome(body + "--X--"), "BAD_REQUEST");
    EXPECT_EQ(outcome(body + part("more", "") + "--X--"), "BAD_REQUEST");
    const std::string name(limits::kFormNameBytesMax, 'n');
    EXPECT_NE(outcome(part(name, "") + "--X--"), "BAD_REQUEST");
    EXPECT_EQ(outcome(part(name + "n", "") + "--X--"), "BAD_REQUEST");
    EXPECT_EQ(outcome("--X\r\nx: " + std::string(limits::kFormHeadBytesMax, 'x') +
                      "\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--X--"),
              "BAD_REQUEST");
}

}  // namespace
}  // namespace eco2
