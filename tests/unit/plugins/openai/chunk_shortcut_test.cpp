#include "openai/chunk_shortcut.hpp"

#include "unit/plugins/openai/fixture.hpp"

#include <random>

namespace {

using eco2::openai::ChunkShortcut;
using namespace eco2::tests;

std::string data_of(std::string_view event) {
    return std::string(event.substr(6, event.size() - 8));
}

TEST(ChunkShortcut, reads_what_differs_in_nothing_but_its_text) {
    ChunkShortcut shortcut;
    EXPECT_EQ(shortcut.read(data_of(text_chunk("a"))), std::nullopt);
    shortcut.learn(data_of(text_chunk(R"(first \"quoted\" \\)")));
    EXPECT_EQ(shortcut.read(data_of(text_chunk("plain"))), "plain");
    EXPECT_EQ(shortcut.read(data_of(text_chunk(""))), "");
    EXPECT_EQ(shortcut.read(data_of(text_chunk("한😀"))), "한😀");
    EXPECT_EQ(shortcut.read(data_of(text_chunk(R"({\"a\":\n\t\\\/\r\b\f})"))), "{\"a\":\n\t\\/\r\b\f}");
}

TEST(ChunkShortcut, leaves_everything_else_to_the_parser) {
    ChunkShortcut shortcut;
    shortcut.learn(data_of(text_chunk("a")));
    for (const std::string& other : {finish_chunk("stop"),
                                     usage_chunk(),
                                     role_chunk(),
                                     text_chunk(R"(\u0041)"),
                                     text_chunk("a\"b"),
                                     text_chunk("a\\"),
                                     text_chunk("\xFF"),
                                     text_chunk("\x01"),
                                     text_chunk(R"(\x)")}) {
        EXPECT_EQ(shortcut.read(data_of(other)), std::nullopt) << other;
    }
    std::string renamed = data_of(text_chunk("a"));
    renamed.replace(renamed.find("gpt"), 3, "GPT");
    EXPECT_EQ(shortcut.read(renamed), std::nullopt);
    EXPECT_EQ(shortcut.read(""), std::nullopt);
}

TEST(ChunkShortcut, a_chunk_in_another_form_teaches_nothing) {
    ChunkShortcut shortcut;
    shortcut.learn(R"({"choices":[{"delta":{"x":1,"content":"a"}}]})");
    EXPECT_EQ(shortcut.read(R"({"choices":[{"delta":{"x":1,"content":"b"}}]})"), std::nullopt);
}

TEST(ChunkShortcut, servers_that_repeat_the_role_are_read_too) {
    ChunkShortcut shortcut;
    shortcut.learn(R"({"choices":[{"delta":{"role":"assistant","content":"a"}}]})");
    EXPECT_EQ(shortcut.read(R"({"choices":[{"delta":{"role":"assistant","content":"b"}}]})"), "b");
}

TEST(ChunkShortcut, random_text_means_the_same_with_and_without_it) {
    std::mt19937 random(11);
    const std::vector<std::string> pieces{"a", "한", "\\n", "\\\"", "\\\\", "😀", "\\u00e9", "{", " ", "\\/", "}]"};
    for (int round = 0; round < 200; ++round) {
        std::string with_shortcut = text_chunk("x");
        std::string without = text_chunk("x");
        for (int index = 0; index < 10; ++index) {
            std::string text;
            for (std::size_t count = 0; count < 1 + random() % 4; ++count) {
                text += pieces[random() % pieces.size()];
            }
            with_shortcut += text_chunk(text);
            // A space that says nothing, each time at another place: no chunk is like the one before.
            std::string odd = text_chunk(text);
            odd.insert(odd.find("\"object\""), static_cast<std::size_t>(index) + 1, ' ');
            without += odd;
        }
        OpenAiCall fast;
        fast.run(stream_of(with_shortcut + finish_chunk("stop") + kDone));
        OpenAiCall slow;
        slow.run(stream_of(without + finish_chunk("stop") + kDone));
        ASSERT_EQ(fast.sink.text(), slow.sink.text());
        ASSERT_EQ(fast.sink.result().status, ECO2_OK);
    }
}

}  // namespace
