#include "e2e/programs.hpp"

#include <boost/json/parse.hpp>

#include <csignal>

namespace eco2::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
        text.replace(at, from.size(), to);
    }
    return text;
}

/// A real browser with a page of another site: CORS, a one-time token, EventSource.
class Browser : public Programs {};

TEST_F(Browser, a_page_of_another_site_submits_and_sees_every_event) {
    ASSERT_TRUE(fs::exists("/usr/bin/chromium")) << "deploy/packages.sh test installs it";
    const auto site_port = free_port();
    const auto origin = "http://127.0.0.1:" + std::to_string(site_port);
    copy_config();
    edit("eco2.toml", "#mode = \"none\" ", "mode = \"key\" ");
    edit("eco2.toml", "#origins = []", "origins = [\"" + origin + "\"]");
    start_fake({"--vision-ms", "100", "--answer-ms", "300"});
    const auto made = run({"keys", "create", "--name", "page", "--json", "--config", config_file, "--data", data_dir});
    ASSERT_EQ(made.exit_code, 0) << made;
    start_serve();
    const std::string key(boost::json::parse(made.out).at("key").as_string());
    const auto page = read(source_dir() / "tests/e2e/browser/page.html");
    fs::create_directories(directory / "site");
    write(directory / "site" / "page.html",
          replaced(replaced(page, "API_KEY", key), "API_URL", "http://127.0.0.1:" + std::to_string(serve_port_)));
    Command site{"/usr/bin/python3", {source_dir() / "tests/e2e/browser/site.py", std::to_string(site_port)}, {}};
    site.environment = {{"PATH", "/usr/bin:/bin"}};
    site.arguments.push_back((directory / "site").string());
    const auto server = start(site);
    ASSERT_TRUE(eventually([&] { return http(site_port, "GET", "/page.html").status == 200; }));
    Command chromium{"/usr/bin/chromium",
                     {"--headless",
                      "--no-sandbox",
                      "--disable-gpu",
                      "--remote-debugging-port=0",
                      "--user-data-dir=" + (directory / "browser").string(),
                      origin + "/page.html"},
                     {}};
    chromium.environment = {{"PATH", "/usr/bin:/bin"}, {"HOME", directory.string()}};
    const auto browser = start(chromium);
    ASSERT_TRUE(server->out_has("done ")) << server->out() << server->err();
    EXPECT_EQ(server->out().substr(0, server->out().find("\n\n") + 1),
              "submitted 202\nform 415 IMAGE_UNSUPPORTED\nqueued started\nvision started\nvision completed\nrule started\nrule "
              "completed\nanswer started\nanswer completed\nreward started\nreward completed\ndone completed\n");
    browser->signal(SIGKILL);
}

}  // namespace
}  // namespace eco2::test
