#include "eco2/wire/sse_reader.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using eco2::wire::SseEvent;
using eco2::wire::SseReader;
using Events = std::vector<std::pair<std::string, std::string>>;

/// Feeds exact copies of the pieces, so that a view that outlives its chunk is a use after free.
Events read_pieces(const std::vector<std::string_view>& pieces, std::size_t limit = 4096) {
    SseReader reader(limit);
    Events events;
    for (const std::string_view piece : pieces) {
        const std::vector<char> bytes(piece.begin(), piece.end());
        reader.feed({bytes.data(), bytes.size()}, [&](const SseEvent& event) {
            events.emplace_back(event.name, event.data);
            return true;
        });
    }
    return events;
}

void expect_same_at_every_cut(std::string_view stream, const Events& expected) {
    EXPECT_EQ(read_pieces({stream}), expected);
    for (std::size_t first = 0; first <= stream.size(); ++first) {
        for (std::size_t second = first; second <= stream.size(); ++second) {
            EXPECT_EQ(read_pieces({stream.substr(0, first), stream.substr(first, second - first), stream.substr(second)}),
                      expected)
                << "cut at " << first << " and " << second;
        }
    }
}

TEST(SseReader, all_line_ends_mean_the_same_at_every_cut) {
    const Events expected{{"", "one"}, {"named", "two\nlines"}, {"", ""}};
    expect_same_at_every_cut("data: one\n\nevent: named\ndata: two\ndata:lines\n\ndata\n\n", expected);
    expect_same_at_every_cut("data: one\r\n\r\nevent: named\r\ndata: two\r\ndata:lines\r\n\r\ndata\r\n\r\n", expected);
    expect_same_at_every_cut("data: one\r\revent: named\rdata: two\rdata:lines\r\rdata\r\r", expected);
}

TEST(SseReader, the_byte_order_mark_is_skipped_once_and_only_at_the_start) {
    expect_same_at_every_cut(
        "\xEF\xBB\xBF"
        "data: x\n\n",
        {{"", "x"}});
    expect_same_at_every_cut(
        "data: x\n\n\xEF\xBB\xBF"
        "data: y\n\n",
        {{"", "x"}});
    expect_same_at_every_cut(
        "\xEF\xBB"
        "data: x\n\ndata: z\n\n",
        {{"", "z"}});
}

TEST(SseReader, characters_survive_cuts) {
    expect_same_at_every_cut("data: 한😀é\n\n", {{"", "한😀é"}});
}

TEST(SseReader, comments_unknown_fields_and_empty_events_say_nothing) {
    expect_same_at_every_cut(": hi\nretry: 3\nfoo: bar\n\nevent: lost\n\ndata: x\n\n", {{"", "x"}});
}

TEST(SseReader, only_one_space_belongs_to_the_field) {
    EXPECT_EQ(read_pieces({"data:  a \n\n"}), (Events{{"", " a "}}));
    EXPECT_EQ(read_pieces({"data:a:b\n\n"}), (Events{{"", "a:b"}}));
}

TEST(SseReader, an_event_without_its_empty_line_is_dropped) {
    EXPECT_TRUE(read_pieces({"data: x\n"}).empty());
}

TEST(SseReader, the_last_id_is_kept_and_a_null_in_it_is_refused) {
    SseReader reader(100);
    const auto ignore = [](const SseEvent&) { return true; };
    reader.feed("id: 7\n\nid: bad", ignore);
    reader.feed(std::string_view("\0x\n\n", 4), ignore);
    EXPECT_EQ(reader.last_event_id(), "7");
}

TEST(SseReader, a_line_over_the_limit_closes_the_reader_at_every_cut) {
    const std::string stream = "data: x\n\ndata: " + std::string(60, 'y') + "\n\ndata: z\n\n";
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        EXPECT_EQ(read_pieces({std::string_view(stream).substr(0, cut), std::string_view(stream).substr(cut)}, 50),
                  (Events{{"", "x"}}));
    }
}

TEST(SseReader, many_lines_over_the_limit_close_the_reader) {
    std::string stream;
    for (int line = 0; line < 20; ++line) {
        stream += "data: 0123456789\n";
    }
    SseReader reader(100);
    EXPECT_EQ(reader.feed(stream, [](const SseEvent&) { return true; }), SseReader::State::too_long);
}

TEST(SseReader, the_callback_can_stop_it) {
    SseReader reader(100);
    int count = 0;
    const auto once = [&](const SseEvent&) { return ++count < 1; };
    EXPECT_EQ(reader.feed("data: 1\n\ndata: 2\n\n", once), SseReader::State::stopped);
    EXPECT_EQ(reader.feed("data: 3\n\n", once), SseReader::State::stopped);
    EXPECT_EQ(count, 1);
}

TEST(SseReader, a_whole_line_is_handed_out_without_copying) {
    SseReader reader(100);
    const std::string chunk = "data: here\n\n";
    reader.feed(chunk, [&](const SseEvent& event) {
        EXPECT_EQ(event.data.data(), chunk.data() + 6);
        return true;
    });
}

TEST(SseReader, garbage_reads_the_same_however_it_is_cut) {
    std::mt19937 random(20260101);
    static constexpr std::string_view kBytes = "dat: \r\n\xEF\xBB\xBF\0e:";
    for (int round = 0; round < 300; ++round) {
        std::string stream = "data: x\n";
        for (int index = 0; index < 40; ++index) {
            stream += kBytes[random() % kBytes.size()];
        }
        const Events whole = read_pieces({stream}, 30);
        for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
            ASSERT_EQ(read_pieces({std::string_view(stream).substr(0, cut), std::string_view(stream).substr(cut)}, 30), whole);
        }
    }
}

}  // namespace
