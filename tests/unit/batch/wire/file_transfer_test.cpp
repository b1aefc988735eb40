#include "unit/batch/wire/wire_fixture.hpp"

#include <sys/resource.h>

#include <signal.h>

#include <chrono>
#include <filesystem>
#include <initializer_list>
#include <vector>

namespace eco2::test {
namespace {

using namespace std::chrono_literals;
using batch::Transport;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif
constexpr std::int64_t kLarge = 200'000'000;

long peak_kib() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

class Upload : public WireTest {
protected:
    BatchRequest request(const Peer& peer) const {
        return {"POST",
                peer.url("/v1/files"),
                {{"content-type", "multipart/form-data; boundary=b"}},
                "--b\r\n\r\n",
                "\r\n--b--\r\n"};
    }
    std::string path_ = folder_.file("lines.jsonl");
};

class Download : public WireTest {
protected:
    std::string path_ = folder_.file("output.jsonl");
};

TEST_F(Upload, the_file_goes_out_between_its_parts) {
    const std::string text = numbered(1'000'000);
    write_file(path_, text);
    std::string seen;
    Peer peer([&](RawListener& listener) {
        RawSocket socket = listener.accept();
        seen = read_request(socket);
        socket.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    });
    const WireResult result = transport_->upload(request(peer), path_, {});
    peer.join();
    EXPECT_EQ(result.end, End::answered) << result.detail;
    EXPECT_EQ(result.body, "{}");
    EXPECT_NE(seen.find("content-length: " + std::to_string(text.size() + 16) + "\r\n"), std::string::npos);
    EXPECT_TRUE(seen.ends_with("\r\n\r\n--b\r\n\r\n" + text + "\r\n--b--\r\n"));
}

TEST_F(Upload, an_early_refusal_is_answered_whether_the_peer_closes_or_resets_or_stays) {
    write_zeros(path_, 20'000'000);
    for (const std::string how : {"closes", "resets", "stays"}) {
        Peer peer([&](RawListener& listener) {
            RawSocket socket = listener.accept();
            socket.read_until("\r\n\r\n");
            socket.send("HTTP/1.1 413 Too Large\r\ncontent-length: 9\r\n\r\ntoo large");
            if (how == "resets") {
                std::this_thread::sleep_for(100ms);  // else it could overtake the answer
                socket.reset();
            } else if (how == "stays") {
                EXPECT_TRUE(socket.is_closed_within(4s));
            } else {
                socket.close();  // with bytes unread: the system resets
            }
        });
        const WireResult result = transport_->upload(request(peer), path_, {});
        EXPECT_EQ(result.end, End::answered) << how << ": " << result.detail;
        EXPECT_EQ(result.status, 413) << how;
        EXPECT_EQ(result.body, "too large") << how;
    }
}

TEST_F(Upload, a_success_before_all_was_sent_is_not_believed) {
    write_zeros(path_, 20'000'000);
    Peer peer([&](RawListener& listener) {
        RawSocket socket = listener.accept();
        socket.read_until("\r\n\r\n");
        socket.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        EXPECT_TRUE(socket.is_closed_within(4s));
    });
    const WireResult result = transport_->upload(request(peer), path_, {});
    EXPECT_EQ(result.end, End::broken);
    EXPECT_NE(result.detail.find("before all of the request was sent"), std::string::npos) << result.detail;
}

TEST_F(Upload, a_peer_that_goes_away_in_the_middle_is_broken) {
    write_zeros(path_, 20'000'000);
    for (const bool resets : {false, true}) {
        Peer peer([&](RawListener& listener) {
            RawSocket socket = listener.accept();
            for (int turn = 0; turn < 10; ++turn) {
                socket.read_some();
            }
            resets ? socket.reset() : socket.close();
        });
        const WireResult result = transport_->upload(request(peer), path_, {});
        EXPECT_EQ(result.end, End::broken);
        EXPECT_FALSE(result.was_stopped);
        EXPECT_NE(result.detail, "");
        peer.join();
        EXPECT_FALSE(peer.has_connection_within(50ms));
    }
}

TEST_F(Upload, a_peer_that_stops_reading_is_asked_about_and_given_up) {
    Options options = quick();
    options.idle_timeout = 1200ms;
    make(options);
    write_zeros(path_, 20'000'000);
    std::atomic<bool> is_over = false;
    Peer peer([&](RawListener& listener) {
        const RawSocket first = listener.accept();
        const RawSocket second = listener.accept();
        while (!is_over) {
            std::this_thread::sleep_for(10ms);
        }
    });
    std::vector<std::int64_t> told;
    Transport::Hooks hooks;
    hooks.may_go_on = [&](std::int64_t bytes) { return told.push_back(bytes), true; };
    WireResult result = transport_->upload(request(peer), path_, hooks);
    EXPECT_EQ(result.end, End::broken);
    EXPECT_EQ(result.detail, "no byte came or went for 1.2 s");
    EXPECT_GE(told.size(), 4U);
    EXPECT_GT(told.back(), 0);
    EXPECT_LT(told.back(), 20'000'000);

    hooks.may_go_on = [&](std::int64_t bytes) { return bytes == 0; };
    result = transport_->upload(request(peer), path_, hooks);
    is_over = true;
    EXPECT_EQ(result.end, End::broken);
    EXPECT_TRUE(result.was_stopped);
}

TEST_F(Upload, a_file_that_changes_meanwhile_is_never_sent_whole) {
    for (const std::size_t size_then : {std::size_t(1'000'000), std::size_t(30'000'000)}) {
        write_zeros(path_, 20'000'000);
        std::string seen;
        Peer peer([&](RawListener& listener) {
            RawSocket socket = listener.accept();
            socket.read_until("\r\n\r\n");
            std::filesystem::resize_file(path_, size_then);
            seen = socket.read_to_end();
        });
        const WireResult result = transport_->upload(request(peer), path_, {});
        peer.join();
        EXPECT_EQ(result.end, End::broken);
        EXPECT_NE(result.detail.find("while it was sent"), std::string::npos) << result.detail;
        EXPECT_FALSE(seen.ends_with("\r\n--b--\r\n"));
        EXPECT_LT(seen.size(), 20'000'000U);
    }
}

TEST_F(Upload, a_file_that_is_not_there_is_not_sent) {
    Peer peer([](RawListener&) {});
    const WireResult result = transport_->upload(request(peer), path_, {});
    EXPECT_EQ(result.end, End::not_sent);
    EXPECT_NE(result.detail.find(path_), std::string::npos);
    EXPECT_FALSE(peer.has_connection_within(50ms));
}

TEST_F(Upload, a_large_file_takes_little_memory) {
    write_zeros(path_, kLarge);
    Peer peer([&](RawListener& listener) {
        RawSocket socket = listener.accept();
        socket.read_until("\r\n\r\n");
        std::int64_t left = kLarge + 16;
        for (std::string some = " "; left > 0 && !some.empty(); left -= static_cast<std::int64_t>(some.size())) {
            some = socket.read_some();
        }
        socket.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        socket.read_to_end();
    });
    const long before = peak_kib();
    const WireResult result = transport_->upload(request(peer), path_, {});
    EXPECT_EQ(result.end, End::answered) << result.detail;
    if (!kIsSanitized) {
        EXPECT_LT(peak_kib() - before, 5 * 1024);
    }
}

TEST_F(Download, a_file_comes_whole_by_length_by_chunks_and_until_the_end) {
    const std::string text = numbered(300'000);
    const std::vector<std::string> answers = {
        "HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n" + text,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + std::string("493e0\r\n") + text + "\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n" + text,
        "HTTP/1.1 206 Part\r\ncontent-range: bytes 0-299999/300000\r\ncontent-length: 300000\r\n\r\n" + text,
    };
    for (const std::string& answer : answers) {
        std::filesystem::remove(path_);
        std::string seen;
        Peer peer([&](RawListener& listener) {
            RawSocket socket = listener.accept();
            seen = read_request(socket);
            socket.send(answer);
        });
        const WireResult result = transport_->download(get(peer.url()), path_, {});
        peer.join();
        EXPECT_EQ(result.end, End::answered) << result.detail;
        EXPECT_EQ(result.body, "");
        EXPECT_EQ(text_of(path_), text);
        EXPECT_EQ(seen.find("range"), std::string::npos);
    }
}

TEST_F(Download, cut_anywhere_it_goes_on_where_it_broke_off) {
    const std::string text = numbered(200'000);
    for (const std::size_t cut : std::initializer_list<std::size_t>{0, 1, 2, 999, 65'535, 65'536, 65'537, 131'072, 199'999}) {
        for (const bool is_chunked : {false, true}) {
            std::filesystem::remove(path_);
            std::string seen;
            Peer peer([&](RawListener& listener) {
                RawSocket first = listener.accept();
                read_request(first);
                first.send(is_chunked ? "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n30d40\r\n"
                                      : "HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n");
                first.send(std::string_view(text).substr(0, cut));
                first.close();
                RawSocket second = listener.accept();
                seen = read_request(second);
                second.send("HTTP/1.1 206 Part\r\ncontent-range: bytes " + std::to_string(cut) +
                            "-199999/200000\r\ncontent-length: " + std::to_string(200'000 - cut) + "\r\n\r\n" +
                            text.substr(cut));
            });
            WireResult result = transport_->download(get(peer.url()), path_, {});
            EXPECT_EQ(result.end, End::broken) << cut;
            EXPECT_FALSE(result.is_disk_full);
            EXPECT_EQ(text_of(path_), text.substr(0, cut));
            result = transport_->download(get(peer.url()), path_, {});
            peer.join();
            EXPECT_EQ(result.end, End::answered) << cut << ": " << result.detail;
            EXPECT_EQ(text_of(path_), text) << cut;
            EXPECT_EQ(seen.find("range: bytes=" + std::to_string(cut) + "-\r\n") != std::string::npos, cut > 0) << seen;
        }
    }
}

TEST_F(Download, a_last_chunk_that_is_missing_is_broken_though_all_bytes_came) {
    Peer peer([&](RawListener& listener) {
        RawSocket socket = listener.accept();
        read_request(socket);
        socket.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n");
    });
    EXPECT_EQ(transport_->download(get(peer.url()), path_, {}).end, End::broken);
    EXPECT_EQ(text_of(path_), "hello");
}

TEST_F(Download, a_peer_that_ignores_the_range_makes_it_begin_anew) {
    write_file(path_, "an old and longer beginning");
    Peer peer([&](RawListener& listener) {
        RawSocket socket = listener.accept();
        read_request(socket);
        socket.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    });
    const WireResult result = transport_->download(get(peer.url()), path_, {});
    EXPECT_EQ(result.end, End::answered) << result.detail;
    EXPECT_EQ(text_of(path_), "hello");
}

struct Told {
    std::string answer;
    batch::WireResult::End end;
    int status;
    std::string file;
    std::string body;
};

TEST_F(Download, only_a_part_that_fits_is_taken) {
    const std::string kept = "0123456789";
    const std::vector<Told> cases = {
        {"206 P\r\ncontent-range: bytes 10-14/15\r\ncontent-length: 5\r\n\r\nabcde", End::answered, 206, kept + "abcde", ""},
        {"206 P\r\ncontent-range: bytes 10-14/*\r\ncontent-length: 5\r\n\r\nabcde", End::answered, 206, kept + "abcde", ""},
        {"206 P\r\ncontent-range: bytes 9-14/15\r\ncontent-length: 6\r\n\r\n9abcde", End::broken, 206, kept, ""},
        {"206 P\r\ncontent-range: bytes 0-14/15\r\ncontent-length: 15\r\n\r\n0123456789abcde", End::broken, 206, kept, ""},
        {"206 P\r\ncontent-length: 5\r\n\r\nabcde", End::broken, 206, kept, ""},
        {"206 P\r\ncontent-range: bytes 10-14/15\r\ncontent-length: 4\r\n\r\nabcd", End::broken, 206, kept + "abcd", ""},
        {"206 P\r\ncontent-range: bytes 10-12/15\r\ncontent-length: 3\r\n\r\nabc", End::broken, 206, kept + "abc", ""},
        {"206 P\r\ncontent-encoding: gzip\r\ncontent-range: bytes 10-14/15\r\ncontent-length: 5\r\n\r\nabcde",
         End::broken,
         206,
         kept,
         ""},
        {"200 O\r\ncontent-encoding: br\r\ncontent-length: 5\r\n\r\nabcde", End::broken, 200, kept, ""},
        {"416 R\r\ncontent-range: bytes */10\r\ncontent-length: 5\r\n\r\nwhole", End::answered, 200, kept, ""},
        {"416 R\r\ncontent-range: bytes */9\r\ncontent-length: 5\r\n\r\nother", End::answered, 416, kept, "other"},
        {"416 R\r\ncontent-length: 5\r\n\r\nother", End::answered, 416, kept, "other"},
        {"404 N\r\ncontent-length: 4\r\n\r\ngone", End::answered, 404, kept, "gone"},
        {"302 F\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 4\r\n\r\nhere", End::answered, 302, kept, "here"},
        {"500 S\r\ncontent-length: 4\r\n\r\noops", End::answered, 500, kept, "oops"},
    };
    Peer peer([&](RawListener& listener) {
        for (const Told& each : cases) {
            RawSocket socket = listener.accept();
            read_request(socket);
            socket.send("HTTP/1.1 " + each.answer);
        }
    });
    for (const Told& each : cases) {
        write_file(path_, kept);
        const WireResult result = transport_->download(get(peer.url()), path_, {});
        EXPECT_EQ(result.end, each.end) << each.answer << ": " << result.detail;
        EXPECT_EQ(result.status, each.status) << each.answer;
        EXPECT_EQ(text_of(path_), each.file) << each.answer;
        EXPECT_EQ(result.body, each.body) << each.answer;
        EXPECT_FALSE(result.is_disk_full);
    }
}

TEST_F(Download, a_refusal_makes_no_file_and_its_body_is_bounded) {
    Options options = quick();
    options.reply_bytes_max = 100;
    make(options);
    Peer peer([&](RawListener& listener) {
        for (const int size : {100, 101}) {
            RawSocket socket = listener.accept();
            read_request(socket);
            socket.send("HTTP/1.1 404 No\r\ncontent-length: " + std::to_string(size) + "\r\n\r\n" +
                        std::string(static_cast<std::size_t>(size), 'x'));
        }
    });
    EXPECT_EQ(transport_->download(get(peer.url()), path_, {}).end, End::answered);
    EXPECT_EQ(transport_->download(get(peer.url()), path_, {}).end, End::broken);
    EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(Download, a_full_disk_is_told_and_what_fitted_is_kept) {
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const std::string text = numbered(400'000);
    Peer peer([&](RawListener& listener) {
        RawSocket first = listener.accept();
        read_request(first);
        first.send("HTTP/1.1 200 OK\r\ncontent-length: 400000\r\n\r\n" + text);
        RawSocket second = listener.accept();
        read_request(second);
        second.send("HTTP/1.1 206 P\r\ncontent-range: bytes 150000-399999/400000\r\ncontent-length: 250000\r\n\r\n" +
                    text.substr(150'000));
    });
    rlimit small = before;
    small.rlim_cur = 150'000;
    ::setrlimit(RLIMIT_FSIZE, &small);
    WireResult result = transport_->download(get(peer.url()), path_, {});
    ::setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_EQ(result.end, End::broken);
    EXPECT_TRUE(result.is_disk_full);
    EXPECT_NE(result.detail.find(path_), std::string::npos) << result.detail;
    EXPECT_EQ(text_of(path_), text.substr(0, 150'000));
    result = transport_->download(get(peer.url()), path_, {});
    EXPECT_EQ(result.end, End::answered) << result.detail;
    EXPECT_FALSE(result.is_disk_full);
    EXPECT_EQ(text_of(path_), text);
}

TEST_F(Download, no_room_at_all_says_what_to_do) {
    Peer peer([&](RawListener& listener) {
        RawSocket socket = listener.accept();
        read_request(socket);
        socket.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    });
    const WireResult result = transport_->download(get(peer.url()), "/dev/full", {});
    EXPECT_EQ(result.end, End::broken);
    EXPECT_TRUE(result.is_disk_full);
    EXPECT_NE(result.detail.find("make room"), std::string::npos) << result.detail;
}

TEST_F(Download, a_file_that_cannot_be_written_asks_nobody_and_a_missing_folder_is_told) {
    Peer peer([&](RawListener& listener) {
        RawSocket socket = listener.accept();
        read_request(socket);
        socket.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    });
    WireResult result = transport_->download(get(peer.url()), folder_.path(), {});
    EXPECT_EQ(result.end, End::not_sent);
    EXPECT_TRUE(result.is_disk_full);
    result = transport_->download(get(peer.url()), folder_.path() / "no" / "file", {});
    EXPECT_EQ(result.end, End::broken);
    EXPECT_TRUE(result.is_disk_full);
}

TEST_F(Download, progress_tells_what_the_file_holds_and_a_stop_keeps_it) {
    write_file(path_, "01234");
    Peer peer([&](RawListener& listener) {
        RawSocket socket = listener.accept();
        read_request(socket);
        socket.send("HTTP/1.1 206 P\r\ncontent-range: bytes 5-99/100\r\ncontent-length: 95\r\n\r\n56789");
        EXPECT_TRUE(socket.is_closed_within(4s));
    });
    std::vector<std::int64_t> told;
    Transport::Hooks hooks;
    hooks.may_go_on = [&](std::int64_t bytes) { return told.push_back(bytes), bytes < 10; };
    const WireResult result = transport_->download(get(peer.url()), path_, hooks);
    EXPECT_EQ(result.end, End::broken);
    EXPECT_TRUE(result.was_stopped);
    EXPECT_EQ(told.back(), 10);
    EXPECT_EQ(text_of(path_), "0123456789");
}

TEST_F(Download, a_large_file_takes_little_memory) {
    Peer peer([&](RawListener& listener) {
        RawSocket socket = listener.accept();
        read_request(socket);
        socket.send("HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(kLarge) + "\r\n\r\n");
        const std::string block(100'000, 'x');
        for (std::int64_t sent = 0; sent < kLarge; sent += 100'000) {
            socket.send(block);
        }
        socket.read_to_end();
    });
    const long before = peak_kib();
    const WireResult result = transport_->download(get(peer.url()), path_, {});
    EXPECT_EQ(result.end, End::answered) << result.detail;
    EXPECT_EQ(std::filesystem::file_size(path_), static_cast<std::uintmax_t>(kLarge));
    if (!kIsSanitized) {
        EXPECT_LT(peak_kib() - before, 5 * 1024);
    }
}

}  // namespace
}  // namespace eco2::test
