#include "e2e/programs.hpp"
#include "support/raw_socket.hpp"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <future>

namespace eco2::test {
namespace {

using std::chrono::steady_clock;

class Serve : public Programs {
protected:
    /// Configuration or surroundings are at fault: it never starts.
    Ended refused(const Arguments& arguments) {
        environment["OPENAI_BASE_URL"] = "http://127.0.0.1:1/v1";
        const auto result = run(arguments);
        EXPECT_EQ(result.exit_code, 3) << result;
        return result;
    }

    /// A scan whose first frame has been read.
    RawSocket scan_in_flight() {
        auto socket = RawSocket::connect(serve_port_);
        socket.send(request_text("POST", kScanPath, kUrlBody));
        EXPECT_NE(socket.read_until("\"status\":\"started\"").find("200 OK"), std::string::npos);
        EXPECT_TRUE(eventually([&] { return fake_count("open") > 0; }));
        return socket;
    }
};

TEST_F(Serve, answers_and_stops_when_told) {
    start_fake();
    start_serve();
    EXPECT_EQ(get("/health").status, 200);
    EXPECT_EQ(get("/ready").status, 200);
    const auto reply = scan(kUrlBody);
    ASSERT_EQ(reply.frames().size(), 9U) << reply.head << reply.body;
    EXPECT_TRUE(reply.is_whole);
    EXPECT_NE(reply.frames().back().find("\"result\""), std::string::npos);
    const auto with_photo = scan(photo_body("pet_bottle.jpg"));
    EXPECT_EQ(with_photo.frames().size(), 9U) << with_photo.head << with_photo.body;
    EXPECT_EQ(stop_serve(), 0);
    EXPECT_EQ(serve_process->out(), "") << "the log goes to standard error";
}

TEST_F(Serve, without_users_it_refuses_to_listen_to_the_network) {
    const auto result = refused(serve_arguments({"--listen", "0.0.0.0:0"}));
    EXPECT_TRUE(result.tells("auth.mode") && result.tells("0.0.0.0")) << result;
}

TEST_F(Serve, a_port_in_use_is_told_whoever_uses_it) {
    const RawListener stranger;
    const auto taken = "127.0.0.1:" + std::to_string(stranger.port());
    const auto result = refused(serve_arguments({"--listen", taken}));
    EXPECT_TRUE(result.tells("cannot listen on " + taken) && result.tells("in use")) << result;
    start_fake();
    const auto provider = environment["OPENAI_BASE_URL"];
    start_serve();
    const auto ours = "127.0.0.1:" + std::to_string(serve_port_);
    const auto second = refused({"serve", "--listen", ours, "--data", directory / "other"});
    EXPECT_TRUE(second.tells("cannot listen on " + ours)) << second;
    EXPECT_EQ(get("/health").status, 200) << "the first one goes on";
}

TEST_F(Serve, a_data_directory_that_cannot_be_written_is_told) {
    write(directory / "file", "not a directory");
    const auto path = directory / "file" / "data";
    const auto result = refused({"serve", "--listen", "127.0.0.1:0", "--data", path});
    EXPECT_TRUE(result.tells(path.native())) << result;
    std::filesystem::create_directories(data_dir / "grants.db");
    const auto blocked = refused({"serve", "--listen", "127.0.0.1:0", "--data", data_dir});
    EXPECT_TRUE(blocked.tells("grants.db")) << blocked;
}

TEST_F(Serve, a_run_in_flight_is_finished_after_sigterm_and_nobody_else_is_let_in) {
    start_fake({"--vision-ms", "1500", "--answer-ms", "5"});
    start_serve();
    auto running = scan_in_flight();
    auto idle = RawSocket::connect(serve_port_);
    serve_process->signal(SIGTERM);
    ASSERT_TRUE(serve_process->err_has(R"("msg":"draining")"));
    EXPECT_TRUE(idle.is_closed_within(std::chrono::seconds(1)));
    ASSERT_TRUE(eventually([&] {
        const auto late = http(serve_port_, "GET", "/ready");
        return late.status == 0 || late.status == 503;
    }));
    const auto rest = running.read_to_end();
    EXPECT_NE(rest.find(R"("step":"reward","status":"completed","progress":100,"result":{)"), std::string::npos) << rest;
    EXPECT_TRUE(rest.ends_with("\r\n0\r\n\r\n")) << rest;
    EXPECT_EQ(ended(*serve_process).exit_code, 0);
}

TEST_F(Serve, a_second_sigterm_ends_it_at_once) {
    start_fake({"--vision-ms", "60000"});
    start_serve();
    auto running = scan_in_flight();
    serve_process->signal(SIGTERM);
    ASSERT_TRUE(serve_process->err_has(R"("msg":"draining")"));
    EXPECT_FALSE(running.is_closed_within(std::chrono::milliseconds(1500))) << "one signal lets the run go on";
    const auto told = steady_clock::now();
    serve_process->signal(SIGTERM);
    EXPECT_EQ(ended(*serve_process).exit_code, 0);
    EXPECT_LT(steady_clock::now() - told, std::chrono::seconds(4));
    EXPECT_TRUE(serve_process->err_has("runs cut off"));
    EXPECT_TRUE(running.is_closed_within(std::chrono::seconds(1)));
}

TEST_F(Serve, output_that_nobody_takes_does_not_stop_it) {
    start_fake();
    for (const auto stream : {Stream::closed, Stream::full}) {
        serve_port_ = free_port();
        Command command{{}, serve_arguments({"--listen", "127.0.0.1:" + std::to_string(serve_port_)}), {}};
        command.out = stream;
        command.err = stream;
        serve_process = start(command);
        ASSERT_TRUE(eventually([&] { return get("/ready").status == 200; }));
        EXPECT_EQ(scan("{}").status, 200);
        EXPECT_EQ(scan("no JSON").status, 422);
        EXPECT_EQ(scan(kUrlBody).frames().size(), 9U);
        const auto nothing = stream == Stream::full ? "/dev/full" : "/dev/null";
        EXPECT_EQ(serve_process->descriptor(STDOUT_FILENO), nothing) << "what is printed goes into no file of the host's";
        EXPECT_EQ(serve_process->descriptor(STDERR_FILENO), nothing);
        EXPECT_EQ(stop_serve(), 0);
    }
}

}  // namespace
}  // namespace eco2::test
