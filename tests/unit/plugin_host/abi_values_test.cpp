#include "plugin_host/abi_values.hpp"

#include "base/text.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <utility>

namespace eco2::plugin_host {
namespace {

eco2_error error_of(eco2_error_class error_class, std::string_view code = {}) {
    return {sizeof(eco2_error), ECO2_UNAVAILABLE, error_class, 0, 0, 0, -1, abi_text(code), abi_text("why")};
}

TEST(AbiValues, each_error_class_has_its_row) {
    const std::pair<eco2_error_class, Errc> rows[] = {{ECO2_CLASS_CALLER_FAULT, Errc::provider_rejected},
                                                      {ECO2_CLASS_CONTEXT_LENGTH, Errc::provider_context_length},
                                                      {ECO2_CLASS_CONTENT_POLICY, Errc::provider_refused},
                                                      {ECO2_CLASS_KEY_FAULT, Errc::provider_key},
                                                      {ECO2_CLASS_LIMITED, Errc::provider_limited},
                                                      {ECO2_CLASS_OVERLOADED, Errc::provider_overloaded},
                                                      {ECO2_CLASS_PROVIDER_FAULT, Errc::provider_error},
                                                      {4711, Errc::provider_error}};
    for (const auto& [error_class, code] : rows) {
        const auto error = error_of(error_class);
        EXPECT_EQ(call_error_of(CallFamily::provider, ECO2_UNAVAILABLE, &error).error.code, code) << error_class;
        EXPECT_EQ(call_error_of(CallFamily::reward, ECO2_UNAVAILABLE, &error).error.code, Errc::reward_failed);
    }
}

TEST(AbiValues, status_decides_before_the_class) {
    const auto error = error_of(ECO2_CLASS_LIMITED);
    EXPECT_EQ(call_error_of(CallFamily::provider, ECO2_CANCELLED, &error).error.code, Errc::cancelled);
    EXPECT_EQ(call_error_of(CallFamily::provider, ECO2_DEADLINE_EXCEEDED, &error).error.code, Errc::provider_timeout);
}

TEST(AbiValues, name_of_the_hosts_own_http_error_passes_through) {
    const auto error = error_of(ECO2_CLASS_PROVIDER_FAULT, "PROVIDER_TLS");
    EXPECT_EQ(call_error_of(CallFamily::provider, ECO2_UNAVAILABLE, &error).error.code, Errc::provider_tls);
    const auto stranger = error_of(ECO2_CLASS_PROVIDER_FAULT, "INTERNAL");
    EXPECT_EQ(call_error_of(CallFamily::provider, ECO2_UNAVAILABLE, &stranger).error.code, Errc::provider_error);
}

TEST(AbiValues, failure_without_an_error_still_has_a_reason) {
    EXPECT_EQ(call_error_of(CallFamily::provider, ECO2_UNAUTHENTICATED, nullptr).error.code, Errc::provider_key);
    EXPECT_EQ(call_error_of(CallFamily::provider, 4711, nullptr).error.detail, "INTERNAL");
}

TEST(AbiValues, message_of_a_plugin_is_one_clean_line) {
    auto error = error_of(ECO2_CLASS_LIMITED);
    error.message = abi_text("a\r\nb");
    EXPECT_EQ(call_error_of(CallFamily::provider, ECO2_UNAVAILABLE, &error).error.detail, "a  b");
}

TEST(AbiValues, message_of_a_plugin_is_valid_utf8_wherever_it_is_cut_and_whatever_it_holds) {
    std::string korean;
    while (korean.size() < 3'000) {
        korean += "\xED\x95\x9C";
    }
    for (const std::string& text : {korean, "a" + korean, "ab" + korean, std::string("a\xFF\xED\xA0\x80")}) {
        auto error = error_of(ECO2_CLASS_LIMITED, text);
        error.message = abi_text(text);
        const auto told = call_error_of(CallFamily::provider, ECO2_UNAVAILABLE, &error);
        EXPECT_TRUE(is_valid_utf8(told.error.detail));
        EXPECT_TRUE(is_valid_utf8(told.upstream_code));
    }
}

TEST(AbiValues, message_does_not_repeat_the_name_that_stands_beside_it) {
    const auto error = error_of(ECO2_CLASS_PROVIDER_FAULT, "PROVIDER_RESET");
    EXPECT_EQ(call_error_of(CallFamily::provider, ECO2_UNAVAILABLE, &error).error.detail, "why");
}

TEST(AbiValues, field_beyond_struct_size_is_not_read) {
    eco2_usage usage = {static_cast<std::uint32_t>(offsetof(eco2_usage, output_tokens)), 0, 5, 6, 7, 8};
    const auto read = usage_of(usage);
    EXPECT_EQ(read.input_tokens, 5);
    EXPECT_EQ(read.output_tokens, -1);
    EXPECT_EQ(read.reasoning_tokens, -1);
}

TEST(AbiValues, time_survives_the_way_there_and_back) {
    EXPECT_EQ(time_of_abi(abi_time(Clock::Monotonic::max())), Clock::Monotonic::max());
    EXPECT_EQ(abi_time(time_of_abi(12'345)), 12'345);
}

}  // namespace
}  // namespace eco2::plugin_host
