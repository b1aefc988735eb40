#include "fake_provider/behaviour.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace eco2::fake {
namespace {

boost::json::object object(std::string_view text) {
    return boost::json::parse(text).as_object();
}

TEST(FakeBehaviour, every_fault_has_its_own_name_and_is_read_back_by_it) {
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(Fault::flap); ++i) {
        const std::string_view name = fault_name(static_cast<Fault>(i));
        EXPECT_TRUE(names.insert(name).second) << name;
        const Result<Behaviour> read = read_behaviour(object("{\"fault\":\"" + std::string(name) + "\"}"));
        ASSERT_TRUE(read) << name;
        EXPECT_EQ(static_cast<int>(read->fault), i);
    }
}

TEST(FakeBehaviour, short_names_are_taken_too) {
    EXPECT_EQ(read_behaviour(object(R"({"fault":"cut_stream"})"))->fault, Fault::cut_stream);
    EXPECT_EQ(read_behaviour(object(R"({"fault":"stall"})"))->fault, Fault::stall);
}

TEST(FakeBehaviour, wrong_keys_and_values_are_named_and_refused) {
    for (const std::string text : {R"({"falt":"status"})",
                                   R"({"fault":"stats"})",
                                   R"({"fault":7})",
                                   R"({"status":200})",
                                   R"({"status":"429"})",
                                   R"({"error_rate":1.5})",
                                   R"({"after_chunks":-1})",
                                   R"({"delay_ms":99999999999})",
                                   R"({"kind":"visoin"})",
                                   R"({"reset":"yes"})",
                                   R"({"bytes":0})",
                                   R"({"times":0})",
                                   R"({"headers":{"a":1}})",
                                   R"({"headers":{"a":"b\r\nx: y"}})",
                                   R"({"retry_after":"1\r\n\r\n"})"}) {
        const Result<Behaviour> read = read_behaviour(object(text));
        ASSERT_FALSE(read) << text;
        EXPECT_EQ(read.error().code, Errc::invalid_field) << text;
        const std::string key(object(text).begin()->key());
        EXPECT_NE(read.error().detail.find(key), std::string::npos) << text << ": " << read.error().detail;
    }
}

TEST(FakeBehaviour, all_keys_are_read) {
    const Result<Behaviour> read = read_behaviour(object(
        R"({"fault":"status","status":429,"error_type":"t","error_code":"c","message":"m","retry_after":3,"headers":{"x-a":"b"},)"
        R"("after_chunks":4,"reset":true,"delay_ms":5,"bytes":6,"error_rate":0.5,"kind":"answer","model":"mo","key":"k","times":7})"));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->status, 429);
    EXPECT_EQ(read->error_type + read->error_code + read->message, "tcm");
    EXPECT_EQ(read->retry_after, "3");
    EXPECT_EQ(read->headers.at(0).second, "b");
    EXPECT_EQ(read->after_chunks, 4);
    EXPECT_TRUE(read->reset);
    EXPECT_EQ(read->delay_ms, 5);
    EXPECT_EQ(read->bytes, 6U);
    EXPECT_EQ(read->error_rate, 0.5);
    EXPECT_EQ(read->kind + read->model + read->key, "answermok");
    EXPECT_EQ(read->times, 7);
}

TEST(FakeBehaviour, a_script_is_consumed_in_order_by_the_requests_that_fit) {
    BehaviourBook book;
    ASSERT_TRUE(book.load(
        object(R"({"script":[{"fault":"silence","kind":"answer"},{"fault":"refusal","times":2}],"fault":"html_error"})")));
    const RequestFacts vision{"vision", "m", "k", 0};
    const RequestFacts answer{"answer", "m", "k", 0};
    EXPECT_EQ(book.choose(vision).fault, Fault::refusal);
    EXPECT_EQ(book.choose(answer).fault, Fault::silence);
    EXPECT_EQ(book.choose(answer).fault, Fault::refusal);
    EXPECT_EQ(book.script_left(), 0U);
    EXPECT_EQ(book.choose(vision).fault, Fault::html_error);
    EXPECT_EQ(book.choose(vision).fault, Fault::html_error);
}

TEST(FakeBehaviour, model_and_key_choose_whom_it_hits) {
    BehaviourBook book;
    ASSERT_TRUE(book.load(object(R"({"fault":"status","model":"a","key":"one"})")));
    EXPECT_EQ(book.choose({"vision", "a", "one", 0}).fault, Fault::status);
    EXPECT_EQ(book.choose({"vision", "b", "one", 0}).fault, Fault::none);
    EXPECT_EQ(book.choose({"vision", "a", "two", 0}).fault, Fault::none);
}

TEST(FakeBehaviour, the_error_rate_hits_its_share) {
    BehaviourBook book;
    ASSERT_TRUE(book.load(object(R"({"fault":"status","error_rate":0.25})")));
    EXPECT_EQ(book.choose({"vision", "m", "", 0.24}).fault, Fault::status);
    EXPECT_EQ(book.choose({"vision", "m", "", 0.25}).fault, Fault::none);
}

TEST(FakeBehaviour, a_bad_script_leaves_the_book_as_it_was) {
    BehaviourBook book;
    ASSERT_TRUE(book.load(object(R"({"fault":"silence"})")));
    EXPECT_FALSE(book.load(object(R"({"fault":"status","script":[{"fault":"none"},{"fault":"nonsense"}]})")));
    EXPECT_FALSE(book.load(object(R"({"script":[1]})")));
    EXPECT_FALSE(book.load(object(R"({"script":{}})")));
    EXPECT_EQ(book.choose({"vision", "m", "", 0}).fault, Fault::silence);
    EXPECT_EQ(book.script_left(), 0U);
}

}  // namespace
}  // namespace eco2::fake
