#include "batch/wire/outgoing.hpp"

#include "batch/limits.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace eco2::batch {
namespace {

void write_file(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t at = 0; at < size; ++at) {
        text[at] = static_cast<char>('a' + at * at % 23);
    }
    return text;
}

// All bytes, taken `step` at a time; what went wrong where something did.
std::string drain(Outgoing& outgoing, std::size_t step, std::string& fault) {
    std::string all;
    while (true) {
        const auto bytes = outgoing.next();
        if (!bytes) {
            fault = bytes.error().detail;
            return all;
        }
        if (bytes->empty()) {
            return all;
        }
        const std::size_t taken = std::min(step, bytes->size());
        all.append(bytes->substr(0, taken));
        outgoing.note_sent(taken);
    }
}

class OutgoingTest : public testing::Test {
protected:
    test::TemporaryFolder folder_;
    std::string path_ = folder_.file("lines.jsonl");
    BatchRequest request_{"POST", "https://x.example/v1/files", {{"content-type", "multipart/form-data"}}, "HEAD|", "|TAIL"};
};

TEST_F(OutgoingTest, the_file_stands_between_the_parts_and_the_length_is_of_all) {
    for (const std::size_t size : {std::size_t(0),
                                   std::size_t(1),
                                   limits::kBatchFilePieceBytes - 1,
                                   limits::kBatchFilePieceBytes,
                                   limits::kBatchFilePieceBytes + 1,
                                   3 * limits::kBatchFilePieceBytes}) {
        const std::string text = pattern(size);
        write_file(path_, text);
        Outgoing outgoing(request_);
        ASSERT_TRUE(outgoing.open_file(path_));
        ASSERT_TRUE(outgoing.set_head("x.example", "/v1/files", {{"user-agent", "eco2"}}));
        std::string fault;
        const std::string all = drain(outgoing, 1000, fault);
        EXPECT_EQ(fault, "");
        EXPECT_EQ(all,
                  "POST /v1/files HTTP/1.1\r\nhost: x.example\r\nconnection: close\r\nuser-agent: eco2\r\ncontent-type: "
                  "multipart/form-data\r\ncontent-length: " +
                      std::to_string(size + 10) + "\r\n\r\nHEAD|" + text + "|TAIL");
        EXPECT_EQ(outgoing.file_bytes_sent(), static_cast<std::int64_t>(size));
    }
}

TEST_F(OutgoingTest, sent_file_bytes_count_what_has_left_and_not_what_was_read) {
    write_file(path_, pattern(100));
    Outgoing outgoing(request_);
    ASSERT_TRUE(outgoing.open_file(path_));
    ASSERT_TRUE(outgoing.set_head("x", "/", {}));
    while (outgoing.next()->size() != 100) {
        outgoing.note_sent(outgoing.next()->size());
        EXPECT_EQ(outgoing.file_bytes_sent(), 0);
    }
    EXPECT_EQ(outgoing.file_bytes_sent(), 0);
    outgoing.note_sent(40);
    EXPECT_EQ(outgoing.file_bytes_sent(), 40);
    EXPECT_EQ(outgoing.next()->size(), 60U);
}

TEST_F(OutgoingTest, a_file_that_changes_meanwhile_is_told_before_its_last_bytes) {
    const std::string text = pattern(2 * limits::kBatchFilePieceBytes);
    struct Change {
        const char* what;
        std::string now;
    };
    for (const Change& change : {Change{"shorter", text.substr(0, text.size() - 1)},
                                 Change{"much shorter", ""},
                                 Change{"longer", text + "x"},
                                 Change{"as long", pattern(text.size() / 2) + pattern(text.size() / 2)}}) {
        write_file(path_, text);
        Outgoing outgoing(request_);
        ASSERT_TRUE(outgoing.open_file(path_));
        ASSERT_TRUE(outgoing.set_head("x", "/", {}));
        while (outgoing.next()->size() != limits::kBatchFilePieceBytes) {
            outgoing.note_sent(outgoing.next()->size());
        }
        ::usleep(20'000);  // a file's time of change ticks with the kernel's clock
        write_file(path_, change.now);
        std::string fault;
        const std::string rest = drain(outgoing, 5000, fault);
        EXPECT_NE(fault.find(path_), std::string::npos) << change.what;
        EXPECT_LE(rest.size(), limits::kBatchFilePieceBytes) << change.what;
    }
}

TEST_F(OutgoingTest, what_would_break_the_head_open_is_refused_without_the_value) {
    for (const auto& field : {std::pair<std::string, std::string>{"x-a", "secret\r\nx-b: 1"},
                              {"x-a", "secret\nx"},
                              {"x-a", std::string("secret\0x", 8)},
                              {"x a", "secret"},
                              {"", "secret"},
                              {"x\r\n", "secret"}}) {
        request_.headers = {field};
        Outgoing outgoing(request_);
        const auto head = outgoing.set_head("x", "/", {});
        ASSERT_FALSE(head);
        EXPECT_EQ(head.error().detail.find("secret"), std::string::npos);
    }
    request_.headers.clear();
    request_.method = "GET / HTTP/1.1\r\n";
    EXPECT_FALSE(Outgoing(request_).set_head("x", "/", {}));
}

TEST_F(OutgoingTest, fields_of_the_transport_win_over_the_requests) {
    request_ = {
        "GET", "", {{"Host", "evil"}, {"Content-Length", "7"}, {"RANGE", "bytes=0-1"}, {"Authorization", "Bearer k"}}, "", ""};
    Outgoing outgoing(request_);
    ASSERT_TRUE(outgoing.set_head("x", "/", {{"range", "bytes=5-"}}));
    std::string fault;
    EXPECT_EQ(drain(outgoing, 7, fault),
              "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nrange: bytes=5-\r\nAuthorization: Bearer k\r\n\r\n");
}

TEST_F(OutgoingTest, a_post_without_a_body_says_so) {
    request_ = {"POST", "", {}, "", ""};
    Outgoing outgoing(request_);
    ASSERT_TRUE(outgoing.set_head("x", "/cancel", {}));
    std::string fault;
    EXPECT_NE(drain(outgoing, 7, fault).find("content-length: 0\r\n"), std::string::npos);
}

TEST_F(OutgoingTest, what_is_no_file_is_told) {
    Outgoing missing(request_);
    EXPECT_FALSE(missing.open_file(folder_.file("nothing")));
    Outgoing folder(request_);
    EXPECT_FALSE(folder.open_file(folder_.path()));
}

}  // namespace
}  // namespace eco2::batch
