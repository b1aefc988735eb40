#include "openai/options.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace {

using eco2::openai::read_options;
using eco2::openai::ResponseFormat;

TEST(OpenAiOptions, the_usual_configuration_needs_a_base_url_only) {
    const auto options = read_options(R"({"base_url":"https://api.openai.com/v1//"})");
    ASSERT_TRUE(options);
    EXPECT_EQ(options->url, "https://api.openai.com/v1/chat/completions");
    EXPECT_EQ(options->max_tokens_field, "max_completion_tokens");
    EXPECT_EQ(options->response_format, ResponseFormat::json_schema);
    EXPECT_TRUE(options->asks_for_usage);
    EXPECT_FALSE(options->has_own_authorization());
}

TEST(OpenAiOptions, everything_can_be_set) {
    const auto options = read_options(
        R"({"base_url":"http://127.0.0.1:8000","organization":"o","project":"p","extra_headers":{"API-Key":"{eco2:key}"},)"
        R"("max_tokens_field":"max_tokens","response_format":"json_object","stream_usage":false})");
    ASSERT_TRUE(options);
    EXPECT_EQ(options->organization, "o");
    EXPECT_EQ(options->project, "p");
    EXPECT_EQ(options->extra_headers.at(0).first, "api-key");
    EXPECT_TRUE(options->has_own_authorization());
    EXPECT_EQ(options->max_tokens_field, "max_tokens");
    EXPECT_EQ(options->response_format, ResponseFormat::json_object);
    EXPECT_FALSE(options->asks_for_usage);
}

TEST(OpenAiOptions, a_base_url_that_is_no_url_is_refused_with_its_text) {
    for (const std::string_view bad : {R"({"base_url":"api.openai.com"})",
                                       R"({"base_url":"ftp://x"})",
                                       R"({"base_url":"https://x/v1?a=b"})",
                                       R"({})",
                                       "not json"}) {
        const auto options = read_options(bad);
        ASSERT_FALSE(options) << bad;
        EXPECT_FALSE(options.error().message.empty());
    }
}

TEST(OpenAiOptions, a_query_is_escaped) {
    const auto options = read_options(R"({"base_url":"https://x","query":{"api-version":"1~2","a b":"&=?/한"}})");
    ASSERT_TRUE(options);
    EXPECT_EQ(options->url, "https://x/chat/completions?api-version=1~2&a%20b=%26%3D%3F%2F%ED%95%9C");
}

}  // namespace
