#include "e2e/programs.hpp"

namespace eco2::test {
namespace {

namespace fs = std::filesystem;

/// The official Node SDK, pinned: before a front door whose provider does what the model's name says, and at the fake provider.
class SdkOpenai : public Programs {
protected:
    /// Installs the SDK once for the build; needs the npm registry or npm's cache then.
    fs::path installed() {
        const auto place = build_dir() / "tests" / "sdk_openai";
        fs::create_directories(place);
        const auto source = source_dir() / "tests/e2e/sdk_openai";
        for (const auto* file : {"package.json", "package-lock.json", ".npmrc", "sdk_test.mjs", "batch_test.mjs"}) {
            fs::copy_file(source / file, place / file, fs::copy_options::overwrite_existing);
        }
        if (!fs::exists(place / "node_modules/openai/package.json")) {
            Command npm{"/bin/sh", {"-c", "cd '" + place.string() + "' && npm ci --no-audit --no-fund --prefer-offline"}, {}};
            npm.environment = {{"PATH", path()}, {"HOME", home()}};
            const auto installing = start(npm);
            const auto left = ended(*installing);
            EXPECT_EQ(left.exit_code, 0) << "the SDK could not be installed: " << left;
        }
        return place;
    }
    /// Runs a script of the SDK's against `base_url`, to its "all well".
    void expect_well(const fs::path& script, const std::string& base_url) {
        Command node{"/bin/sh", {"-c", "exec node '" + script.string() + "' " + base_url}, {}};
        node.environment = {{"PATH", path()}, {"HOME", home()}};
        const auto client = start(node);
        const auto left = ended(*client);
        EXPECT_EQ(left.exit_code, 0) << left;
        EXPECT_TRUE(left.shows("all well")) << left;
    }
    static std::string path() { return std::getenv("PATH") == nullptr ? "/usr/bin:/bin" : std::getenv("PATH"); }
    static std::string home() { return std::getenv("HOME") == nullptr ? "/tmp" : std::getenv("HOME"); }
};

TEST_F(SdkOpenai, runs_unchanged_against_the_front_door) {
    const auto place = installed();
    ASSERT_TRUE(fs::exists(place / "node_modules/openai/package.json"));
    const auto server = start(Command{ECO2_TEST_FRONT_SERVER, {}, {}});
    ASSERT_TRUE(server->out_has("port ")) << server->err();
    const auto port = server->out().substr(5, server->out().find('\n') - 5);
    expect_well(place / "sdk_test.mjs", "http://127.0.0.1:" + port + "/v1");
}

TEST_F(SdkOpenai, makes_batches_at_the_fake_provider) {
    const auto place = installed();
    ASSERT_TRUE(fs::exists(place / "node_modules/openai/package.json"));
    start_fake();
    expect_well(place / "batch_test.mjs", environment["OPENAI_BASE_URL"]);
}

}  // namespace
}  // namespace eco2::test
