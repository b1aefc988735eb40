#include "plugin_host/manifest.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace eco2::plugin_host {
namespace {

const std::string kHash(64, 'a');

std::vector<std::string> whole() {
    return {"id = \"openai\"",
            "version = \"1.2.0\"",
            "abi_draft = 2",
            "file = \"openai.so\"",
            "sha256 = \"" + kHash + "\"",
            "interfaces = [\"eco2.draft.provider/0\", \"eco2.draft.health/0\"]",
            "licence = \"Apache-2.0\""};
}

std::string text_of(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) {
        text += line + "\n";
    }
    return text;
}

TEST(Manifest, whole_one_is_read) {
    const auto manifest = parse_manifest(text_of(whole()), "plugin.toml");
    ASSERT_TRUE(manifest) << manifest.error().text();
    EXPECT_EQ(manifest->id, "openai");
    EXPECT_EQ(manifest->version, "1.2.0");
    EXPECT_EQ(manifest->abi_draft, 2);
    EXPECT_EQ(manifest->file, "openai.so");
    EXPECT_EQ(manifest->sha256, kHash);
    EXPECT_EQ(manifest->interfaces.size(), 2U);
    EXPECT_EQ(manifest->licence, "Apache-2.0");
}

TEST(Manifest, each_key_is_needed) {
    for (std::size_t i = 0; i < whole().size(); ++i) {
        auto lines = whole();
        lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(i));
        const auto manifest = parse_manifest(text_of(lines), "plugin.toml");
        ASSERT_FALSE(manifest) << whole()[i];
        EXPECT_EQ(manifest.error().code, Errc::plugin_refused);
        EXPECT_NE(manifest.error().detail.find("missing key"), std::string::npos) << manifest.error().detail;
    }
}

TEST(Manifest, each_wrong_type_or_value_is_told_with_its_line) {
    const std::vector<std::pair<std::size_t, std::string>> wrong = {{0, "id = 1"},
                                                                    {0, "id = \"\""},
                                                                    {1, "version = 1.2"},
                                                                    {2, "abi_draft = \"1\""},
                                                                    {2, "abi_draft = 2.0"},
                                                                    {3, "file = \"../openai.so\""},
                                                                    {3, "file = \"/lib/openai.so\""},
                                                                    {3, "file = \"..\""},
                                                                    {4, "sha256 = \"abc\""},
                                                                    {4, "sha256 = \"" + std::string(64, 'A') + "\""},
                                                                    {5, "interfaces = \"eco2.draft.provider/0\""},
                                                                    {5, "interfaces = []"},
                                                                    {5, "interfaces = [1]"},
                                                                    {6, "licence = []"}};
    for (const auto& [line, text] : wrong) {
        auto lines = whole();
        lines[line] = text;
        const auto manifest = parse_manifest(text_of(lines), "plugin.toml");
        ASSERT_FALSE(manifest) << text;
        const auto place = "plugin.toml:" + std::to_string(line + 1) + ":";
        EXPECT_NE(manifest.error().detail.find(place), std::string::npos) << text << " -> " << manifest.error().detail;
    }
}

TEST(Manifest, unknown_key_is_refused_with_its_line) {
    auto lines = whole();
    lines.emplace_back("homepage = \"x\"");
    const auto manifest = parse_manifest(text_of(lines), "plugin.toml");
    ASSERT_FALSE(manifest);
    EXPECT_EQ(manifest.error().detail, "plugin.toml:8: unknown key homepage");
}

TEST(Manifest, input_cut_at_every_byte_never_reads_as_whole) {
    const auto text = text_of(whole());
    for (std::size_t size = 0; size + 2 < text.size(); ++size) {
        EXPECT_FALSE(parse_manifest(text.substr(0, size), "plugin.toml")) << size;
    }
}

}  // namespace
}  // namespace eco2::plugin_host
