#include "contract/support.hpp"

#include <sys/stat.h>

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace eco2::contract {
namespace {

namespace fs = std::filesystem;

/// A folder of plugins of its own, copied from the built ones, to be spoilt.
class Loading : public testing::Test {
protected:
    void SetUp() override {
        std::string name = (fs::temp_directory_path() / "eco2_plugins_XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        root_ = name;
        fs::copy(fs::path(CONTRACT_PLUGINS) / "good", plugin(), fs::copy_options::recursive);
        fs::permissions(plugin(), fs::perms::owner_all);
        fs::permissions(library(), fs::perms::owner_all);
    }
    void TearDown() override { fs::remove_all(root_); }

    fs::path plugin() const { return root_ / "good"; }
    fs::path library() const { return plugin() / "good.so"; }
    fs::path manifest() const { return plugin() / "plugin.toml"; }

    Error refusal(bool is_production = false, const std::string& sha256 = "") {
        ManualHost host({.directories = {root_.string()}, .is_production = is_production});
        auto config = ManualHost::config("good");
        config.sha256 = sha256;
        const auto loaded = host.host.load(config);
        EXPECT_FALSE(loaded);
        EXPECT_EQ(host.status().state, plugin_host::InstanceState::failed);
        return loaded ? Error{} : loaded.error();
    }

    bool loads(bool is_production = false, const std::string& sha256 = "") {
        ManualHost host({.directories = {root_.string()}, .is_production = is_production});
        auto config = ManualHost::config("good");
        config.sha256 = sha256;
        const auto loaded = host.host.load(config);
        has_warned_ = host.log.has("can be written by its group");
        return static_cast<bool>(loaded);
    }

    std::string manifest_hash() const {
        std::ifstream in(manifest());
        for (std::string line; std::getline(in, line);) {
            if (line.starts_with("sha256 = \"")) {
                return line.substr(10, 64);
            }
        }
        return {};
    }

    fs::path root_;
    bool has_warned_ = false;
};

TEST_F(Loading, whole_plugin_loads) {
    EXPECT_TRUE(loads());
}

TEST_F(Loading, production_demands_a_configured_hash) {
    EXPECT_EQ(refusal(true).code, Errc::plugin_refused);
    EXPECT_TRUE(loads(true, manifest_hash()));
}

TEST_F(Loading, file_altered_after_its_manifest_is_refused) {
    std::ofstream(library(), std::ios::app) << "x";
    const auto error = refusal();
    EXPECT_EQ(error.code, Errc::plugin_refused);
    EXPECT_NE(error.detail.find("its manifest expects"), std::string::npos) << error.detail;
}

TEST_F(Loading, other_hash_than_the_configured_one_is_refused) {
    const auto error = refusal(false, std::string(64, '0'));
    EXPECT_EQ(error.code, Errc::plugin_refused);
    EXPECT_NE(error.detail.find("the configuration expects"), std::string::npos) << error.detail;
}

TEST_F(Loading, missing_folder_manifest_or_library_is_told) {
    fs::remove(library());
    EXPECT_EQ(refusal().code, Errc::plugin_missing);
    fs::remove(manifest());
    EXPECT_EQ(refusal().code, Errc::plugin_missing);
    fs::remove(plugin());
    EXPECT_EQ(refusal().code, Errc::plugin_missing);
}

TEST_F(Loading, symbolic_link_is_refused) {
    fs::rename(library(), plugin() / "real.so");
    fs::create_symlink("real.so", library());
    EXPECT_EQ(refusal().code, Errc::plugin_refused);
}

TEST_F(Loading, directory_or_fifo_in_place_of_the_library_is_refused) {
    fs::remove(library());
    fs::create_directory(library());
    EXPECT_EQ(refusal().code, Errc::plugin_refused);
    fs::remove(library());
    ASSERT_EQ(::mkfifo(library().c_str(), 0600), 0);
    EXPECT_EQ(refusal().code, Errc::plugin_refused);
}

TEST_F(Loading, writable_by_all_warns_in_development_and_is_refused_in_production) {
    for (const auto& path : {library(), plugin(), manifest(), root_}) {
        const auto before = fs::status(path).permissions();
        fs::permissions(path, before | fs::perms::others_write);
        EXPECT_TRUE(loads()) << path;
        EXPECT_TRUE(has_warned_) << path;
        EXPECT_EQ(refusal(true, manifest_hash()).code, Errc::plugin_refused) << path;
        fs::permissions(path, before);
    }
}

TEST_F(Loading, file_of_another_user_is_refused) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root can give a file away";
    }
    ASSERT_EQ(::chown(library().c_str(), 12'345, 0), 0);
    EXPECT_EQ(refusal().code, Errc::plugin_refused);
}

TEST_F(Loading, text_or_cut_library_is_refused) {
    const auto size = fs::file_size(library());
    for (const auto kept : {std::uintmax_t{0}, std::uintmax_t{10}, std::uintmax_t{64}, size / 2, size - 64}) {
        fs::copy_file(fs::path(CONTRACT_PLUGINS) / "good" / "good.so", library(), fs::copy_options::overwrite_existing);
        fs::resize_file(library(), kept);
        plugin_host::Options options = {.directories = {root_.string()}, .is_production = false};
        EXPECT_NE(plugin_host::PluginHost::list(options).front().problem, "") << kept;
        EXPECT_EQ(refusal().code, Errc::plugin_refused) << kept;
    }
}

TEST_F(Loading, not_an_elf_file_is_refused) {
    { std::ofstream(library()) << "#!/bin/sh\n"; }
    std::ifstream in(manifest());
    std::string text((std::istreambuf_iterator<char>(in)), {});
    const auto at = text.find(manifest_hash());
    text.replace(at, 64, "4bbf7a1e1a9b2fa8a7b4b3a1a80f1b6c8a86e0e4a4e4f2f0a3f0b38ad2a5d3d1");
    { std::ofstream(manifest()) << text; }
    const auto hash_error = refusal().detail;
    const auto actual = hash_error.substr(hash_error.find("SHA-256 is ") + 11, 64);
    text.replace(at, 64, actual);
    { std::ofstream(manifest()) << text; }
    const auto error = refusal();
    EXPECT_EQ(error.code, Errc::plugin_refused);
    EXPECT_NE(error.detail.find("not a shared library"), std::string::npos) << error.detail;
}

struct Spoilt {
    const char* plugin;
    Errc code;
    const char* part;
};

class SpoiltLibrary : public testing::TestWithParam<Spoilt> {};

TEST_P(SpoiltLibrary, is_refused_with_its_reason) {
    ManualHost host;
    const auto loaded = host.load(GetParam().plugin);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, GetParam().code) << loaded.error().text();
    EXPECT_NE(loaded.error().detail.find(GetParam().part), std::string::npos) << loaded.error().detail;
    EXPECT_EQ(host.status().error.code, GetParam().code);
    EXPECT_EQ(host.host.provider(GetParam().plugin), nullptr);
    EXPECT_TRUE(host.host.stop(std::chrono::milliseconds(0)));
}

INSTANTIATE_TEST_SUITE_P(Each,
                         SpoiltLibrary,
                         testing::Values(Spoilt{"wrong_marker", Errc::plugin_abi, "rebuild it with the SDK of draft 2"},
                                         Spoilt{"wrong_manifest_draft", Errc::plugin_abi, "rebuild it with the SDK of draft 2"},
                                         Spoilt{
                                             "wrong_descriptor_draft", Errc::plugin_abi, "rebuild it with the SDK of draft 2"},
                                         Spoilt{"no_marker", Errc::plugin_abi, "exactly one marker"},
                                         Spoilt{"extra_symbol", Errc::plugin_refused, "eco2_contract_extra"},
                                         Spoilt{"undefined_symbol", Errc::plugin_failed, "eco2_contract_nobody_has_this"},
                                         Spoilt{"other_id", Errc::plugin_refused, "somebody_else"},
                                         Spoilt{"other_interfaces", Errc::plugin_refused, "interfaces"},
                                         Spoilt{"fails_create", Errc::plugin_failed, "no_model: model is not there"},
                                         Spoilt{"throws_in_create", Errc::plugin_failed, "it threw"},
                                         Spoilt{"fails_start", Errc::plugin_failed, "could not start"},
                                         Spoilt{"lacks_interface", Errc::plugin_failed, "does not answer it"},
                                         Spoilt{"short_table", Errc::plugin_contract, "incomplete table"},
                                         Spoilt{"not_there", Errc::plugin_missing, "not_there"},
                                         Spoilt{"../good", Errc::plugin_refused, "not a plugin id"}),
                         [](const auto& each) {
                             std::string name = each.param.plugin;
                             std::replace_if(
                                 name.begin(), name.end(), [](char letter) { return letter == '/' || letter == '.'; }, '_');
                             return name;
                         });

TEST(PluginList, names_all_without_mapping_any) {
    const auto all = plugin_host::PluginHost::list({.directories = {CONTRACT_PLUGINS}, .is_production = false});
    const auto find = [&all](std::string_view id) {
        return std::find_if(all.begin(), all.end(), [id](const auto& summary) { return summary.id == id; });
    };
    ASSERT_NE(find("good"), all.end());
    EXPECT_EQ(find("good")->problem, "");
    EXPECT_EQ(find("good")->version, "1.0.0");
    EXPECT_EQ(find("good")->licence, "test");
    EXPECT_NE(find("wrong_marker")->problem, "");
    EXPECT_NE(find("extra_symbol")->problem, "");
}

}  // namespace
}  // namespace eco2::contract
