#pragma once

#include "rules_sqlite/rule_table.hpp"

#include <Poco/Data/SQLite/Connector.h>
#include <Poco/Data/Session.h>
#include <gtest/gtest.h>

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace rules_sqlite::test {

/// A folder of its own for each test, gone afterwards.
class Fixture : public ::testing::Test {
protected:
    Fixture() {
        std::string name = (std::filesystem::temp_directory_path() / "eco2_rules_XXXXXX").string();
        root_ = mkdtemp(name.data());
    }
    ~Fixture() override {
        std::error_code ec;
        std::filesystem::remove_all(root_, ec);
    }

    std::filesystem::path root() const { return root_; }
    std::string database_path() const { return (root_ / "rules.db").string(); }

    std::filesystem::path folder(std::string_view name) const {
        std::filesystem::create_directories(root_ / name);
        return root_ / name;
    }

    /// A raw connection: what another process would do.
    Poco::Data::Session other_session() const {
        Poco::Data::SQLite::Connector::registerConnector();
        return Poco::Data::Session(Poco::Data::SQLite::Connector::KEY, database_path());
    }

private:
    std::filesystem::path root_;
};

inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string read_whole(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return std::move(text).str();
}

/// The rules that ship.
inline std::filesystem::path shipped_rules() {
    return ECO2_CONFIG_DIR "/data/rules";
}

/// `count` rule files R00_k.json, R01_k.json, ... whose bodies say `mark`.
inline void write_rules(const std::filesystem::path& directory, int count, std::string_view mark) {
    for (int i = 0; i < count; ++i) {
        const std::string category = "R" + std::to_string(i / 10) + std::to_string(i % 10);
        write_file(directory / (category + "_k.json"),
                   R"({"category":")" + category + R"(","mark":")" + std::string(mark) + R"("})");
    }
}

inline std::vector<Rule> make_rules(int count, std::string_view mark) {
    std::vector<Rule> rules;
    for (int i = 0; i < count; ++i) {
        const std::string category = "R" + std::to_string(i / 10) + std::to_string(i % 10);
        rules.push_back({category, "k", R"({"mark":")" + std::string(mark) + R"("})", category + "_k"});
    }
    return rules;
}

}  // namespace rules_sqlite::test
